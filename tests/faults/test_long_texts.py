"""R22: whatever a text is made of, others have their turn after each piece of it, and no part is read again and again.

Counted are writings-out of a piece, which is where the work is; what a pattern takes is in tests/text/test_patterns.py.
"""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness import FakeEngine
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Limits
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.text import front_end
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.normalization import normalize
from wyoming_qwen3tts.text.reader import SegmentReader
from wyoming_qwen3tts.text.sentences.splitter import LONGEST_CHARS, MARKUP_CHARS, TARGET_CHARS, Piece
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

LIMIT = 8_000  # characters of one text
TEXTS = {
    "short sentences": "It is one. ",
    "one sentence": "and so on and on ",
    "one word": "a",
    "figures": "12:30 - ",
    "figures of another script": "٣",
    "list": "1. a\n",
    "marks": "[happy]Hi. ",
    "links": "[a](b)",
    "link targets that do not end": "](",
    "a link target of its greatest length": f"](x({'y' * (TARGET_CHARS - 10)}",
    "tags": "<b>a</b> ",
    "nothing but tags": "<b class='x'>",
    "a tag that does not end": f"<a {'b ' * 200}",
    "code that does not end": "```a ",
    "what a model says to itself": "<think>a</think> ",
    "Chinese": "今天天气很好，",
}


class Counted:
    """How many pieces were written out, and how long they were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pieces: list[int] = []
        self.since_a_turn = self.most = 0
        write_out = FrontEnd._written_out

        def counted(this: FrontEnd, piece: Piece, language: str | None) -> object:
            self.pieces.append(len(piece.raw))
            self.since_a_turn += 1
            self.most = max(self.most, self.since_a_turn)
            return write_out(this, piece, language)

        monkeypatch.setattr(FrontEnd, "_written_out", counted)

    async def take_turns(self) -> None:
        """As somebody else in the event loop would."""
        while True:
            self.since_a_turn = 0
            await asyncio.sleep(0)


@pytest.mark.parametrize("unit", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("is_whole", [True, False], ids=["whole", "stream"])
async def test_others_have_a_turn_after_each_piece(unit: str, is_whole: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    text = TextStream(limit_chars=LIMIT, idle_s=5)
    text.add((unit * LIMIT)[:LIMIT])
    if is_whole:
        text.close()
    others = asyncio.create_task(counted.take_turns())
    reader = SegmentReader(text, FrontEnd(language="en", is_voice=lambda name: name == "ryan"))
    reading = asyncio.create_task(_read(reader))
    if not is_whole:
        for _ in range(200):  # all of it is looked at, and what waits for more is a pause's or the end's
            await asyncio.sleep(0)
        text.close()
    await reading
    others.cancel()

    assert counted.most <= 2  # a piece, and the opening of the next one
    assert max(counted.pieces, default=0) <= LONGEST_CHARS + MARKUP_CHARS + TARGET_CHARS
    assert sum(counted.pieces) <= 3 * LIMIT


async def _read(reader: SegmentReader) -> None:
    async for segment in reader:
        if not isinstance(segment, Segment):
            await segment.whole()


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "Chinese"])  # where a letter is a word
def test_a_text_by_the_letter_is_written_out_by_the_word(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counted, spoken = Counted(monkeypatch), FrontEnd(language="en")
    text = (TEXTS[name] * LIMIT)[:1000]
    for letter in text:
        spoken.add(letter)
        _ = spoken.opening

    assert len(counted.pieces) <= len(text) / 2
    assert sum(counted.pieces) <= len(text) * LONGEST_CHARS / 2


@given(st.lists(st.sampled_from(["<", ">", "](", ")", "(", "a", " ", "<b>", "](x)", "\n"]), max_size=30).map("".join))
def test_what_is_inside_markup_is_told_in_one_pass_as_from_the_beginning_each_time(text: str) -> None:
    words = [word[0] for word in front_end._TOKEN.finditer(text)]

    def from_the_beginning(head: str) -> bool:
        tag, target = head.rfind("<"), head.rfind("](")
        return tag <= head.rfind(">") and (target < 0 or head.find(")", target) >= 0)

    heads = ["".join(words[: end + 1]) for end in range(len(words))]
    assert front_end._are_text(words) == [from_the_beginning(head) for head in heads]


def test_a_sentence_with_more_markup_than_words_is_cut_behind_it() -> None:
    spoken = FrontEnd(language="en")
    tags = "<b class='xxxxxxxxxxxxxxxxxxxx'>" * (MARKUP_CHARS // 30)
    segments = spoken.add(f"The light in the kitchen {tags} is on and the door is locked. ") + spoken.close()
    assert [segment.text for segment in segments] == ["The light in the kitchen", "is on and the door is locked."]


async def test_the_rules_of_every_language_are_made_before_they_are_needed_that_of_the_home_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[str] = []
    monkeypatch.setattr(normalize, "warm", made.append)
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices(), fallback_language="fr"), Limits(), slots=1)
    service.load()
    await service.loaded()
    await service.close()

    assert made[0] == "fr"
    assert sorted(made) == sorted(LANGUAGES)
