"""When each segment begins to sound, and in live feed each word: as the engine tells it with the sound."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tests.engine.studio import stream, studio, write
from wyoming_qwen3tts.engine.qwen3.feeder import FeedRules
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.request import Feed, Moment

PARTS = ["The light in the kitchen is on.", "The front door is locked.", "It will rain tonight."]
PAUSE_S = 0.5
FRAME = FORMAT.frame_bytes // FORMAT.width


@pytest.mark.parametrize("feed", ["sentence", "live"])
async def test_a_segment_begins_behind_the_pause_before_it(folder: Path, feed: Feed) -> None:
    async with studio(folder, feed=FeedRules(feed, PAUSE_S)) as room:
        request = room.request(PARTS, seed=3)
        async with room.engine.speak(request) as audio:
            pcm = b"".join([piece async for piece in audio])

    samples = np.frombuffer(pcm, "<i2")
    pause = round(PAUSE_S * FORMAT.rate)
    assert [(moment.segment, moment.chars) for moment in request.moments] == [(0, None), (1, None), (2, None)]
    assert request.moments[0].at == 0
    for moment in request.moments[1:]:
        assert not samples[moment.at - pause : moment.at].any()
        assert samples[moment.at + 1 : moment.at + FRAME].any()


async def test_what_is_told_is_there_before_its_sound(folder: Path) -> None:
    async with studio(folder) as room:
        request, heard = room.request(PARTS), 0
        async with room.engine.speak(request) as audio:
            async for pcm in audio:
                if pcm:
                    assert any(moment.at <= heard for moment in request.moments)
                heard += len(pcm) // FORMAT.width
    assert len(request.moments) == 3


async def test_words_are_told_by_the_frame_that_their_first_id_was_given_for(folder: Path) -> None:
    text = PARTS[0]
    async with studio(folder) as room:
        request = room.request(text, feed="live", wants_words=True)
        async with room.engine.speak(request) as audio:
            pcm = b"".join([piece async for piece in audio])
        tokens = room.runner.tokens(notes_words=True)
        ids = tokens.add(text) + tokens.close()
        frames = len(room.runner.spoken()[text])

    words = [moment for moment in request.moments if moment.chars is not None]
    assert [text[word.chars :].split()[0] for word in words] == text.split()
    assert request.moments[0] == Moment(0, 0)
    assert len(ids) < frames
    lead_in = tokens.words[-1][0] - words[-1].at // FRAME  # frames before the first sound, which are not sent
    assert 0 <= lead_in < 3
    assert [word.at for word in words] == [max(0, index - lead_in) * FRAME for index, _ in tokens.words]
    assert words[-1].at < len(pcm) // FORMAT.width


async def test_words_are_the_same_whatever_the_cuts(folder: Path) -> None:
    text = "The light in the kitchen is on and the front door is locked for the night."
    found = []
    for cuts in ([text], text.split(" ")):
        pieces = [f"{piece} " for piece in cuts[:-1]] + cuts[-1:]
        async with studio(folder) as room:
            written = stream()
            request = room.request(written, feed="live", wants_words=True, is_stream=True)
            writing = asyncio.create_task(write(written, pieces, [0.05]))
            async with room.engine.speak(request) as audio:
                async for _ in audio:
                    pass
            await writing
        found.append(request.moments)

    assert found[0] == found[1]
    assert len(found[0]) == 1 + len(text.split())


async def test_without_a_wish_no_word_is_told(folder: Path) -> None:
    async with studio(folder) as room:
        request = room.request(PARTS[0], feed="live")
        async with room.engine.speak(request) as audio:
            async for _ in audio:
                pass
    assert request.moments == [Moment(0, 0)]
