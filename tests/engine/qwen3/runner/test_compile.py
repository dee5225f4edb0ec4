"""`torch.compile` sees a whole frame as one graph: nothing in it stops the compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from wyoming_qwen3tts.engine.qwen3.runner.frames import SlotTensors, frame_step
from wyoming_qwen3tts.model.card.compiled import CompiledKernels
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.model.fused import PLAIN, lean, use_kernels
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.sampling import FrameSampling

Step = Callable[..., None]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    shape = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)
    return lean(load_checkpoint(write_tiny_checkpoint(tmp_path_factory.mktemp("compile") / "m", shape=shape)).model)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@torch.inference_mode()
def spoken(model: LanguageModel, step: Step, frames: int = 2) -> tuple[list[Tensor], Tensor]:
    """Codes of two rows at positions of their own, and the cache that they leave."""
    tensors = SlotTensors(model, 2, 64)
    for row in range(2):
        tensors.state.restart(row, 5 + row, seed=row + 1)
    tensors.text.copy_(torch.sin(torch.arange(tensors.text.numel())).view_as(tensors.text))
    rows, found = tensors.rows(0, 2), []
    for _ in range(frames):
        step(model, FrameSampling(), rows, 64)
        found.append(rows.found.clone())
    assert tensors.state.cache.joined is not None
    return found, tensors.state.cache.joined


def test_the_compiled_road_says_the_same(model: LanguageModel) -> None:
    """Its own functions, by a backend that makes no kernels: what it hands to the compiler is whole and right."""
    expected, cache = spoken(model, frame_step)
    use_kernels(model, CompiledKernels(backend="aot_eager"))
    try:
        found, compiled_cache = spoken(model, frame_step)
    finally:
        use_kernels(model, PLAIN)

    assert torch.equal(torch.stack(found), torch.stack(expected))
    torch.testing.assert_close(compiled_cache, cache, atol=1e-6, rtol=1e-6)


def test_a_frame_is_one_graph_and_says_the_same(model: LanguageModel) -> None:
    expected, cache = spoken(model, frame_step)
    compiled = torch.compile(frame_step, fullgraph=True, backend="aot_eager", dynamic=False)
    found, compiled_cache = spoken(model, compiled)

    assert torch.equal(torch.stack(found), torch.stack(expected))
    torch.testing.assert_close(compiled_cache, cache, atol=1e-6, rtol=1e-6)
