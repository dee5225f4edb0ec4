"""The whole path of a card on a `torch.cuda` without one: what is said, what is left, and what happens when any call
of it fails."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.engine.configs import device_plan, engine_config
from tests.fake_cuda import FakeCuda, alive_bytes, fake_cuda
from wyoming_qwen3tts.engine.qwen3 import graph_check
from wyoming_qwen3tts.engine.qwen3.device_errors import let_go
from wyoming_qwen3tts.engine.qwen3.graph_check import check_graphs
from wyoming_qwen3tts.engine.qwen3.hardware.memory import CONTEXT_MB
from wyoming_qwen3tts.engine.qwen3.loading import (
    Models,
    bench_utterance,
    build_runners,
    empty_caches,
    graphs_for,
    hold_memory,
    load_models,
)
from wyoming_qwen3tts.engine.qwen3.runner import codec, cuda_graphs, prefill
from wyoming_qwen3tts.engine.qwen3.runner.graphs import Graphs
from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner
from wyoming_qwen3tts.engine.qwen3.runtime import Runtime
from wyoming_qwen3tts.engine.qwen3.scheduler import Utterance
from wyoming_qwen3tts.errors import DeviceLost, OutOfMemory, first_line
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.speech.engine import Phase

NEVER = float("-inf")
LEAST = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)
Codes = list[list[int]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("fake-card"), shape=LEAST)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    with fake_cuda(monkeypatch) as card:
        yield card


@pytest.fixture
def models(card: FakeCuda, folder: Path) -> Models:
    return load_models([folder], device_plan("cuda:0"), None, lambda _: None)


def graphs() -> Graphs | None:
    return graphs_for("cuda:0", wanted=True)


def build(models: Models, graphs: Callable[[], Graphs | None] = graphs) -> ModelRunner:
    (runner,) = build_runners(models, slots=1, positions=64, graphs=graphs)
    return runner


def speak(runner: ModelRunner, frames: int = 3) -> Codes:
    utterance, voice = bench_utterance(runner, 0)
    runner.prefill(utterance, voice)
    codes = []
    for _ in range(frames):
        (frame,) = runner.frame([utterance], [NEVER])
        codes.append(frame.codes)
        runner.sound([(utterance, [frame.codes])])
        utterance.frames += 1
    return codes


def test_what_is_recorded_on_a_card_says_what_single_steps_say(models: Models, card: FakeCuda) -> None:
    recorded = build(models)

    assert recorded.why_no_graphs is None
    assert speak(recorded) == speak(build(models, lambda: None))
    assert "replay" in card.calls
    assert not any(card.collects_in_capture)


def test_no_frame_waits_for_the_card_but_for_its_own_codes(models: Models, card: FakeCuda) -> None:
    runner = build(models)
    utterance, voice = bench_utterance(runner, 0)
    runner.prefill(utterance, voice)
    runner.frame([utterance], [NEVER])
    utterance.frames += 1
    before = len(card.calls)
    waited: list[str] = []
    card.waits = waited.append  # type: ignore[method-assign,assignment]
    runner.frame([utterance], [NEVER])

    assert card.calls[before:].count("Event.synchronize") == 1
    assert waited == ["tolist"]  # of a tensor of the host


def test_the_doctors_check_is_content(card: FakeCuda, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_check, "SHAPE", LEAST)
    found = check_graphs("cuda:0", lambda: graphs() or pytest.fail("there are graphs"))

    assert found.ok, found
    assert card.name in found.detail


ERRORS: dict[str, Callable[[], Exception]] = {
    "memory": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    "not permitted": lambda: torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing"),
    "lost": lambda: torch.AcceleratorError("CUDA error: unspecified launch failure"),
}


def outcome(models: Models, expected: Codes, error: Exception) -> str:
    """What a build and a reply come to where one call fails with ``error``."""
    try:
        runner = build(models)
        spoken = speak(runner)
    except (DeviceLost, OutOfMemory, RuntimeError) as failed:
        name, said = type(failed).__name__, str(failed)
        let_go(failed)
    else:
        assert spoken == expected
        return "without graphs" if runner.why_no_graphs else "ready"
    assert first_line(error).removeprefix("CUDA error: ")[:20] in said or "not enough memory" in said
    return name


@pytest.mark.parametrize("kind", ERRORS)
def test_whichever_call_of_a_build_fails_it_ends_well_or_with_the_true_cause_and_the_next_one_works(
    models: Models, card: FakeCuda, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefill, "LENGTHS", (16,))  # one graph of each sort
    monkeypatch.setattr(codec, "PACKETS", (1,))
    card.calls.clear()
    expected = speak(build(models))
    calls, counted = len(card.calls), alive_bytes()
    outcomes = set()
    for number in range(1, calls, 1 + calls // 5):

        def fail(at: int, _: str, number: int = number) -> None:
            if at == number:
                raise ERRORS[kind]()

        card.calls.clear()
        card.fail = fail
        outcomes.add(outcome(models, expected, ERRORS[kind]()))
        card.fail = lambda *_: None
    assert alive_bytes() <= 1.05 * counted
    assert speak(build(models)) == expected
    assert (kind == "lost") == ("DeviceLost" in outcomes)
    if kind == "not permitted":
        assert "without graphs" in outcomes


def test_a_frame_for_whose_codes_there_was_no_memory_was_not_made(models: Models, card: FakeCuda) -> None:
    """Else the slot would have moved on the card and not on the host, and say another frame's codes from then on."""
    expected, runner = speak(build(models), 4), build(models)
    spoken: Codes = []
    utterance, voice = bench_utterance(runner, 0)
    runner.prefill(utterance, voice)
    while len(spoken) < 4:
        if len(spoken) == 1:
            card.fail = no_event
        try:
            (frame,) = runner.frame([utterance], [NEVER])
        except OutOfMemory as error:
            let_go(error)
            card.fail = lambda *_: None
            (frame,) = runner.frame([utterance], [NEVER])
        spoken.append(frame.codes)
        utterance.frames += 1

    assert spoken == expected


def no_event(_: int, name: str) -> None:
    if name == "Event":
        raise torch.OutOfMemoryError("CUDA out of memory")


class House:
    """Two slots on the card, and who speaks in them. Every reply is held against the same one alone."""

    def __init__(self, models: Models, card: FakeCuda, rng: random.Random) -> None:
        self._models, self._card, self._rng = models, card, rng
        (self._plain,) = build_runners(models, slots=1, positions=64, graphs=lambda: None)
        self.starved = self.spoken = 0
        self._speaking: dict[Utterance, Codes] = {}
        self.restart()

    def restart(self) -> None:
        self._speaking.clear()
        self._card.fail = lambda *_: None
        (self._runner,) = build_runners(self._models, slots=2, positions=64, graphs=graphs)
        assert self._runner.why_no_graphs is None

    def starve(self) -> None:
        """One of the next calls finds no memory."""
        calls, left = self._card.calls, self._rng.randrange(4)
        began = len(calls)

        def fail(at: int, name: str) -> None:
            if at > began + left and name in ("Event", "replay"):
                self._card.fail = lambda *_: None
                raise ERRORS["memory"]()

        self._card.fail = fail

    def begin(self) -> None:
        slot = next((slot for slot in range(2) if slot not in {u.slot for u in self._speaking}), None)
        if slot is None:
            return
        utterance, voice = bench_utterance(self._runner, slot)
        utterance.seed = self._rng.randrange(3)
        try:
            self._runner.prefill(utterance, voice)
        except OutOfMemory as error:
            let_go(error)
            self.starved += 1
            return
        self._speaking[utterance] = []

    def frame(self) -> None:
        """One for everybody, or for one of them; whoever came last goes where there is no memory."""
        speaking = list(self._speaking)
        if speaking and self._rng.random() < 0.3:
            speaking = [self._rng.choice(speaking)]
        if not speaking:
            return
        try:
            frames = self._runner.frame(speaking, [NEVER] * len(speaking))
        except OutOfMemory as error:
            let_go(error)
            self.starved += 1
            del self._speaking[speaking[-1]]
            return
        for utterance, frame in zip(speaking, frames, strict=True):
            self._speaking[utterance].append(frame.codes)
            utterance.frames += 1
            self.spoken += 1

    def leave(self) -> None:
        if self._speaking:
            del self._speaking[self._rng.choice(list(self._speaking))]

    def check(self) -> None:
        for utterance, codes in self._speaking.items():
            again, voice = bench_utterance(self._plain, 0)
            again.seed = utterance.seed
            self._plain.prefill(again, voice)
            for at, expected in enumerate(codes):
                assert self._plain.frame([again], [NEVER])[0].codes == expected, f"frame {at}"
                again.frames += 1


@pytest.mark.parametrize("seed", [1, 2])
def test_whoever_comes_leaves_or_finds_no_memory_the_others_say_what_they_would_alone(
    models: Models, card: FakeCuda, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(prefill, "LENGTHS", (16,))
    monkeypatch.setattr(codec, "PACKETS", (1,))
    rng = random.Random(seed)
    house = House(models, card, rng)
    for turn in range(60):
        if turn == 30:
            house.check()
            house.restart()
        if rng.random() < 0.2:
            house.starve()
        rng.choice([house.begin, house.frame, house.frame, house.frame, house.frame, house.leave])()
    card.fail = lambda *_: None
    house.check()

    assert house.starved >= 1
    assert house.spoken >= 7


async def test_how_it_runs_reaches_the_status_and_the_log(
    card: FakeCuda, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = engine_config(slots=1, positions=64, patience_s=60.0)
    found = []
    for breaks in (False, True):

        def fail(_: int, name: str, breaks: bool = breaks) -> None:
            if breaks and name == "graph":
                raise ERRORS["not permitted"]()

        card.fail = fail
        engine = Runtime([folder], config, device_plan("cuda:0"))
        with caplog.at_level(logging.INFO):
            await engine.start()
        assert engine.status.phase is Phase.READY
        found.append(engine.status.runs_on)
        await engine.close()

    assert found == [
        "cuda:0, float32, with CUDA graphs",
        "cuda:0, float32, without CUDA graphs (CUDA error: operation not permitted when stream is capturing)",
    ]
    said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("Qwen3-TTS runs on ")]
    assert said == [f"Qwen3-TTS runs on {line}" for line in found]


def test_a_reload_makes_no_new_stream_and_clears_what_was_kept_for_the_old_recordings(
    models: Models, card: FakeCuda
) -> None:
    build(models)
    streams = len(card.streams)
    build(models)
    cleared = card.workspaces_cleared
    empty_caches()

    assert (streams, len(card.streams)) == (2, 2)
    assert card.workspaces_cleared == cleared + 1


@pytest.mark.parametrize(
    ("limit_mb", "fraction"), [(0, 1.0), (8_000, (8_000 - CONTEXT_MB) / (24 * 1024)), (60_000, 1.0)]
)
def test_the_limit_of_memory_is_held(card: FakeCuda, limit_mb: int, fraction: float) -> None:
    hold_memory("cuda:0", limit_mb)
    hold_memory("cpu", 1)

    assert card.fraction == pytest.approx(fraction)


@pytest.mark.parametrize("few", [False, True])
def test_where_cores_are_few_nobody_spins(card: FakeCuda, monkeypatch: pytest.MonkeyPatch, few: bool) -> None:
    monkeypatch.setattr(cuda_graphs, "_FEW_CORES", few)
    recorder = graphs()
    assert recorder is not None

    assert recorder.fetch(torch.ones(2))().tolist() == [1, 1]
    assert card.blocking_events == [few]
