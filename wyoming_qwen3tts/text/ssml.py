"""A small subset of SSML: break, sub, lang, say-as; s, p and speak end a segment.

Other tags are ignored politely: their text is spoken."""

import re
from typing import Final

from ..speech.languages import LANGUAGES, normalize_tag
from .tracked_text import TrackedText

LONGEST_PAUSE_S: Final = 10.0
_STRENGTH_S: Final = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 1.5}

_BREAK = re.compile(r"<break\b([^<>]*)>", re.IGNORECASE)
_TIME = re.compile(r"\btime\s*=\s*[\"']\s*\+?(\d{1,6}(?:\.\d{1,3})?|\.\d{1,3})\s*(ms|s)\s*[\"']", re.IGNORECASE)
_STRENGTH = re.compile(r"\bstrength\s*=\s*[\"']\s*([a-z-]+)\s*[\"']", re.IGNORECASE)
_SUB = re.compile(r"<sub\b[^<>]*?\balias\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')[^<>]*>[^<>]*</sub\s*>", re.IGNORECASE)
_SAY_AS = re.compile(
    r"<say-as\b[^<>]*?\binterpret-as\s*=\s*[\"']([\w:-]+)[\"'][^<>]*>([^<>]*)</say-as\s*>", re.IGNORECASE
)
_LANG = re.compile(
    r"<(lang|speak)\b[^<>]*?\bxml:lang\s*=\s*[\"']([\w-]+)[\"'][^<>]*>|<(lang)\b[^<>]*>|</(lang|speak)\s*>",
    re.IGNORECASE,
)
_SPELLED: Final = frozenset(("characters", "spell-out", "verbatim", "letters"))
_DIGITS: Final = frozenset(("digits", "telephone", "phone"))


def pause_s(raw: str) -> float:
    """The silence that the breaks in a piece of SSML ask for."""
    total = 0.0
    for match in _BREAK.finditer(raw):
        if time := _TIME.search(match[1]):
            total += float(time[1]) / (1000 if time[2].lower() == "ms" else 1)
        else:
            strength = _STRENGTH.search(match[1])
            total += _STRENGTH_S.get(strength[1].lower() if strength else "medium", 0.5)
    return min(total, LONGEST_PAUSE_S)


def read(tracked: TrackedText) -> None:
    """Replace ``sub`` and ``say-as`` by what they say; tags that are left are markup for ``clean``."""
    tracked.unwrap("sub", _SUB, lambda match: match[1] or match[2] or "")
    tracked.unwrap("say-as", _SAY_AS, _say_as)


def _say_as(match: re.Match[str]) -> str:
    kind, inner = match[1].lower(), match[2].strip()
    if kind in _SPELLED:
        return " ".join(inner.replace(" ", ""))
    if kind in _DIGITS:
        return " ".join(char for char in inner if char.isdigit() or char == "+")
    return inner


class Languages:
    """The languages that ``lang`` elements have put around the text, innermost last."""

    def __init__(self, added: tuple[str, ...] = ()) -> None:
        self._added = added
        self._stack: list[str | None] = []

    @property
    def current(self) -> str | None:
        """The language asked for here, or None."""
        return next((language for language in reversed(self._stack) if language), None)

    def pass_over(self, raw: str) -> None:
        """Note the elements that open and close in a piece; they stand at its end, where the splitter cuts."""
        for match in _LANG.finditer(raw):
            if match[4]:
                del self._stack[-1:]
            elif len(self._stack) < 50:
                code = normalize_tag(match[2])
                self._stack.append(code if code in LANGUAGES or code in self._added else None)
