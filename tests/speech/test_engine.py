"""The sentence that an engine's status is for people, and what programs read instead."""

from __future__ import annotations

import pytest

from wyoming_qwen3tts.speech.engine import EngineStatus, Phase


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (EngineStatus(Phase.READY), "ready"),
        (EngineStatus(Phase.LOADING), "loading"),
        (EngineStatus(Phase.LOADING, progress=0.0), "loading 0 %"),
        (EngineStatus(Phase.DOWNLOADING, progress=0.434), "downloading 43 %"),
        (EngineStatus(Phase.LOADING, progress=0.43, fallback="builtin"), "loading 43 % (built-in voice speaks)"),
        (EngineStatus(Phase.WAITING, "Qwen/small"), "waiting for Qwen/small"),
        (EngineStatus(Phase.UNLOADED, fallback="builtin"), "unloaded (built-in voice speaks)"),
        (EngineStatus(Phase.DEGRADED, "no card", fallback="builtin"), "degraded: no card"),
        (EngineStatus(Phase.FAILED, "no card"), "failed: no card"),
        (EngineStatus(Phase.RESTARTING), "restarting"),
        (EngineStatus(Phase.CLOSED), "closed"),
    ],
)
def test_a_status_is_a_sentence(status: EngineStatus, sentence: str) -> None:
    assert str(status) == sentence


@pytest.mark.parametrize("phase", Phase)
def test_only_an_engine_that_is_ready_or_degraded_speaks_itself(phase: Phase) -> None:
    speaks = phase in (Phase.READY, Phase.DEGRADED)

    assert (EngineStatus(phase).can_speak, EngineStatus(phase).is_answered) == (speaks, speaks)
    assert EngineStatus(phase, fallback="builtin").is_answered
