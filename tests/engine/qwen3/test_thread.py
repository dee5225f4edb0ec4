"""The engine thread's life: what it says while it loads, and when it asks for a new process."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.engine.qwen3.test_scheduler import VOICE, Ear
from tests.harness import until
from wyoming_qwen3tts.engine.qwen3.core import Counters, End, EngineCore, Say
from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Scheduler, Utterance
from wyoming_qwen3tts.engine.qwen3.thread import EngineThread, Progress
from wyoming_qwen3tts.errors import DeviceLost, EngineDown
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase


class Complaints(Ear):
    """An outlet that keeps what went wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def fail(self, error: BaseException) -> None:
        self.errors.append(error)


def nobody(_: Any, counters: Counters) -> EngineCore:
    """A core without a model."""
    resolve: Any = lambda voice: voice  # noqa: E731
    return EngineCore([], resolve, Scheduler(1, 1, lambda: 0.0), lambda: 0.0, counters=counters)


async def test_loading_says_how_far_it_is() -> None:
    go_on = threading.Event()

    def load(progress: Progress) -> None:
        progress(0.43)
        go_on.wait(5)

    worker = EngineThread(load, nobody)
    worker.start()
    await until(lambda: worker.status == EngineStatus(Phase.LOADING, progress=0.43))
    go_on.set()
    await until(lambda: worker.status == EngineStatus(Phase.READY))

    assert worker.stop(5)
    assert worker.status == EngineStatus(Phase.CLOSED)


@pytest.mark.parametrize("where", ["load", "build"])
async def test_an_engine_that_cannot_start_fails_and_asks_for_no_new_process(where: str) -> None:
    fatal: list[BaseException] = []

    def breaks(*_: Any) -> Any:
        raise MemoryError("only 3 GB left")

    worker = EngineThread(breaks if where == "load" else lambda _: None, breaks, fatal=fatal.append)
    worker.start()
    await until(lambda: worker.status == EngineStatus(Phase.FAILED, "only 3 GB left"))

    assert worker.stop(5)
    assert not fatal


async def test_a_device_lost_while_starting_is_beyond_repair() -> None:
    fatal: list[BaseException] = []

    def breaks(*_: Any) -> Any:
        raise DeviceLost("CUDA error: no device")

    worker = EngineThread(lambda _: None, breaks, fatal=fatal.append)
    worker.start()

    await until(lambda: fatal)
    assert worker.stop(5)


async def test_whoever_asks_a_dead_engine_is_told_so() -> None:
    worker = EngineThread(lambda _: None, nobody)
    worker.start()
    assert worker.stop(5)
    outlet = Complaints()
    reply = EngineRequest(outlet)

    worker.post(Say(Utterance(reply, VOICE, "en", "sentence", 0)))
    worker.post(End(reply))

    assert [type(error) for error in outlet.errors] == [EngineDown]
    assert worker.busy_slots == 0
