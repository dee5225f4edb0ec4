"""The model leaves the memory while nobody wants it, and never under a reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.engine.scripted import FALLBACK_VOICES, LOADING, READY, RYAN, Scripted, heard, reply, text
from tests.harness import until
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.idle import IdleEngine
from wyoming_qwen3tts.errors import EngineDown
from wyoming_qwen3tts.speech.engine import EngineStatus, Liveness, Phase
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.util.backoff import Backoff

AFTER_S = 0.03
ONE = [("qwen3", "ryan-en", "One.")]


@asynccontextmanager
async def idle(after_s: float = AFTER_S) -> AsyncIterator[tuple[IdleEngine, Scripted]]:
    model = Scripted()
    engine = IdleEngine(model, after_s, backoff=Backoff(first_s=0.01, chance=lambda: 0.0))
    await engine.start()
    try:
        yield engine, model
    finally:
        await engine.close()
        assert model.closed


async def test_it_is_unloaded_once_after_the_idle_time() -> None:
    async with idle() as (engine, model):
        await until(lambda: engine.status.phase is Phase.UNLOADED)
        await asyncio.sleep(3 * AFTER_S)

        assert (model.unloads, model.starts) == (1, 1)


async def test_by_default_it_stays() -> None:
    async with idle(after_s=0) as (engine, model):
        await asyncio.sleep(2 * AFTER_S)

        assert (engine.status, model.unloads) == (READY, 0)


async def test_a_request_brings_it_back_and_is_spoken() -> None:
    async with idle() as (engine, model):
        await until(lambda: engine.status.phase is Phase.UNLOADED)

        assert await reply(engine, "One.") == ONE
        assert (engine.status, model.starts) == (READY, 2)


async def test_it_is_never_unloaded_under_a_reply() -> None:
    """However long it takes, and also when another reply has ended meanwhile."""
    async with idle() as (engine, model), engine.speak(SpeechRequest(text("One.", "Two."), RYAN)) as audio:
        said = heard(await anext(audio))
        await reply(engine, "Other.")
        await asyncio.sleep(3 * AFTER_S)
        said += heard(await anext(audio))

        assert said == [*ONE, ("qwen3", "ryan-en", "Two.")]
        assert (engine.in_flight, model.unloads) == (1, 0)


async def test_the_idle_time_begins_with_the_end_of_the_last_reply() -> None:
    async with idle(after_s=0.2) as (engine, model):
        for _ in range(4):
            await asyncio.sleep(0.1)
            await reply(engine, "One.")
        stayed = model.unloads
        await until(lambda: model.unloads)

        assert stayed == 0


async def test_many_requests_load_it_once() -> None:
    async with idle() as (engine, model):
        await until(lambda: engine.status.phase is Phase.UNLOADED)

        assert await asyncio.gather(*[reply(engine, "One.") for _ in range(5)]) == [ONE] * 5
        assert model.starts == 2


async def test_a_request_that_leaves_while_it_loads_is_not_counted() -> None:
    async with idle() as (engine, model):
        await until(lambda: engine.status.phase is Phase.UNLOADED)
        model.may_start.clear()
        waiting = asyncio.create_task(reply(engine, "One."))
        await until(lambda: engine.status == LOADING)
        waiting.cancel()
        await asyncio.wait({waiting})

        assert (engine.in_flight, model.requests) == (0, 0)
        model.may_start.set()


async def test_a_load_that_fails_is_told_and_tried_again_by_a_later_request() -> None:
    async with idle() as (engine, model):
        await until(lambda: engine.status.phase is Phase.UNLOADED)
        model.start_error = RuntimeError("no memory left")
        with pytest.raises(EngineDown, match="no memory left"):
            await reply(engine, "One.")
        status = engine.status
        model.start_error = None
        engine.wake()
        await until(lambda: engine.status == READY)

        assert status == EngineStatus(Phase.FAILED, "no memory left")
        assert await reply(engine, "One.") == ONE


async def test_an_engine_that_cannot_be_unloaded_is_loaded_anew(caplog: pytest.LogCaptureFixture) -> None:
    async with idle() as (engine, model):
        model.unload_error = RuntimeError("stuck")
        await until(lambda: engine.status.phase is Phase.UNLOADED)

        assert await reply(engine, "One.") == ONE
    assert "could not be unloaded" in caplog.text


async def test_while_it_comes_back_the_built_in_voice_speaks() -> None:
    async with idle() as (engine, model):
        both = FailoverEngine(engine, Scripted("builtin", FALLBACK_VOICES), patience_s=60)
        await until(lambda: both.status == EngineStatus(Phase.UNLOADED, fallback="builtin"))
        model.may_start.clear()

        during = await reply(both, "One.")
        await until(lambda: both.status == EngineStatus(Phase.LOADING, fallback="builtin"))
        model.may_start.set()
        await until(lambda: both.status == READY)

        assert during == [("builtin", "builtin-en", "One.")]
        assert await reply(both, "One.") == ONE


async def test_its_signs_of_life_are_those_of_the_engine_inside() -> None:
    async with idle() as (engine, model):
        model.signs = Liveness("sticky error")

        assert FailoverEngine(engine, Scripted("builtin", FALLBACK_VOICES)).liveness().broken == "sticky error"
