"""A reply that nothing moves, and a place that nobody uses, are found, freed, counted and logged."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.harness import FakeEngine, until
from tests.service.test_reply import NAMED, House
from wyoming_qwen3tts.errors import EngineError, Stalled
from wyoming_qwen3tts.service.reply import Reply
from wyoming_qwen3tts.service.watchdog import ENDING_S, LONG_QUEUE_S, MOST_COUNTED_S, NEXT_SENTENCE_S
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase

STUCK_S = FakeEngine().longest_silence_s
SECRET = "The code of the door is on this paper."


async def listen(house: House, text: str = SECRET) -> None:
    await house.say(text)


async def stuck(house: House) -> asyncio.Task[None]:
    """A reply that the engine makes no sound for."""
    house.engine.release.clear()
    task = asyncio.create_task(listen(house))
    await until(lambda: house.engine.speaking)
    return task


def look_for(house: House, seconds: float) -> None:
    """As the watchdog does, while the clock goes on."""
    for _ in range(round(seconds)):
        house.service.watchdog.look()
        house.now.time += 1
    house.service.watchdog.look()


async def test_a_reply_without_progress_is_freed_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    task = await stuck(house)
    look_for(house, STUCK_S - 2)
    assert house.service.active == 1
    look_for(house, 3)

    with pytest.raises(EngineError, match="no sound for 10 s"):
        await task
    assert (house.service.active, house.engine.speaking, dict(house.service.watchdog.freed)) == (0, 0, {"reply": 1})
    line = next(r for r in caplog.records if r.levelno == logging.WARNING)
    assert "test for somebody, 38 characters in en, 0.0 s heard, has waited for the engine for 10 s" in line.message
    assert "door" not in line.message
    assert house.outcomes == ["engine-down"]


async def test_while_the_whole_process_is_held_up_nobody_is_stuck_and_afterwards_as_ever() -> None:
    house = House()
    task = await stuck(house)
    look_for(house, 1)
    house.now.time += 3600
    look_for(house, STUCK_S - MOST_COUNTED_S - 2)
    assert (house.service.active, house.service.watchdog.freed.total()) == (1, 0)
    look_for(house, 3)
    with pytest.raises(EngineError, match="no sound"):
        await task


async def test_one_that_waits_behind_others_who_are_spoken_to_is_not_stuck() -> None:
    house = House(slots=2)
    task = await stuck(house)
    (other,) = house.service.replies
    for _ in range(round(LONG_QUEUE_S) - 1):
        house.service.watchdog._sound_at = house.now.time  # of those before it
        look_for(house, 1)
    assert not other.is_ending
    look_for(house, 2)
    with pytest.raises(EngineError, match="no sound for 300 s"):
        await task


async def test_one_that_was_overtaken_is_not_waiting_its_turn() -> None:
    """As when German is stuck, and English is spoken."""
    house = House(slots=2)
    task = await stuck(house)
    house.now.time += 1
    house.engine.release, held_back = asyncio.Event(), house.engine.release
    house.engine.release.set()
    async with house.service.speak(house.service.whole_text(SECRET), NAMED) as later:
        await anext(later)
        later.pace.asked(house.now())  # its listener is quick
        for _ in range(round(STUCK_S) - 1):
            house.service.watchdog._sound_at = house.now.time  # it goes on
            look_for(house, 1)
        assert house.service.active == 2
        house.service.watchdog._sound_at = house.now.time
        look_for(house, 2)
        with pytest.raises(EngineError):
            await task
        assert not held_back.is_set()


async def test_one_that_has_begun_may_wait_for_its_next_sentence_while_others_are_spoken_to() -> None:
    house = House(slots=2)
    task = await stuck(house)
    (begun,) = house.service.replies
    begun.sound_bytes = 2
    look_for(house, 0)
    for _ in range(round(NEXT_SENTENCE_S) - 1):
        house.service.watchdog._sound_at = house.now.time
        look_for(house, 1)
    assert not begun.is_ending
    look_for(house, 2)
    with pytest.raises(EngineError, match="no sound for 60 s"):
        await task


async def test_one_waits_its_turn_behind_listeners_who_pause_and_keep_their_slots() -> None:
    house = House(slots=2)
    async with house.service.speak(house.service.whole_text(SECRET), NAMED) as first:
        await anext(first)  # and takes no more for a while
        task = await stuck(house)
        await until(lambda: house.service.active == 2)
        look_for(house, 2.5 * STUCK_S)
        assert house.service.active == 2
    look_for(house, STUCK_S + 1)
    with pytest.raises(EngineError):
        await task


async def test_a_reply_that_does_not_end_loses_its_place(caplog: pytest.LogCaptureFixture) -> None:
    house, may_end = House(), asyncio.Event()

    async def speak_and_hang() -> None:
        async with house.service.speak(house.service.whole_text(SECRET), NAMED) as reply:
            try:
                async for _ in reply:
                    pass
            finally:
                await may_end.wait()

    house.engine.release.clear()
    task = asyncio.create_task(speak_and_hang())
    await until(lambda: house.engine.speaking)
    (reply,) = house.service.replies
    reply.cut(Stalled("It was slow."))
    await asyncio.sleep(0.01)
    look_for(house, ENDING_S - 1)
    assert house.service.active == 1
    look_for(house, 2)
    assert (house.service.active, dict(house.service.watchdog.freed)) == (0, {"place": 1})
    assert "a reply that does not end: test for somebody, 38 characters in en, 0.0 s heard, is ending" in caplog.text

    look_for(house, ENDING_S + 1)  # once is enough
    assert house.service.watchdog.freed["place"] == 1
    may_end.set()
    with pytest.raises(Stalled):
        await task


async def test_a_reply_whose_task_is_over_is_forgotten_at_the_next_look(caplog: pytest.LogCaptureFixture) -> None:
    house, kept = House(), []

    async def leave_it() -> None:
        block = house.service.speak(house.service.whole_text(SECRET), NAMED)
        kept.append(block)
        await block.__aenter__()

    await asyncio.create_task(leave_it())
    assert len(house.service.replies) == 1
    house.service.watchdog.look()

    assert (len(house.service.replies), house.service.active) == (0, 0)
    assert dict(house.service.watchdog.freed) == {"reply": 1, "place": 1}
    assert "a reply whose task is over" in caplog.text
    await kept[0].__aexit__(None, None, None)


async def test_a_claim_without_an_owner_leaves_the_line() -> None:
    house = House()
    async with house.full():
        permit = house.service.permit(NAMED)

        async def leave_it() -> None:
            permit.task = asyncio.current_task()
            permit.wait(lambda: False)

        await asyncio.create_task(leave_it())
        assert house.service.in_line == 1
        house.service.watchdog.look()
        assert house.service.in_line == 0
    assert dict(house.service.watchdog.freed) == {"place": 1}


async def test_a_model_that_loads_while_another_voice_speaks_excuses_nobody() -> None:
    house = House()
    task = await stuck(house)
    house.engine.status = EngineStatus(Phase.LOADING, fallback="builtin")
    look_for(house, STUCK_S + 1)
    with pytest.raises(EngineError):
        await task


async def test_while_the_model_is_loaded_nobody_is_stuck() -> None:
    house = House()
    task = await stuck(house)
    house.engine.status = EngineStatus(Phase.LOADING)
    look_for(house, 3 * STUCK_S)
    assert house.service.active == 1
    house.engine.release.set()
    await task


async def test_a_listener_who_falls_behind_is_dropped() -> None:
    house = House(listener_behind_s=10)

    async def slow(reply: Reply) -> None:
        await anext(reply)
        await asyncio.Event().wait()

    async def listening() -> None:
        async with house.service.speak(house.service.whole_text(SECRET), NAMED) as reply:
            await slow(reply)

    task = asyncio.create_task(listening())
    await until(lambda: house.engine.frames_made)
    look_for(house, 9)
    assert house.service.active == 1
    look_for(house, 2)

    with pytest.raises(Stalled, match="slower than half of real time"):
        await task
    assert house.outcomes == ["listener-stalled"]


async def test_a_place_without_an_owner_is_freed_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    permit = house.service.permit(NAMED)

    async def leave_it() -> None:
        permit.take()
        permit.task = asyncio.current_task()

    await asyncio.create_task(leave_it())
    assert house.service.active == 1
    house.service.watchdog.look()

    assert (house.service.active, dict(house.service.watchdog.freed)) == (0, {"place": 1})
    assert "Freed a place that nobody used any more" in caplog.text


async def test_it_looks_by_itself_while_there_are_replies_and_then_sleeps() -> None:
    house = House(FakeEngine(), text_pause_s=0.05)
    house.service._clock = asyncio.get_running_loop().time
    house.service.watchdog._clock = asyncio.get_running_loop().time
    text = house.service.open_text()
    text.add("The first sentence is here. And ")
    async with house.service.speak(text, NAMED) as reply:
        await anext(reply)
        waiting = asyncio.ensure_future(_all(reply))
        await until(lambda: house.service.active == 0)
        assert not waiting.done()
        text.close()
        await waiting
    await until(lambda: house.service.watchdog._timer is None)


async def _all(reply: Reply) -> None:
    async for _ in reply:
        pass
