"""What happens to a reply, in which order, and what is told of it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import TONE, FakeEngine, until
from tests.service.phrases import Caching, caching
from wyoming_qwen3tts.errors import BadRequest, Busy, EngineError, Stalled, TextStalled, UnknownVoice
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.settings import Limits
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

NAMED = SpeechOptions("builtin-en", server="test")
UNNAMED = SpeechOptions(server="test")


class Now:
    """A clock that a test moves."""

    time = 100.0

    def __call__(self) -> float:
        return self.time


class House:
    """A service whose languages are not loaded, and what it tells."""

    def __init__(self, engine: FakeEngine | None = None, *, slots: int = 1, **limits: Any) -> None:
        self.engine, self.now, self.told = engine or FakeEngine(), Now(), list[RequestStats]()
        catalog = VoiceCatalog(self.engine.voices())
        self.service = SpeechService(
            self.engine, catalog, Limits(**{"queue": 0, **limits}), slots=slots, clock=self.now
        )
        self.service.observe(self.told.append)

    async def enter(self, text: TextStream | str, options: SpeechOptions = NAMED) -> None:
        text = self.service.whole_text(text) if isinstance(text, str) else text
        async with self.service.speak(text, options):
            pass

    async def say(self, text: TextStream | str, options: SpeechOptions = NAMED) -> bytes:
        text = self.service.whole_text(text) if isinstance(text, str) else text
        async with self.service.speak(text, options) as reply:
            return b"".join([pcm async for pcm in reply])

    @asynccontextmanager
    async def full(self) -> AsyncIterator[None]:
        async with self.service.speak(self.service.whole_text("Hello."), NAMED):
            yield

    @property
    def outcomes(self) -> list[str]:
        return [stats.error.code if stats.error else stats.outcome for stats in self.told]


# -- on entry


async def test_options_are_checked_then_the_voice_then_the_permit_and_nothing_is_waited_for() -> None:
    house = House()
    async with house.full(), asyncio.timeout(1):
        for text in (house.service.open_text(), "Hello."):
            with pytest.raises(BadRequest, match="speed"):
                await house.enter(text, SpeechOptions("nobody", speed=9))
            with pytest.raises(UnknownVoice):
                await house.enter(text, SpeechOptions("nobody"))
            with pytest.raises(Busy):
                await house.enter(text, UNNAMED)

    assert not house.engine.requests


async def test_a_text_that_is_there_takes_its_permit_on_entry() -> None:
    house = House()
    begun = house.service.open_text()
    begun.add("Hel")
    for text in (house.service.whole_text("Hello."), begun):
        async with house.service.speak(text, NAMED):
            assert house.service.active == 1
        assert house.service.active == 0


async def test_an_empty_text_takes_its_permit_with_its_first_piece() -> None:
    house = House()
    text = house.service.open_text()
    async with house.service.speak(text, NAMED) as reply:
        first = asyncio.ensure_future(anext(reply))
        await asyncio.sleep(0.01)
        assert house.service.active == 0

        text.add("Hello there. ")
        text.close()
        assert await first == TONE
        assert house.service.active == 1


async def test_an_empty_text_that_begins_when_all_is_full_is_told_so_then() -> None:
    house = House()
    text = house.service.open_text()
    async with house.service.speak(text, NAMED) as reply:
        async with house.full():
            text.add("Hello.")
            with pytest.raises(Busy):
                await anext(reply)
        assert house.service.active == 0


async def test_a_text_that_ends_without_a_word_needs_no_permit_and_is_a_moment_of_silence() -> None:
    house = House()
    text = house.service.open_text()
    async with house.service.speak(text, NAMED) as reply, house.full():
        text.close()
        sound = b"".join([pcm async for pcm in reply])

    assert sound
    assert not any(sound)
    assert house.told[1].outcome == "done, nothing to speak"
    assert (house.told[1].ttfa_s, house.told[1].audio_bytes) == (None, 0)


async def test_when_all_is_full_a_whole_text_is_looked_up_before_it_is_refused(tmp_path: Path) -> None:
    async with filled(tmp_path) as it:
        assert await it.say("Dinner is ready.")
        assert it.service.active == 1
        with pytest.raises(Busy):
            await it.say("Something else.")
        text = it.service.open_text()
        text.add("Dinner is ready.")  # but may go on
        with pytest.raises(Busy):
            async with it.service.speak(text, NAMED):
                pass

        assert it.cache.misses == 3  # its recording, the one who speaks, the one who was looked up


async def test_a_recording_gives_its_permit_back_before_it_is_heard(tmp_path: Path) -> None:
    async with caching(tmp_path, slots=1, queue=0) as it:
        await it.say("Dinner is ready.")
        async with it.service.speak(it.service.whole_text("Dinner is ready."), NAMED) as reply:
            assert it.service.active == 1
            assert await anext(reply)
            assert it.service.active == 0


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[Caching]:
    """A recording of one phrase, and no place left."""
    async with caching(folder, slots=1, queue=0) as it:
        await it.say("Dinner is ready.")
        it.engine.release.clear()
        speaking = asyncio.create_task(it.say("Somebody speaks."))
        await until(lambda: it.engine.speaking)
        yield it
        it.engine.release.set()
        await speaking


# -- what is counted


@pytest.mark.parametrize("is_empty_on_entry", [False, True])
async def test_time_to_first_audio_counts_from_the_later_of_entry_and_first_text(*, is_empty_on_entry: bool) -> None:
    house = House()
    house.engine.release.clear()
    text = house.service.open_text()
    if not is_empty_on_entry:
        text.add("Hello there, ")
    async with house.service.speak(text, NAMED) as reply:
        house.now.time += 7
        first = asyncio.ensure_future(anext(reply))
        await asyncio.sleep(0.01)
        text.add("who is it?")
        text.close()
        await until(lambda: house.engine.speaking)
        house.now.time += 2
        house.engine.release.set()
        assert await first

    assert house.told[0].ttfa_s == (2 if is_empty_on_entry else 9)


async def test_what_is_known_of_a_reply_can_be_seen_while_it_is_made() -> None:
    house = House()
    async with house.service.speak(house.service.whole_text("Hello there."), NAMED) as reply:
        assert house.service.replies == {reply}
        assert await anext(reply)
        assert (reply.stats.voice, reply.stats.engine, reply.stats.language) == ("builtin-en", "fake", "en")
        assert reply.stats.audio_bytes == len(TONE)

    assert not house.service.replies


# -- how it ends: each time one observation, and one log line from whoever was let in


async def test_a_reply_to_its_end_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House()
    assert await house.say("Hello there.")

    assert house.outcomes == ["done"]
    assert house.told[0].chars == 12
    (line,) = caplog.messages
    told = r"test: builtin-en by fake, 12 characters, \d+\.\d s of speech, first sound after \d+ ms"
    assert re.fullmatch(rf"{told}(, [\d.]+ times as fast as speech)?: done", line)


@pytest.mark.parametrize("pieces", [0, 1])
async def test_a_listener_who_leaves_is_told_once(pieces: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House()
    async with house.service.speak(house.service.whole_text("Hello there."), NAMED) as reply:
        for _ in range(pieces):
            await anext(reply)

    assert house.outcomes == ["listener left"]
    assert [line.split(": ")[-1] for line in caplog.messages] == ["listener left"]
    assert (house.service.active, house.engine.speaking) == (0, 0)


async def test_an_error_of_the_engine_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House(FakeEngine(fail_at=1))
    with pytest.raises(EngineError):
        await house.say("Hello there.")

    assert house.outcomes == ["engine-failed"]
    assert [line.split(": ")[-1] for line in caplog.messages] == ["The scripted fault."]
    assert house.service.active == 0


async def test_an_error_of_the_listener_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House()

    async def listen() -> None:
        async with house.service.speak(house.service.whole_text("Hello there."), NAMED) as reply:
            await anext(reply)
            raise Stalled("The listener read nothing.")

    with pytest.raises(Stalled):
        await listen()

    assert house.outcomes == ["listener-stalled"]
    assert len(caplog.messages) == 1
    assert (house.service.active, house.engine.speaking) == (0, 0)


async def test_a_text_that_is_never_begun_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House(text_idle_s=0.01)
    with pytest.raises(TextStalled):
        await house.say(house.service.open_text())

    assert house.outcomes == ["text-stalled"]
    assert len(caplog.messages) == 1


async def test_who_is_refused_is_counted_and_logged_by_nobody_here(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    house = House()
    with pytest.raises(UnknownVoice):
        await house.enter("Hello.", SpeechOptions("nobody"))

    assert house.outcomes == ["unknown-voice"]
    assert not caplog.messages


async def test_who_leaves_while_a_recording_is_looked_for_is_counted_and_holds_nothing(tmp_path: Path) -> None:
    async with filled(tmp_path) as it:
        it.service._can_tell_languages.clear()
        before = len(it.stats)
        entering = asyncio.create_task(it.say("Dinner is ready.", voice=None))
        await asyncio.sleep(0.01)
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)

        assert [stats.outcome for stats in it.stats[before:]] == ["listener left"]
        assert (it.service.active, len(it.service.replies)) == (1, 1)


# -- into the cache only


async def test_a_recording_is_made_with_no_permit_and_told_to_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with filled(tmp_path) as it:
        caplog.set_level(logging.INFO)
        before, arrivals = len(it.stats), it.service.arrivals
        recording = asyncio.create_task(it.service.record(it.service.whole_text("Good night."), NAMED))
        await until(lambda: it.engine.speaking == 2)
        assert (it.service.active, len(it.service.replies)) == (1, 1)
        it.engine.release.set()
        voice = await recording
        await it.cache.close()
        assert voice is not None
        assert voice.name == "builtin-en"
        assert it.service.arrivals == arrivals

        await it.say("Good night.")
        assert it.stats[-1].is_cached
        assert len(it.stats) - before <= 2  # the one who spoke before, and this one
        assert not [line for line in caplog.messages if line.startswith("prerender")]


async def test_what_is_recorded_already_or_cannot_be_is_not_spoken(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        await it.say("Dinner is ready.")
        assert await it.service.record(it.service.whole_text("Dinner is ready."), NAMED)
        assert await it.service.record(it.service.whole_text("😀"), NAMED) is None
        it.engine.identity = None
        assert await it.service.record(it.service.whole_text("Good night."), NAMED) is None

        assert it.engine.spoken == ["Dinner is ready."]


# -- arrivals


async def test_any_number_may_wait_for_an_arrival_and_none_is_missed() -> None:
    house = House()
    waiting = [asyncio.create_task(house.service.wait_for_arrival(seen)) for seen in (0, 0, 1)]
    await asyncio.sleep(0)
    assert house.service.arrivals == 0

    await house.enter("Hello.")
    await asyncio.wait(waiting, timeout=0.05)
    assert [task.done() for task in waiting] == [True, True, False]
    await house.service.wait_for_arrival(0)  # the one that was

    with pytest.raises(UnknownVoice):
        await house.enter("Hello.", SpeechOptions("nobody"))
    await waiting[2]
    assert house.service.arrivals == 2
