"""The two networks that hear a reference clip, from a checkpoint's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.parity import build
from wyoming_qwen3tts.model.checkpoint.codec_weights import open_decoder
from wyoming_qwen3tts.model.checkpoint.config import ModelConfig, load_config
from wyoming_qwen3tts.model.checkpoint.files import ModelFileError
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.reference_codes import load_reference_encoder, open_reference_encoder
from wyoming_qwen3tts.model.speaker import FFT, SAMPLES_MIN, mel_filters, open_speaker_encoder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("base"), "base")


@pytest.fixture
def config(base: Path) -> ModelConfig:
    return load_config(base)


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def test_a_clip_becomes_one_vector_as_wide_as_the_talker(base: Path, config: ModelConfig) -> None:
    vector = open_speaker_encoder(base, config)(build.speech())

    assert vector.shape == (config.talker.stack.hidden_size,)
    assert vector.dtype == torch.float32


def test_the_vector_takes_the_type_it_is_asked_for(base: Path, config: ModelConfig) -> None:
    exact = open_speaker_encoder(base, config)(build.speech())

    rough = open_speaker_encoder(base, config, dtype=torch.bfloat16)(build.speech())

    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=0.1, rtol=0.1)


def test_the_shortest_clip_that_can_be_reflected_has_a_voice(base: Path, config: ModelConfig) -> None:
    vector = open_speaker_encoder(base, config)(build.speech()[5000 : 5000 + SAMPLES_MIN])

    assert torch.isfinite(vector).all()


def test_other_voices_have_other_vectors(base: Path, config: ModelConfig) -> None:
    encoder = open_speaker_encoder(base, config)

    assert not torch.allclose(encoder(build.speech()), encoder(build.speech().flip(0)), atol=1e-3)


def test_only_a_base_checkpoint_has_a_speaker_encoder(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path, "custom_voice")

    with pytest.raises(ModelFileError, match="only Base checkpoints can clone"):
        open_speaker_encoder(folder, load_config(folder))


def test_each_mel_filter_has_the_area_of_every_other() -> None:
    filters = mel_filters(24000, 40).double()

    areas = filters.sum(1) * 24000 / FFT
    torch.testing.assert_close(areas, torch.ones(40, dtype=torch.float64), atol=0.02, rtol=0)


@pytest.mark.parametrize(("samples", "frames"), [(1920, 1), (1921, 2), (85200, 45)])
def test_every_started_frame_of_a_clip_gets_its_codes(
    base: Path, config: ModelConfig, samples: int, frames: int
) -> None:
    codes = open_reference_encoder(base / "speech_tokenizer", config.codec)(build.speech()[:samples])

    assert codes.shape == (frames, 16)
    assert codes.dtype == torch.int64
    assert 0 <= int(codes.min()) <= int(codes.max()) < config.codec.codebook_size


def test_codes_of_a_clip_can_be_decoded_again(base: Path, config: ModelConfig) -> None:
    codes = open_reference_encoder(base / "speech_tokenizer", config.codec)(build.speech())

    samples = open_decoder(base / "speech_tokenizer", config.codec)(codes[None])

    assert samples.shape == (1, 45 * 1920)
    assert samples.std() > 0


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_encoder_tensors_of_another_network_are_refused(change: str) -> None:
    tensors = build.encoder_weights()
    if change == "missing":
        del tensors["encoder.downsample.conv.weight"]
    else:
        tensors["encoder.encoder.layers.99.conv.weight"] = torch.zeros(1)

    with pytest.raises(ModelFileError, match=r"does not match its config\.json"):
        load_reference_encoder(tensors, build.codec_config())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_decoder_opens_from_its_folder_in_the_type_asked_for(
    base: Path, config: ModelConfig, dtype: torch.dtype
) -> None:
    decoder = open_decoder(base / "speech_tokenizer", config.codec, dtype=dtype)

    samples = decoder.step(torch.ones(1, 2, 16, dtype=torch.int64), decoder.init_state(1))

    assert samples.shape == (1, 2 * config.codec.frame_samples)
    assert samples.dtype == dtype
    assert not any(parameter.requires_grad for parameter in decoder.parameters())


def test_a_damaged_codec_file_is_refused_before_it_is_mapped(tmp_path: Path) -> None:
    folder = write_tiny_checkpoint(tmp_path, "base")
    config = load_config(folder).codec
    file = folder / "speech_tokenizer" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])

    for opener in (open_decoder, open_reference_encoder):
        with pytest.raises(ModelFileError, match="truncated"):
            opener(folder / "speech_tokenizer", config)
