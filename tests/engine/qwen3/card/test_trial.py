"""The engine takes the road that was asked for if it is right, the fastest that is known, and a safer one otherwise."""

from __future__ import annotations

import importlib.util
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.configs import device_plan, engine_config
from tests.fake_cuda import FakeCuda, fake_cuda
from wyoming_qwen3tts.engine.qwen3.card import trial
from wyoming_qwen3tts.engine.qwen3.card.roads import Key, Road, RoadMemory
from wyoming_qwen3tts.engine.qwen3.card.trial import Asked, road_for
from wyoming_qwen3tts.engine.qwen3.loading import build_runners, graphs_for, load_models
from wyoming_qwen3tts.engine.qwen3.runner import codec, graphed_frames, prefill
from wyoming_qwen3tts.engine.qwen3.runtime import Runtime
from wyoming_qwen3tts.errors import DeviceLost
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.model.fused import PLAIN, PlainKernels, use_kernels
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.layers import RMSNorm
from wyoming_qwen3tts.model.rounded import Weight

LEAST = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=2)


class Right(PlainKernels):
    """Kernels of its own that say the same."""

    name = "fused"


class Wrong(Right):
    """A gate of the wrong sign."""

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        return -2 * super().gated(flat, norm, weight)


class Raises(Right):
    """What a compiler says."""

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        raise ValueError("no such layout\nmore")


class Lost(Right):
    """The card is gone."""

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    for name, value in {"FRAMES": 3, "REPLAYS": 2, "BOUND": 16, "SHAPE": LEAST, "_DRAWN": 2}.items():
        monkeypatch.setattr(trial, name, value)
    monkeypatch.setattr(prefill, "LENGTHS", (16,))
    monkeypatch.setattr(codec, "PACKETS", (1,))
    monkeypatch.setattr(graphed_frames, "CONTEXT_LENS", ())
    with fake_cuda(monkeypatch) as card:
        yield card


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("trial"), shape=LEAST)


@pytest.fixture
def model(card: FakeCuda, folder: Path) -> LanguageModel:
    return load_models([folder], device_plan("cuda:0"), None, lambda _: None).checkpoints[0].model


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[PlainKernels]], list[Road]]:
    """Kernels in the place of Triton's, of an installation that lacks nothing; which roads were asked for theirs."""

    def be(kernels: type[PlainKernels]) -> list[Road]:
        asked: list[Road] = []

        def kernels_of(road: Road) -> PlainKernels:
            asked.append(road)
            return kernels() if road == "fused" else PLAIN

        monkeypatch.setattr(trial, "missing", lambda _: "")
        monkeypatch.setattr(trial, "kernels_of", kernels_of)
        monkeypatch.setattr("wyoming_qwen3tts.engine.qwen3.loading.kernels_of", kernels_of)
        return asked

    return be


def key(asked: Asked = "fused") -> Key:
    return trial.key_of("cuda:0", driver="575.57", model="tiny", dtype="float32", slots=1, asked=asked)


def take(model: LanguageModel, asked: Asked, memory: RoadMemory | None = None) -> tuple[Road, dict[str, str]]:
    choice = road_for(asked, model, key(asked), memory, lambda: graphs_for("cuda:0", wanted=True))
    assert model.draw_frame is None  # it is left as it was
    return choice.road, choice.reasons


@pytest.mark.parametrize(("asked", "road"), [("auto", "graphs"), ("graphs", "graphs"), ("steps", "steps")])
def test_where_there_is_nothing_to_weigh_nothing_is_measured(
    model: LanguageModel, card: FakeCuda, asked: Asked, road: Road
) -> None:
    card.calls.clear()

    assert take(model, asked) == (road, {})
    assert not card.calls


@pytest.mark.parametrize(
    ("kernels", "road", "why"),
    [
        (Right, "fused", ""),
        (Wrong, "graphs", "of a tiny model it computes what is "),
        (Raises, "graphs", "no such layout"),
    ],
)
def test_what_is_asked_for_by_name_is_taken_if_it_is_right(
    model: LanguageModel, fused: Any, kernels: type[PlainKernels], road: Road, why: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    fused(kernels)
    with caplog.at_level(logging.INFO):
        found, reasons = take(model, "fused")

    assert found == road
    assert reasons.get("fused", "").startswith(why)
    assert ("engine.frames fused is not taken" in caplog.text) == bool(why)
    assert f"Frames are made by {road}: steps " in caplog.text


def test_a_road_that_says_something_else_of_the_real_model_alone_is_out(
    model: LanguageModel, fused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fused(Wrong)
    monkeypatch.setattr(trial, "_drawn_otherwise", lambda *_: "")
    road, reasons = take(model, "fused")

    assert road == "graphs"
    assert reasons["fused"].startswith("it says ")


def test_a_lost_card_is_nobodys_road(model: LanguageModel, fused: Any) -> None:
    fused(Lost)

    with pytest.raises(DeviceLost, match="illegal memory access"):
        take(model, "fused")


def test_without_triton_it_says_what_is_missing(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert take(model, "fused") == ("graphs", {"fused": trial.missing("fused")})
    assert "needs the package triton" in trial.missing("fused")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert "needs a C compiler" in trial.missing("compiled")


def test_the_second_start_measures_nothing(model: LanguageModel, fused: Any, tmp_path: Path) -> None:
    asked, memory = fused(Right), RoadMemory(tmp_path / "roads")

    assert take(model, "fused", memory)[0] == "fused"
    asked.clear()
    assert take(model, "fused", memory)[0] == "fused"
    assert not asked
    assert not list(tmp_path.rglob("*.trying"))


def test_a_road_that_hung_or_ended_the_process_is_not_tried_again(
    model: LanguageModel, fused: Any, tmp_path: Path
) -> None:
    asked, memory = fused(Right), RoadMemory(tmp_path / "roads")
    mark = memory.trying(key(), "fused")
    mark.__enter__()  # and nobody leaves it
    road, reasons = take(model, "fused", memory)

    assert (road, "fused" in asked) == ("graphs", False)
    assert "hung or ended the process" in reasons["fused"]
    assert str(tmp_path) in reasons["fused"]
    mark.__exit__(None, None, None)


def test_where_a_trial_cannot_be_noted_a_road_that_could_hang_is_not_tried(
    model: LanguageModel, fused: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked = fused(Right)
    (tmp_path / "roads").write_text("a file in its place")

    assert take(model, "fused", RoadMemory(tmp_path / "roads"))[0] == "graphs"
    assert "fused" not in asked
    assert "is not remembered" in caplog.text


def test_auto_weighs_every_road_on_a_card_that_is_known(
    model: LanguageModel, card: FakeCuda, fused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fused(Right)
    monkeypatch.setattr(trial, "PROVEN", frozenset({card.name}))
    times = iter([30.0, 9.0, 8.0, 5.0])
    monkeypatch.setattr(trial, "_frame_ms", lambda *_: next(times))
    road, reasons = take(model, "auto")

    assert (road, asked) == ("fused", ["steps", "graphs", "compiled", "fused"])
    assert reasons["compiled"] == "8.00 ms a frame, and fused 5.00"


@pytest.mark.parametrize(("kernels", "suffix"), [(Right, ", fused kernels"), (Wrong, "")])
async def test_the_engine_runs_on_the_road_that_was_chosen_and_says_so(
    card: FakeCuda, folder: Path, fused: Any, kernels: type[PlainKernels], suffix: str
) -> None:
    fused(kernels)
    config = engine_config(slots=1, positions=64, patience_s=60.0, frames="fused")
    engine = Runtime([folder], config, device_plan("cuda:0"))
    await engine.start()
    runs_on = engine.status.runs_on
    await engine.close()

    assert runs_on == f"cuda:0, float32, with CUDA graphs{suffix}"


def test_kernels_that_fail_when_the_runner_is_built_leave_it_to_graphs(
    card: FakeCuda, folder: Path, fused: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fused(Raises)
    models = load_models([folder], device_plan("cuda:0"), None, lambda _: None)
    (runner,) = build_runners(
        models, slots=1, positions=64, graphs=lambda: graphs_for("cuda:0", wanted=True), road="fused"
    )

    assert (runner.graphs_name, runner.kernels_name, runner.why_no_graphs) == ("cuda", "", None)
    assert "not made on the road fused: no such layout" in caplog.text


def test_a_road_that_failed_in_the_middle_of_its_work_is_not_taken_again(
    card: FakeCuda, folder: Path, fused: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fused(Right)
    engine = Runtime([folder], engine_config(slots=1, frames="fused"), device_plan("cuda:0"))
    models = load_models([folder], device_plan("cuda:0"), None, lambda _: None)
    graphs = lambda: graphs_for("cuda:0", wanted=True)  # noqa: E731

    assert [engine._road(models, graphs), engine._road(models, graphs)] == ["fused", "graphs"]
    assert "the road fused failed" in caplog.text
    use_kernels(models.checkpoints[0].model, PLAIN)
