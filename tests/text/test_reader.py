"""A segment that is being written can be had open, and nothing that was said of it is taken back."""

from __future__ import annotations

import asyncio
import random

import pytest

from wyoming_qwen3tts.speech.segment import OpenSegment, Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.reader import SegmentReader

from .test_streaming import REPLIES, random_cuts, spoken_in_cuts


def stream(idle_s: float = 5) -> TextStream:
    return TextStream(limit_chars=100_000, idle_s=idle_s)


async def read(reader: SegmentReader) -> list[tuple[str, str]]:
    """Text and language of every segment; an open one from its pieces, which must be those of the whole."""
    found = []
    async for segment in reader:
        if isinstance(segment, Segment):
            found.append((segment.text, segment.language))
            continue
        text = "".join([piece async for piece in segment])
        whole = await segment.whole()
        assert (whole.text, whole.language) == (text, segment.language)
        found.append((text, segment.language))
    return found


@pytest.mark.parametrize("language", [*REPLIES, None])
async def test_open_or_whole_in_any_cuts_the_segments_are_those_of_the_text(language: str | None) -> None:
    text, rng = REPLIES[language or "fr"][:1500], random.Random(3)
    expected = [(segment.text, segment.language) for segment in spoken_in_cuts([text], language=language)]
    for pieces in (list(text), random_cuts(text, rng), [text]):
        written = stream()
        reading = asyncio.create_task(read(SegmentReader(written, FrontEnd(language=language))))
        for piece in pieces:
            written.add(piece)
            await asyncio.sleep(0)
        written.close()

        assert await reading == expected


async def opened(text: TextStream) -> tuple[SegmentReader, OpenSegment]:
    text.add("The light in the kitchen is on and ")
    reader = SegmentReader(text, FrontEnd(language="en"))
    segment = await anext(reader)
    assert not isinstance(segment, Segment)
    return reader, segment


async def test_a_segment_is_open_while_its_end_is_not_written() -> None:
    text = stream()
    _, segment = await opened(text)

    pieces = aiter(segment)
    assert (await anext(pieces)).startswith("The light in the")
    text.close()
    assert (await segment.whole()).text == "The light in the kitchen is on and"


async def test_a_reader_who_is_cancelled_spoils_it_for_nobody() -> None:
    text = stream()
    reader, segment = await opened(text)
    for wait in (segment.whole, lambda: anext(reader), lambda: read(reader)):
        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    text.add("the door is locked. It will rain tonight.")
    text.close()

    assert "".join([piece async for piece in segment]) == "The light in the kitchen is on and the door is locked."
    assert await read(reader) == [("It will rain tonight.", "en")]


async def test_an_open_segment_that_nobody_read_is_passed_over() -> None:
    text = stream()
    reader, _ = await opened(text)
    text.add("the door is locked. It will rain tonight.")
    text.close()

    assert await read(reader) == [("It will rain tonight.", "en")]


async def test_the_text_is_in_the_log_at_debug_only_and_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    for level in ("INFO", "DEBUG"):
        caplog.set_level(level)
        text = stream()
        text.add("Hello.\nERROR forged")
        text.close()
        assert await read(SegmentReader(text, FrontEnd(language="en")))

    assert [record.getMessage() for record in caplog.records] == ["text 'Hello.\\nERROR forged'"]
