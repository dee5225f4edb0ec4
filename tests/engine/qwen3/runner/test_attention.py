"""Which kernel attention is given to on a card, and for which shapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from tests.engine.configs import device_plan
from wyoming_qwen3tts.cli.bench import card as bench_card
from wyoming_qwen3tts.engine.qwen3 import loading
from wyoming_qwen3tts.engine.qwen3.loading import load_models, prepare_device
from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs
from wyoming_qwen3tts.model.fused import lean

SLOTS, POSITIONS = 2, 300


class Attention(TorchFunctionMode):
    """Sees each call of attention: rows, queries and keys."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[int, int, int]] = set()
        self.by_cudnn = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is F.scaled_dot_product_attention:
            query, key = args[:2]
            self.shapes.add((query.shape[0], query.shape[-2], key.shape[-2]))
            self.by_cudnn += torch.backends.cuda.cudnn_sdp_enabled()  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


@pytest.fixture(autouse=True)
def cudnn_as_torch_has_it() -> Iterator[None]:
    torch.backends.cuda.enable_cudnn_sdp(True)
    yield
    torch.backends.cuda.enable_cudnn_sdp(True)


def test_no_recording_gives_attention_to_cudnn_and_its_shapes_are_these(tiny_folders: dict[Any, Path]) -> None:
    models = load_models([tiny_folders["custom_voice"]], device_plan(), None, lambda _: None)
    lean(models.checkpoints[0].model)
    prepare_device("cuda:0")
    with Attention() as seen:
        ModelRunner(models.checkpoints[0], models.codecs[0], slots=SLOTS, positions=POSITIONS, graphs=SimulatedGraphs())

    assert seen.by_cudnn == 0
    rows = range(1, SLOTS + 1)
    talker = {(row, 2, context_len) for row in rows for context_len in (128, 256, POSITIONS)}
    predictor = {(row, 2, keys) for row in rows for keys in range(3, 17)} | {(row, 4, 2) for row in rows}
    prompts = {(1, 2 * length, 256) for length in (16, 32, 64, 128)}  # two heads of queries for one of keys
    codec = {(1, 1, 72), (2, 1, 72), (1, 2, 73), (2, 2, 73), (1, 4, 75)}
    assert seen.shapes == talker | predictor | prompts | codec


@pytest.mark.parametrize(("device", "stays"), [("cuda:0", False), ("cpu", True)])
def test_it_is_set_before_a_checkpoint_is_read_onto_a_card(
    tiny_folders: dict[Any, Path], monkeypatch: pytest.MonkeyPatch, device: str, stays: bool
) -> None:
    class Enough(Exception):
        pass

    seen: list[bool] = []

    def read(*_: Any) -> None:
        seen.append(torch.backends.cuda.cudnn_sdp_enabled())  # type: ignore[no-untyped-call]
        raise Enough

    monkeypatch.setattr(loading, "load_language_model", read)
    monkeypatch.setattr(bench_card, "random_models", lambda *_, **__: read())
    with pytest.raises(Enough):
        load_models([tiny_folders["custom_voice"]], device_plan(device), None, lambda _: None)
    torch.backends.cuda.enable_cudnn_sdp(True)
    with pytest.raises(Enough):
        bench_card.load_source("0.6B", device, torch.float32)

    assert seen == [stays, stays]
