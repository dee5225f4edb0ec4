"""The model leaves the memory while nobody wants it, and never under a reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.engine.scripted import FALLBACK_VOICES, LOADING, READY, RYAN, Scripted, heard, reply, text
from tests.harness import until
from wyoming_qwen3tts.engine.control import ModelControl
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.idle import IdleEngine
from wyoming_qwen3tts.errors import EngineDown, NotNow, Unsuitable
from wyoming_qwen3tts.speech.engine import EngineStatus, Liveness, Phase
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.util.backoff import Backoff

AFTER_S = 0.03
ONE = [("qwen3", "ryan-en", "One.")]


@asynccontextmanager
async def idle(
    after_s: float = AFTER_S, error: Exception | None = None, *, pause_s: float = 0.01, looks_s: float = 60.0
) -> AsyncIterator[tuple[IdleEngine, Scripted]]:
    """``error`` is what the first load fails with."""
    model = Scripted()
    model.start_error = error
    engine = IdleEngine(
        model,
        after_s,
        backoff=Backoff(first_s=pause_s, chance=lambda: 0.0),
        look_again=Backoff(first_s=looks_s, ceiling_s=5 * looks_s, chance=lambda: 0.0),
        clock=lambda: datetime(2026, 1, 1, 13, 59, tzinfo=UTC),
    )
    if error is None:
        await engine.start()
    else:
        with pytest.raises(type(error), match=str(error)):
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


@pytest.mark.parametrize("ask", ["a request", "a person"])
@pytest.mark.parametrize("error", [RuntimeError("a bug"), NotNow("no room")], ids=["a bug", "no room"])
async def test_a_first_load_that_fails_is_tried_again_when_asked_for(error: Exception, ask: str) -> None:
    async with idle(0, error) as (engine, model):
        failed = engine.status
        model.start_error = None
        if ask == "a person":
            await engine.start()
        else:
            engine.wake()
            await until(lambda: engine.status == READY)

        assert failed.phase is Phase.FAILED
        assert failed.reason.startswith(str(error))
        assert await reply(engine, "One.") == ONE
        assert model.starts == 2


async def test_a_person_does_not_wait_for_the_pause() -> None:
    async with idle(0, RuntimeError("a bug"), pause_s=1e6) as (engine, model):
        engine.wake()
        await asyncio.sleep(0.02)
        by_request = model.starts
        with pytest.raises(EngineDown, match="a bug"):
            await engine.start()
        model.start_error = None
        async with asyncio.timeout(5):
            await engine.start()

        assert (by_request, model.starts, engine.status) == (1, 3, READY)


async def test_what_may_pass_is_tried_again_by_itself_and_says_when() -> None:
    async with idle(0, NotNow("It needs 3,000 MiB, and 2,000 are free."), looks_s=0.01) as (engine, model):
        await until(lambda: model.starts >= 3)
        model.start_error = None
        await until(lambda: engine.status == READY)

    async with idle(0, NotNow("It needs 3,000 MiB, and 2,000 are free."), looks_s=90) as (engine, model):
        assert engine.status.reason == "It needs 3,000 MiB, and 2,000 are free. It looks again at 14:00."


@pytest.mark.parametrize("error", [RuntimeError("a bug"), Unsuitable("no driver")], ids=["a bug", "no driver"])
async def test_what_does_not_pass_by_itself_is_not_tried_by_itself(error: Exception) -> None:
    async with idle(0, error, looks_s=0.005) as (engine, model):
        await asyncio.sleep(0.05)

        assert model.starts == 1
        assert engine.status == EngineStatus(Phase.FAILED, str(error))


async def test_a_machine_that_cannot_is_asked_again_by_people_only() -> None:
    async with idle(0, Unsuitable("no driver"), pause_s=0.001) as (engine, model):
        for _ in range(5):
            with pytest.raises(EngineDown, match="no driver"):
                await reply(engine, "One.")
            await asyncio.sleep(0.005)
        by_requests = model.starts
        model.start_error = None
        engine.reload(lambda: None)
        await until(lambda: engine.status == READY)

        assert by_requests == 1


async def test_the_button_loads_what_could_not_be_loaded_at_first() -> None:
    async with idle(0, RuntimeError("no memory left"), pause_s=1e6) as (engine, model):
        both = FailoverEngine(engine, Scripted("builtin", FALLBACK_VOICES))
        failed = both.status
        model.start_error = None
        ModelControl(both, engine).load()
        await until(lambda: both.status == READY)

        assert failed == EngineStatus(Phase.DEGRADED, "no memory left", fallback="builtin")
        await both.close()


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
