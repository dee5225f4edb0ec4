"""When what of a text is heard: places in the text as it was sent, and in the sound as it is delivered."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from ..speech.request import Moment, SpeechRequest
from ..speech.segment import Segment
from ..speech.text_stream import TextStream
from ..text.reader import Opening, SegmentReader

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|(?:[^\W\u3040-\u30ff\u3400-\u9fff]|['’](?=\w))+")


@dataclass(frozen=True, slots=True)
class SpeechMark:
    """A sentence, or a word, begins to sound ``sample`` samples into what is delivered. Its place in the text is in
    characters; ``text_length`` is None for a sentence that is still being written."""

    kind: Literal["sentence", "word"]
    text_offset: int
    text_length: int | None
    sample: int

    def as_json(self) -> dict[str, Any]:
        """What an event tells of it."""
        return {
            "kind": self.kind,
            "text_offset": self.text_offset,
            "text_length": self.text_length,
            "sample": self.sample,
        }


class MarkTracker:
    """The marks of one reply. Event loop only.

    An engine tells the moments of each of its requests in samples of its own sound; what the reply makes of that sound
    (rate, speed, a chime before it, pauses) is told here as it goes out.
    """

    def __init__(self, text: TextStream) -> None:
        self._text_pieces: list[str] = []
        text.kept = self._text_pieces
        self._segments: Sequence[Segment | Opening] = ()
        self._first = 0  # the turn's first segment, of all
        self._moments: list[Moment] = []
        self._told = 0  # of them
        self._heard = 0  # samples of the engine's sound
        self._begins_at = 0.0  # where the engine's sound begins in what is delivered, pauses that were put in included
        self._stretch = 1.0  # samples delivered for each of the engine's
        self._due: deque[SpeechMark] = deque()

    def begin(self, request: SpeechRequest, segments: SegmentReader, first: int) -> None:
        """A turn: the request whose segments are those from number ``first`` on."""
        self._segments, self._first = segments.taken, first
        self._moments, self._told, self._heard = request.moments, 0, 0

    def begin_sound(self, delivered: int, stretch: float) -> None:
        """The turn's sound begins behind ``delivered`` samples, and is stretched so."""
        self._begins_at, self._stretch = float(delivered), stretch

    def pause(self, samples: int, *, is_stretched: bool) -> None:
        """So many samples of silence are put in; ``is_stretched``: they went the way of the engine's sound."""
        self._begins_at += samples * self._stretch if is_stretched else samples

    def hear(self, samples: int) -> None:
        """The engine's next samples; what begins in them is due."""
        self._heard += samples
        while self._told < len(self._moments) and self._moments[self._told].at < self._heard:
            moment = self._moments[self._told]
            self._told += 1
            if (mark := self._mark(moment)) is not None:
                self._due.append(mark)

    def take(self) -> list[SpeechMark]:
        """Those that were not taken yet."""
        due = list(self._due)
        self._due.clear()
        return due

    def _mark(self, moment: Moment) -> SpeechMark | None:
        number = self._first + moment.segment
        if number >= len(self._segments):
            return None
        segment = self._segments[number]
        whole = segment if isinstance(segment, Segment) else segment.segment
        sample = round(self._begins_at + moment.at * self._stretch)
        if moment.chars is None:
            return SpeechMark("sentence", segment.at, None if whole is None else whole.chars, sample)
        spoken = segment.text if isinstance(segment, Segment) else segment.so_far
        end = None if whole is None else whole.at + whole.chars
        place = word_in(spoken, moment.chars, "".join(self._text_pieces)[segment.at : end])
        return None if place is None else SpeechMark("word", segment.at + place[0], place[1], sample)


def word_in(spoken: str, at: int, written: str) -> tuple[int, int] | None:
    """Place and length in ``written`` of the word that stands at ``at`` in what is ``spoken`` of it.

    Words that are spoken as they are written are found by these; those of a number or a date written out lie between
    them, and all have its place. None where there is nothing.
    """
    said, words = list(_WORD.finditer(spoken)), list(_WORD.finditer(written))
    number = next((number for number, word in enumerate(said) if word.start() <= at < word.end()), None)
    if number is None:
        return None
    keys = [word[0].casefold() for word in said], [word[0].casefold() for word in words]
    before, after = 0, len(words)
    for block in SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
        if block.a <= number < block.a + block.size:
            found = words[block.b + number - block.a]
            return found.start(), len(found[0])
        if block.a + block.size <= number:
            before = max(before, block.b + block.size)
        else:
            after = min(after, block.b)
            break
    between = words[before:after]
    return (between[0].start(), between[-1].end() - between[0].start()) if between else None
