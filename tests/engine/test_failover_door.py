"""Failover through the real Wyoming door: what a client hears, and what is left when it goes."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from tests.engine.scripted import Scripted, heard
from tests.engine.test_failover import Joined
from tests.harness import STOP, chunk, kinds, pcm, serving, start, until
from wyoming_qwen3tts.errors import EngineError, OutOfMemory


def never_loaded() -> Scripted:
    engine = Scripted()
    engine.may_start.clear()
    return engine


def at_the_door(engine: Joined) -> Any:
    return serving(engine)  # type: ignore[arg-type]  # it has all that the harness asks for


@pytest.mark.parametrize(
    ("model", "speaks", "engine_name"),
    [
        (Scripted, "qwen3", "qwen3"),
        (never_loaded, "builtin", "builtin"),
        (lambda: Scripted(fail=OutOfMemory("too much")), "builtin", "builtin"),
        (lambda: Scripted(silent=True), "builtin", "builtin"),
    ],
    ids=["ready", "loading", "out of memory", "silent"],
)
async def test_a_client_hears_one_voice_and_the_log_says_whose(
    model: Any, speaks: str, engine_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with at_the_door(Joined(model())) as server:
        events = await server.speak("One is here. Two is here.", voice={"name": "ryan-en"})

    assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop"]
    assert [(who, said) for who, _, said in heard(pcm(events))] == [(speaks, "One is here."), (speaks, "Two is here.")]
    assert f"ryan-en by {engine_name}, " in caplog.text


async def test_a_stream_that_the_model_never_answers_is_spoken_whole_by_the_fallback() -> None:
    engine = Joined(Scripted())
    engine.model.release.clear()
    async with at_the_door(engine) as server:
        wire = await server.connect()
        await wire.send(start(voice={"name": "ryan-en"}), chunk("One is here. Two is "))
        first = await wire.read()
        sound = await wire.read()  # while the text is still being written
        await wire.send(chunk("here."), STOP)
        events = [first, sound, *await wire.until("synthesize-stopped", "error")]

    assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
    assert heard(pcm(events)) == [("builtin", "builtin-en", "One is here."), ("builtin", "builtin-en", "Two is here.")]


async def test_an_error_after_the_first_sound_closes_the_connection() -> None:
    model = Scripted(fail=EngineError("broke"), fail_at=1)
    async with at_the_door(Joined(model)) as server:
        wire = await server.connect()
        await wire.send(start(voice={"name": "ryan-en"}), chunk("One is here. Two is here. "), STOP)
        events = await wire.until("error")
        model.fail = None

    assert kinds(events) == ["audio-start", "audio-chunk", "error"]
    assert heard(pcm(events)) == [("qwen3", "ryan-en", "One is here.")]


async def test_a_listener_who_vanishes_leaves_nothing_behind_in_either_engine() -> None:
    engine = Joined(Scripted(), patience_s=60)
    async with at_the_door(engine) as server:
        engine.model.release.clear()
        wire = await server.connect()
        await wire.send(start(voice={"name": "ryan-en"}), chunk("One is here. "))
        await until(lambda: engine.model.speaking)
        wire.reset()
        await until(lambda: not engine.speaking)

    assert engine.takeovers.total() == 0
