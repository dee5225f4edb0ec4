"""From what was written to what is spoken, while it is still being written."""

from __future__ import annotations

import html
import re
import unicodedata

from ..speech import Segment
from .language import detect
from .segment import Segmenter

_TAG = re.compile(r"<[^<>]{0,200}>")
_SPEAKABLE_SYMBOLS = "%&@+="


def is_speakable(text: str) -> bool:
    """Whether there is anything in it that a voice could say: a letter, a digit, money, a sign with a name."""
    return any(c.isalnum() or unicodedata.category(c) == "Sc" or c in _SPEAKABLE_SYMBOLS for c in text)


class FrontEnd:
    """Text in, in any cuts; segments out. Without ``language`` the first segment decides, for the whole reply."""

    def __init__(self, *, language: str | None = None, fallback: str = "en", ssml: bool = False) -> None:
        self._language, self._fallback, self._ssml = language, fallback, ssml
        self._segmenter = Segmenter()

    def add(self, text: str) -> list[Segment]:
        """The segments that this text made known."""
        return self._segments(self._segmenter.add(_without_controls(text)))

    def close(self) -> list[Segment]:
        """The rest."""
        return self._segments(self._segmenter.close())

    def _segments(self, pieces: list[str]) -> list[Segment]:
        found = []
        for piece in pieces:
            text = html.unescape(_TAG.sub(" ", piece)) if self._ssml else piece
            text = " ".join(unicodedata.normalize("NFC", text).split())
            if not is_speakable(text):
                continue
            if self._language is None:
                self._language = detect(text, self._fallback)
            found.append(Segment(text, self._language))
        return found


def _without_controls(text: str) -> str:
    return "".join(c if c.isprintable() or c in "\n\t\u200d" else " " for c in text)
