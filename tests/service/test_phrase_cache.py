"""What was spoken before starts at once, and nothing else does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import TONE, until
from tests.service.phrases import Traced, caching
from wyoming_qwen3tts.errors import Busy, EngineError
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.phrase_cache import TEXT_CHARS
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.speech.engine import AudioStream
from wyoming_qwen3tts.speech.request import SpeechRequest


async def test_a_phrase_is_spoken_by_the_engine_once_and_from_then_on_from_its_recording(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        first, second = await it.say(), await it.say()

        assert first == second
        assert it.engine.spoken == ["Dinner is ready."]
        assert it.was_cached == [False, True]
        assert it.stats[1].engine == "fake"
        assert it.stats[1].outcome == "done, from the cache"
        assert (it.cache.hits, it.cache.misses, len(it.cache)) == (1, 1, 1)
        assert it.cache.bytes == sum(file.stat().st_size for file in (tmp_path / "phrases").iterdir())


async def test_a_recording_outlives_a_restart(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        await it.say()
    async with caching(tmp_path) as again:
        await again.say()

        assert again.was_cached == [True]
        assert not again.engine.requests


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Dinner is cold."},
        {"voice": "builtin-de"},
        {"seed": 7},
        {"instruct": "whisper"},
        {"feed": "live"},
    ],
)
async def test_whatever_changes_the_sound_is_another_phrase(other: dict[str, Any], tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        await it.say()
        await it.say(**other)

        assert it.was_cached == [False, False]


@pytest.mark.parametrize(
    "same", [{"text": "**Dinner** is ready. 😀"}, {"speed": 1.5}, {"volume": 0.5}, {"chime": True}]
)
async def test_what_is_spoken_alike_is_the_same_phrase(same: dict[str, Any], tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        plain = await it.say()
        other = await it.say(**same)

        assert it.was_cached == [False, True]
        assert ("text" in same) == (other == plain)


async def test_another_model_and_a_changed_lexicon_are_heard_at_once(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        await it.say()
        it.engine.identity = "model 2"
        await it.say()
        (tmp_path / "en.txt").write_text("Dinner = Dinnah\n")
        await it.say()

        assert it.engine.spoken == ["Dinner is ready.", "Dinner is ready.", "Dinnah is ready."]


async def test_an_engine_that_does_not_know_its_own_sound_is_not_recorded(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        it.engine.identity = None
        await it.say()

        assert not len(it.cache)


async def test_speech_that_was_cut_off_by_a_guard_is_not_kept(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        it.engine.notes = ["a sentence was cut off: too long"]
        await it.say()

        assert not len(it.cache)


async def test_speech_that_failed_is_not_kept(tmp_path: Path) -> None:
    async with caching(tmp_path, Traced(fail_at=2)) as it:
        with pytest.raises(EngineError):
            await it.say()

        assert not len(it.cache)


async def test_speech_that_nobody_heard_to_its_end_is_not_kept(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        async with it.service.speak(it.service.whole_text("Dinner is ready."), SpeechOptions("builtin-en")) as speech:
            assert await anext(speech)
        await it.cache.close()

        assert not len(it.cache)


async def test_a_fallback_is_never_recorded_under_the_name_of_the_voice_it_stands_in_for(tmp_path: Path) -> None:
    engine = StoodIn()
    async with caching(tmp_path, engine) as it:
        await it.say()

        assert it.stats[0].engine == "builtin"
        assert not len(it.cache)


async def test_a_text_longer_than_a_phrase_is_not_recorded(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        await it.say("So. " * (TEXT_CHARS // 4 + 1))

        assert not len(it.cache)
        assert not it.cache.misses  # nor looked for


@pytest.mark.parametrize("is_whole", [False, True])
async def test_a_stream_is_kept_if_it_was_all_there_before_its_first_sound(is_whole: bool, tmp_path: Path) -> None:
    """Home Assistant's whole texts are; those that a language model is still writing are not."""
    async with caching(tmp_path) as it:
        it.engine.release.clear()
        text = it.service.open_text()
        text.add("The washing machine is done and the dryer as well. Bye now.")
        async with it.service.speak(text, SpeechOptions("builtin-en")) as speech:
            first = asyncio.create_task(anext(speech))
            await until(lambda: it.engine.requests)
            if is_whole:
                text.close()
            it.engine.release.set()
            assert await first
            text.close()
            assert [pcm async for pcm in speech]
        await it.cache.close()
        await it.say("The washing machine is done and the dryer as well. Bye now.")

        assert it.was_cached == [False, is_whole]


async def test_a_stream_that_begins_like_a_phrase_is_given_a_moment_to_end(tmp_path: Path) -> None:
    """As Home Assistant sends it: the text in one event, the end of it in a later one."""
    phrase = "The washing machine is done and the dryer as well."
    async with caching(tmp_path) as it:
        await it.say(phrase)

    async with caching(tmp_path) as it:
        for end_s in (0.005, 0.2):
            text = it.service.open_text()
            text.add(phrase)
            asyncio.get_running_loop().call_later(end_s, text.close)
            async with it.service.speak(text, SpeechOptions("builtin-en")) as speech:
                assert [pcm async for pcm in speech]

        assert it.was_cached == [True, False]


async def test_a_stream_that_begins_otherwise_is_not_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wyoming_qwen3tts.service.lookup._END_OF_PHRASE_S", 60)
    async with caching(tmp_path) as it:
        await it.say("The washing machine is done and the dryer as well.")
        text = it.service.open_text()
        text.add("The weather will be fine tomorrow, with a light breeze. And then")
        async with asyncio.timeout(10), it.service.speak(text, SpeechOptions("builtin-en")) as speech:
            assert await anext(speech)


async def test_the_recordings_stay_under_their_size_and_the_one_not_used_for_longest_goes(tmp_path: Path) -> None:
    async with caching(tmp_path, size=35_000) as it:  # three and a half of them
        for text in ("One. One.", "Two. Two.", "Three. Three."):
            await it.say(text)
        await it.say("One. One.")
        await it.say("Four. Four.")

        files = list((tmp_path / "phrases").iterdir())
        assert it.cache.bytes == sum(file.stat().st_size for file in files) <= 35_000
        await it.say("One. One.")
        await it.say("Two. Two.")
        assert it.was_cached[3:] == [True, False, True, False]


async def test_a_smaller_size_holds_from_the_next_start_on_for_the_oldest_first(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        for text in ("One. One.", "Two. Two."):
            await it.say(text)
        for age, file in enumerate((tmp_path / "phrases").iterdir()):
            os.utime(file, (1e9 + age, 1e9 + age))
    async with caching(tmp_path, size=10_000) as it:
        assert len(it.cache) == 1
        assert len(list((tmp_path / "phrases").iterdir())) == 1


async def test_with_size_0_nothing_is_kept(tmp_path: Path) -> None:
    async with caching(tmp_path, size=0) as it:
        await it.say()
        await it.say()

        assert it.was_cached == [False, False]
        assert not (tmp_path / "phrases").exists()


async def test_a_recording_needs_no_place(tmp_path: Path) -> None:
    async with caching(tmp_path, slots=1, queue=0) as it:
        await it.say()
        it.engine.release.clear()
        waiting = asyncio.create_task(it.say("Something else."))
        await until(lambda: it.engine.speaking)

        assert await it.say()
        assert it.service.active == 1
        with pytest.raises(Busy):
            await it.say("And another thing.")

        it.engine.release.set()
        await waiting
        assert it.service.active == 0


async def test_the_same_phrase_asked_for_by_many_at_once_is_whole_for_each(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        replies = await asyncio.gather(*(it.say() for _ in range(8)))
        replies.append(await it.say())

        assert len(set(replies)) == 1
        assert it.was_cached[-1]
        assert it.cache.bytes == sum(file.stat().st_size for file in (tmp_path / "phrases").iterdir())


class StoodIn(Traced):
    """Another one speaks for it."""

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        async with super().speak(request) as audio:
            yield AudioStream("builtin", audio)


@pytest.mark.timing
@pytest.mark.parametrize("streaming", [False, True])
async def test_a_cached_phrase_starts_within_10_ms_for_a_wyoming_client(streaming: bool, tmp_path: Path) -> None:
    text = "The washing machine is done."
    async with caching(tmp_path) as it, WyomingServer(it.service, Address("127.0.0.1", 0), Limits()) as door:
        await it.say(text, voice=None)
        times = []
        for _ in range(20):
            async with connect(Address("127.0.0.1", door.port)) as client:
                spoken = await client.speak(text, streaming=streaming)
                times.append(spoken.first_audio_s or 1.0)
                assert bytes(spoken.pcm).startswith(TONE)

        assert it.engine.spoken == [text]
        # The better quarter: what other programs on the machine take is not ours.
        assert sorted(times)[len(times) // 4] < 0.010, f"{sorted(times)}"
