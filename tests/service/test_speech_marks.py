"""When what of a text is heard, in samples of what is delivered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.harness import TONE, FakeEngine
from tests.service.cast import Cast
from tests.service.phrases import Traced, caching
from wyoming_qwen3tts.audio.earcon import chime
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.postprocess import PostProcessor
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.service.speech_marks import SpeechMark, word_in
from wyoming_qwen3tts.settings import Audio, Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.request import Moment, SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

FRAME = len(TONE) // FORMAT.width
TEXT = "Dinner is on the table.  It costs 5 € today."
DIALOGUE = "[ryan] Dinner is on the table. [pause:1s] [vivian] I am coming down at once! We are all hungry."


class Wordy(Cast):
    """Says of every frame which character it was given, five a frame."""

    async def _frames(self, request: SpeechRequest) -> Any:
        number = made = 0
        async for pcm in super()._frames(request):
            if pcm and request.wants_words:
                begins = [moment.at for moment in request.moments if moment.chars is None]
                number = len(begins) - 1
                request.moments.append(Moment(number, made * FRAME, 5 * (made - begins[-1] // FRAME)))
            made += bool(pcm)
            yield pcm


async def marks_of(
    text: str, engine: Cast | None = None, *, audio: dict[str, Any] | None = None, **options: Any
) -> tuple[list[SpeechMark], bytes]:
    cast = engine or Cast()
    post = PostProcessor(Audio(**{"lead_in_s": 0, "tail_s": 0, **(audio or {})}), turn_pause_s=0.25)
    service = SpeechService(cast, VoiceCatalog(cast.voices), Limits(), slots=2, postprocessor=post)
    service.load()
    await service.loaded()
    marks, heard = [], b""
    chosen = SpeechOptions(**{"speech_marks": True, **options})
    async with service.speak(service.whole_text(text), chosen) as reply:
        async for pcm in reply:
            marks += reply.marks()
            heard += pcm
        marks += reply.marks()
    await service.close()
    return marks, heard


def written(text: str, marks: list[SpeechMark]) -> list[str]:
    return [text[mark.text_offset : mark.text_offset + (mark.text_length or 0)] for mark in marks]


async def test_each_sentence_is_told_with_its_place_in_text_and_sound() -> None:
    engine = Cast()
    marks, heard = await marks_of(TEXT, engine, language="en")

    assert written(TEXT, marks) == ["Dinner is on the table.", "It costs 5 € today."]
    assert [mark.sample for mark in marks] == [0, 5 * FRAME]
    assert len(heard) == engine.frames_made * len(TONE)


async def test_nobody_is_told_who_does_not_ask() -> None:
    engine = Wordy()
    marks, _ = await marks_of(TEXT, engine, speech_marks=False)

    assert marks == []
    assert not engine.asked[0].wants_words


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.5, 2.0])
async def test_samples_are_those_of_the_sound_as_it_is_delivered(speed: float) -> None:
    """Behind the silence and the chime at the beginning, and faster or slower: so long is the sound before it."""
    first, late = "Dinner is on the table.", {"lead_in_s": 0.5}
    marks, heard = await marks_of(TEXT, language="en", speed=speed, chime=True, audio=late)
    _, alone = await marks_of(first, language="en", speed=speed, chime=True, audio=late)
    _, plain = await marks_of(first, language="en", speed=speed)

    before = (len(alone) - len(plain)) // FORMAT.width
    assert marks[0].sample == before
    assert marks[1].sample == pytest.approx(len(alone) // FORMAT.width, abs=0.03 * FORMAT.rate)
    assert marks[1].sample < len(heard) // FORMAT.width


async def test_turns_begin_behind_their_pauses() -> None:
    marks, heard = await marks_of(DIALOGUE)

    assert written(DIALOGUE, marks) == ["Dinner is on the table.", "I am coming down at once!", "We are all hungry."]
    samples = np.frombuffer(heard, "<i2")
    assert [mark.sample for mark in marks] == [0, 5 * FRAME + FORMAT.rate, 11 * FRAME + FORMAT.rate]
    assert not samples[5 * FRAME : marks[1].sample].any()
    assert samples[marks[1].sample : marks[1].sample + 5].any()


async def test_words_are_told_where_the_engine_knows_them() -> None:
    text = "[pause:1s] Dinner for 2 people is ready."
    marks, _ = await marks_of(text, Wordy(), language="en")

    words = [mark for mark in marks if mark.kind == "word"]
    assert written(text, words) == ["Dinner", "Dinner", "people", "is", "ready"]  # the third frame got a blank
    samples = [word.sample - FORMAT.rate for word in words]
    assert all(sample % FRAME == 0 for sample in samples)
    assert samples == sorted(set(samples))
    assert marks[0] == SpeechMark("sentence", 11, 29, FORMAT.rate)


async def test_a_stream_is_told_too_and_its_silence_counts() -> None:
    engine = Cast()
    service = SpeechService(engine, VoiceCatalog(engine.voices), Limits(), slots=2)
    service.load()
    await service.loaded()
    text, marks, heard = service.open_text(), [], 0
    text.add("Dinner is on the table. ")
    options = SpeechOptions("ryan-en", speech_marks=True, fills_pauses=True)
    async with service.speak(text, options) as reply:
        async for pcm in reply:
            marks += reply.marks()
            heard += len(pcm) // FORMAT.width
            if reply.stats.silence_bytes and not text.closed:
                text.add("We are all hungry.")
                text.close()
    await service.close()

    silence = reply.stats.silence_bytes // FORMAT.width
    assert silence
    assert [(mark.text_offset, mark.text_length) for mark in marks] == [(0, 23), (24, 18)]
    assert [mark.sample for mark in marks] == [0, 5 * FRAME + silence]
    assert heard == 5 * FRAME + silence + 4 * FRAME


async def test_a_recording_knows_its_sentences(tmp_path: Path) -> None:
    async with caching(tmp_path, Traced()) as house:
        found = []
        for _ in range(2):
            marks = []
            options = SpeechOptions("builtin-en", speech_marks=True)
            async with house.service.speak(house.service.whole_text(TEXT), options) as reply:
                async for _pcm in reply:
                    marks += reply.marks()
            await house.cache.close()
            found.append(marks)
            await asyncio.sleep(0)

        assert house.was_cached == [False, True]
        assert found[0] == found[1]
        assert [mark.sample for mark in found[1]] == [0, 5 * FRAME]


@pytest.mark.parametrize(
    ("spoken", "word", "text", "found"),
    [
        ("It costs five euros today.", "costs", "It costs 5 € today.", "costs"),
        ("It costs five euros today.", "five", "It costs 5 € today.", "5"),
        ("It costs five euros today.", "today", "It costs 5 € today.", "today"),
        ("On May third, we go.", "May", "On 3 May, we go.", "May"),
        ("All right, let us go.", "us", "All right, **let us** go.", "us"),
        ("Don't go.", "Don't", "Don't go.", "Don't"),
        ("今天天气很好", "气", "今天天气很好", "气"),
        ("Hello there.", "there", "...", None),
        ("One hundred.", "hundred", "100", "100"),
    ],
)
def test_the_word_that_is_spoken_is_found_in_what_was_written(
    spoken: str, word: str, text: str, found: str | None
) -> None:
    place = word_in(spoken, spoken.index(word), text)
    assert (place and text[place[0] : place[0] + place[1]]) == found


async def test_who_stands_in_is_told_of_behind_the_sound_that_says_so() -> None:
    class StandIn(FakeEngine):
        name = "stand-in"

    primary = FakeEngine(fail_at=0)
    engine = FailoverEngine(primary, StandIn(), earcon=True)

    async def segments() -> AsyncIterator[Segment]:
        yield Segment("Dinner is on the table.", "en")

    request = SpeechRequest(segments(), primary.voices()[1])
    async with engine.speak(request) as audio:
        pcm = b"".join([piece async for piece in audio])

    (moment,) = request.moments
    assert moment.at * FORMAT.width == len(chime(FORMAT.rate))
    assert pcm[moment.at * FORMAT.width :].startswith(TONE)
