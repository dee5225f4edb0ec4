"""Cuts text into sentences as it arrives. Where it cuts never depends on how the text came in."""

from __future__ import annotations

import re
from collections.abc import Iterator

FIRST_CLAUSE_CHARS = 25  # a reply's first clause may leave this early: sound sooner, prosody still whole
FRAGMENT_CHARS = 12  # shorter pieces are joined to the next: very short inputs make the model run away
HARD_CHARS = 220

_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”）]*|\n+")
_CLAUSE = re.compile(r"[,;:—–](?=\s)|[、，；：]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:\w|Mr|Mrs|Ms|Dr|Prof|St|Sr|Sra|Jr|vs|etc|No|Nr|ca|bzw|usw|z\.\s?B|d\.\s?h|e\.g|i\.e|approx|Inc|Ltd|Fig"
    r"|\d{1,2})\.$"
)


class Segmenter:
    """Text in, in any cuts; sentences out."""

    def __init__(self) -> None:
        self._rest = ""
        self._first = True

    def add(self, text: str) -> list[str]:
        """The sentences that this text finished."""
        self._rest += text
        return list(self._cut(final=False))

    def close(self) -> list[str]:
        """Whatever is left."""
        done = list(self._cut(final=True))
        rest = self._rest.strip()
        self._rest = ""
        return [*done, rest] if rest else done

    def _cut(self, *, final: bool) -> Iterator[str]:
        while (end := self._end(final=final)) is not None:
            piece, self._rest = self._rest[:end].strip(), self._rest[end:]
            if piece:
                self._first = False
                yield piece

    def _end(self, *, final: bool) -> int | None:
        text = self._rest
        if self._first:
            for match in _CLAUSE.finditer(text, 0, HARD_CHARS):
                if match.end() >= FIRST_CLAUSE_CHARS and self._sentence_end(text[: match.end()]) is None:
                    return match.end()
        end = self._sentence_end(text)
        if end is not None and end <= HARD_CHARS:
            return end
        if len(text) > HARD_CHARS:
            space = text.rfind(" ", FRAGMENT_CHARS, HARD_CHARS)
            return space if space > 0 else HARD_CHARS
        return None

    @staticmethod
    def _sentence_end(text: str) -> int | None:
        for match in _END.finditer(text):
            piece = text[: match.end()]
            if "\n" in match.group():
                if piece.strip():
                    return match.end()
                continue
            wide = any(char in "。！？" for char in match.group())
            if len(piece.strip()) * (3 if wide else 1) < FRAGMENT_CHARS:
                continue
            if match.group() == "." and _ABBREVIATION.search(piece):
                continue
            return match.end()
        return None
