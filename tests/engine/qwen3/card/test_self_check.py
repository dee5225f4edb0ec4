"""A card that computes something else than the CPU is found out before it speaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.configs import device_plan, engine_config
from tests.fake_cuda import FakeCuda, fake_cuda
from wyoming_qwen3tts.engine.qwen3.card import self_check
from wyoming_qwen3tts.engine.qwen3.card.self_check import BOUNDS, check_arithmetic, trusted
from wyoming_qwen3tts.engine.qwen3.loading import Models
from wyoming_qwen3tts.errors import DeviceLost

DTYPES = ("float32", "bfloat16")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    with fake_cuda(monkeypatch) as card:
        yield card


def a_hundredth(models: Models) -> None:
    stack: Any = models.checkpoints[0].model.talker.stack
    stack.layers[1].mlp.down.weight.mul_(1.01)


def no_number(models: Models) -> None:
    first: Any = models.codecs[0].layers[0]
    first.bias[0] = float("nan")


def swapped_heads(models: Models) -> None:
    stack: Any = models.checkpoints[0].model.predictor.stack
    weight = stack.layers[0].attention.qkv.weight
    heads = weight.view(-1, stack.config.head_dim, weight.shape[1])
    heads[[0, 1]] = heads[[1, 0]]


def sabotage(monkeypatch: pytest.MonkeyPatch, harm: Callable[[Models], None]) -> None:
    plain = self_check._models

    def harmed(folder: Path, device: str, dtype: str) -> Models:
        models = plain(folder, device, dtype)
        if device != "cpu":
            with torch.inference_mode():
                harm(models)
        return models

    monkeypatch.setattr(self_check, "_models", harmed)


def test_a_card_that_computes_the_same_is_trusted(card: FakeCuda) -> None:
    verdict = check_arithmetic("cuda:0", DTYPES)

    assert verdict.why is None
    assert set(verdict.errors) == {
        *("talker in float32", "scores in float32", "codec in float32", "talker in bfloat16", "scores in bfloat16")
    }
    assert max(verdict.errors.values()) < 1e-5  # the codec takes all rows at once there
    chosen = device_plan("cuda:0", "bfloat16")
    assert trusted(chosen, engine_config())[0] is chosen


@pytest.mark.parametrize(
    ("harm", "stage"), [(a_hundredth, "talker"), (no_number, "codec"), (swapped_heads, "scores")], ids=str
)
def test_what_differs_is_found_and_named(
    card: FakeCuda, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Models], None], stage: str
) -> None:
    sabotage(monkeypatch, harm)
    verdict = check_arithmetic("cuda:0", ("float32",))

    assert verdict.why is not None
    assert f"{stage} in float32 by " in verdict.why


@pytest.mark.parametrize(
    ("asked", "device", "says"),
    [
        (
            {"kind": "qwen3"},
            "cpu",
            "The CPU speaks, slower than a graphics card: cuda:0 is not used: it ",
        ),
        ({"kind": "auto"}, None, "Qwen3-TTS is off: cuda:0 is not used: it computes otherwise than the CPU: talker"),
        ({"kind": "qwen3", "device": "cuda"}, None, "Qwen3-TTS is off: cuda:0 is not used"),
    ],
)
def test_a_card_that_cannot_be_trusted_is_left_for_the_next_safer_road(
    card: FakeCuda, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], device: str | None, says: str
) -> None:
    sabotage(monkeypatch, a_hundredth)
    safer, said = trusted(device_plan("cuda:0"), engine_config(**asked))

    assert (safer.device, safer.graphs, said) == (device, False, "")
    assert safer.reasons[-1].startswith(says)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "cuda:0 was not checked: CUDA out of memory"),
        (torch.AcceleratorError("CUDA error: no kernel image is available for execution"), None),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), DeviceLost),
    ],
)
def test_a_check_that_cannot_be_made_says_what_that_means(
    card: FakeCuda, monkeypatch: pytest.MonkeyPatch, error: Exception, outcome: str | type[Exception] | None
) -> None:
    def fails(_: Models) -> None:
        raise error

    sabotage(monkeypatch, fails)
    chosen = device_plan("cuda:0")
    if outcome is DeviceLost:
        with pytest.raises(DeviceLost, match="launch failure"):
            trusted(chosen, engine_config())
        return
    safer, said = trusted(chosen, engine_config())
    assert said == (outcome or "")
    assert (safer is chosen) == (outcome is not None)


def test_the_bounds_are_tight_enough_for_an_error_of_a_hundredth() -> None:
    assert BOUNDS["float32"] < 1e-2
