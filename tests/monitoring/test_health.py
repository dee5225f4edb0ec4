"""What is said about the engine's status, and when the process must end."""

from __future__ import annotations

import logging

import pytest

from wyoming_qwen3tts.monitoring.health import FatalErrorRecorder, Health, StateLog, health
from wyoming_qwen3tts.speech.engine import EngineStatus, Liveness, Phase
from wyoming_qwen3tts.util.backoff import Backoff

READY = EngineStatus(Phase.READY)


def of(status: EngineStatus, liveness: Liveness | None = None, now: float = 0.0) -> Health:
    return health("qwen3", status, liveness or Liveness(), now)


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        (READY, True),
        (EngineStatus(Phase.DEGRADED, "out of memory"), True),
        (EngineStatus(Phase.LOADING, progress=0.43, fallback="builtin"), True),
        (EngineStatus(Phase.UNLOADED, fallback="builtin"), True),
        (EngineStatus(Phase.LOADING, progress=0.43), False),
        (EngineStatus(Phase.FAILED, "no voice; the other one speaks)"), False),  # the words of an error mean nothing
    ],
)
def test_ready_means_that_a_request_made_now_is_spoken(status: EngineStatus, ready: bool) -> None:
    assert (of(status).ready, of(status).live) == (ready, True)


def test_broken_beyond_repair_is_neither_live_nor_ready_whatever_the_status_says() -> None:
    now = of(READY, Liveness(broken="CUDA error: an illegal memory access was encountered"))

    assert (now.live, now.ready) == (False, False)
    assert now.fatal is not None
    assert "illegal memory access" in now.fatal


@pytest.mark.parametrize(("now", "fatal"), [(119.9, False), (120.1, True)])
def test_no_progress_for_twenty_seconds_while_there_is_work_is_fatal(now: float, fatal: bool) -> None:
    """F25."""
    assert (of(READY, Liveness(working=True, progressed_at=100.0), now).fatal is not None) is fatal


def test_an_end_that_is_reported_by_a_call_is_fatal_with_its_first_reason() -> None:
    fatal_errors = FatalErrorRecorder()
    before = of(READY, fatal_errors.liveness())
    fatal_errors.write(RuntimeError("device lost"))
    fatal_errors.write(RuntimeError("and more"))

    assert (before.fatal, of(READY, fatal_errors.liveness()).fatal) == (None, "device lost")


def test_an_idle_engine_may_rest_for_ever() -> None:
    rested = of(READY, Liveness(working=False, progressed_at=0.0), 1e9)

    assert (rested.fatal, rested.since_progress_s) == (None, None)


def test_each_change_of_status_is_said_once_and_progress_is_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    states = StateLog()
    loading = EngineStatus(Phase.LOADING), *(EngineStatus(Phase.LOADING, progress=at) for at in (0.01, 0.995))
    for status in (*loading, READY, READY, EngineStatus(Phase.DEGRADED, "out of memory"), READY):
        states.observe(of(status))

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "The qwen3 engine is degraded: out of memory"),
        ("INFO", "The qwen3 engine is ready"),
    ]


def test_that_it_speaks_is_news_where_somebody_stood_in_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """What it is up to before, the lines of the start and the engine's own warnings say."""
    caplog.set_level(logging.INFO)
    for before in (EngineStatus(Phase.LOADING), EngineStatus(Phase.LOADING, fallback="builtin")):
        states = StateLog()
        for status in (before, EngineStatus(Phase.DEGRADED, "a server is away"), before, READY):
            states.observe(of(status))

    assert [record.getMessage() for record in caplog.records] == ["The qwen3 engine is ready"]


def test_a_percentage_in_an_error_is_no_progress(caplog: pytest.LogCaptureFixture) -> None:
    """Another share of memory in use is another error, and both are said whole."""
    states = StateLog()
    states.observe(of(READY))
    for share in (97, 98, 98):
        states.observe(of(EngineStatus(Phase.FAILED, f"KV cache usage is {share} %")))

    assert [record.getMessage() for record in caplog.records] == [
        "The qwen3 engine is failed: KV cache usage is 97 %",
        "The qwen3 engine is failed: KV cache usage is 98 %",
    ]


def test_pauses_double_up_to_the_ceiling_and_begin_anew_after_a_success() -> None:
    backoff = Backoff(1, 60, chance=lambda: 0.0)
    pauses = [backoff.next_s() for _ in range(8)]
    backoff.reset()

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.next_s() == 1


def test_chance_shortens_a_pause_by_a_quarter_at_most() -> None:
    assert Backoff(8, chance=lambda: 1.0).next_s() == 6
