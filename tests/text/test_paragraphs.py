"""Where a paragraph begins: behind a blank line, whatever is between, and whatever the cuts of the text."""

from __future__ import annotations

import pytest

from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.reader import SegmentReader

FIRST, SECOND = "The washing machine is done.", "Dinner is ready as well."


def starts(text: str, cut: int = 10_000) -> list[bool]:
    front_end = FrontEnd(language="en", is_voice=lambda name: name == "ryan")
    segments = [s for at in range(0, len(text), cut) for s in front_end.add(text[at : at + cut])]
    return [segment.starts_paragraph for segment in segments + front_end.close()]


@pytest.mark.parametrize("cut", [1, 2, 3, 29, 10_000])
@pytest.mark.parametrize(
    ("between", "is_paragraph"),
    [
        (" ", False), ("\n", False), ("\n\n", True), ("\n \t\n", True), ("\r\n\r\n", True), ("\n\n\n\n", True),
        ("\n\n## ", True), ("\n\n---\n\n", True), ("\n\n[ryan] ", True), ("\n- ", False), ("\n🎉\n", False),
    ],
)  # fmt: skip
def test_a_blank_line_begins_one(between: str, is_paragraph: bool, cut: int) -> None:
    assert starts(f"{FIRST}{between}{SECOND}", cut) == [False, is_paragraph]


def test_a_blank_line_counts_once() -> None:
    assert starts(f"{FIRST}\n\n{SECOND} And so it goes on. {FIRST}") == [False, True, False, False]


async def test_an_open_segment_knows_it_too() -> None:
    text = TextStream(limit_chars=1000, idle_s=1)
    text.add(f"{FIRST}\n\nDinner is ready as well, and it has been so for quite some time")
    reader = SegmentReader(text, FrontEnd(language="en"))
    first, second = await anext(reader), await anext(reader)
    assert not first.starts_paragraph
    assert second.starts_paragraph
    text.close()
    assert (await second.whole()).starts_paragraph  # type: ignore[union-attr]
