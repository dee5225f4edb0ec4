"""Both published sizes have the shapes and parameter counts of the published files."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import pytest
import torch

from wyoming_qwen3tts.model.checkpoint.published import Size, published_config, random_language_model
from wyoming_qwen3tts.model.checkpoint.shapes import (
    TEXT_TABLE,
    codec_decoder_shapes,
    codec_shapes,
    language_model_entries,
    model_shapes,
)
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint, build_on_meta
from wyoming_qwen3tts.model.sampling import FrameSampling


def elements(shapes: dict[str, tuple[int, ...]], *starts: str) -> int:
    return sum(prod(shape) for name, shape in shapes.items() if name.startswith(starts or ("",)))


def test_the_small_base_model_has_the_published_number_of_parameters_and_tensors() -> None:
    shapes = model_shapes(published_config("0.6B", "base"))

    assert elements(shapes) == 914_643_008
    assert elements(shapes, "speaker_encoder.") == 8_854_336
    assert len(shapes) == 478


def test_the_codec_has_the_published_number_of_parameters_and_tensors() -> None:
    shapes = codec_shapes(published_config("0.6B").codec)

    assert elements(shapes) == 170_557_441
    assert len(shapes) == 496
    assert round(elements(codec_decoder_shapes(published_config("0.6B").codec)) / 1e6, 1) == 114.3


@pytest.mark.parametrize(
    ("size", "layers", "head", "text", "projection", "predictor", "embeddings"),
    [("0.6B", 440.5, 3.15, 311.2, 6.3, 78.7, 31.5), ("1.7B", 1409.4, 6.29, 311.2, 8.4, 80.8, 62.9)],
)
def test_every_part_has_its_published_size(
    size: Size, layers: float, head: float, text: float, projection: float, predictor: float, embeddings: float
) -> None:
    shapes = model_shapes(published_config(size))
    small = "talker.code_predictor."

    def millions(*starts: str) -> float:
        return elements(shapes, *starts) / 1e6

    assert millions("talker.model.layers.", "talker.model.norm.") == pytest.approx(layers, abs=0.05)
    assert millions("talker.codec_head.") == millions("talker.model.codec_embedding.") == pytest.approx(head, abs=0.005)
    assert millions(TEXT_TABLE) == pytest.approx(text, abs=0.05)
    assert millions("talker.text_projection.") == pytest.approx(projection, abs=0.05)
    parts = (f"{small}model.layers.", f"{small}model.norm.", f"{small}small_to_mtp_projection.")
    assert millions(*parts) == pytest.approx(predictor, abs=0.05)
    assert millions(f"{small}lm_head.") == pytest.approx(31.5, abs=0.05)
    assert millions(f"{small}model.codec_embedding.") == pytest.approx(embeddings, abs=0.05)


@pytest.mark.parametrize("size", ["0.6B", "1.7B"])
def test_the_networks_built_on_the_meta_device_take_exactly_the_published_tensors(size: Size) -> None:
    config = published_config(size)
    model = build_on_meta(config)

    filled = {
        parameter: (sum(shape[0] for _, shape in sources), *sources[0][1][1:])
        for parameter, sources in language_model_entries(config)
    }

    assert {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} == filled
    assert all(parameter.is_meta for parameter in model.parameters())
    assert model.talker.stack.inv_freq.device == torch.device("cpu")


def test_a_random_model_of_any_shape_makes_frames(tiny: Checkpoint) -> None:
    model = random_language_model(tiny.config, seed=1)
    state = model.init_state(2, 8)
    sampling = FrameSampling()

    with torch.inference_mode():
        codes, embedding = model.frame(torch.ones(2, 1, 64, dtype=torch.bfloat16), state, sampling)

    assert embedding.dtype == torch.bfloat16
    assert embedding.isfinite().all()
    assert codes[:, 1:].max() < 256


@pytest.mark.parametrize("dim", [256, 512])
def test_the_encoder_has_quantizer_projections_only_where_widths_differ(dim: int) -> None:
    codec = published_config("0.6B").codec
    shapes = codec_shapes(replace(codec, encoder={"vector_quantization_hidden_dimension": dim}))

    assert any("quantizer.semantic_residual_vector_quantizer.input_proj" in name for name in shapes) == (dim != 512)
