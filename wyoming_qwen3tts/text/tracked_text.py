"""A text on its way to being spoken, and the record of what was changed on that way."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ..speech.segment import Change

SHOWN_CHARS: Final = 200

# Digits of a finished phrase are kept in a private-use block, so that no later rule takes them for something else.
_HIDE: Final = {ord(str(digit)): 0xE000 + digit for digit in range(10)}
_SHOW: Final = {0xE000 + digit: str(digit) for digit in range(10)}


_LAST_WORDS: Final = frozenset(("time", "unit", "money", "duration"))  # rules whose abbreviations often end a sentence
_NEXT_SENTENCE = re.compile(r"\s+[A-Z\u00c0-\u00de\u0410-\u042f¿¡]")

Spoken = Callable[[re.Match[str]], str | None] | str


class TrackedText:
    """Text that rules rewrite one after the other; what a rule has written, later rules leave alone."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.changes: list[Change] = []
        self.capitals_start_sentences = True  # not in German, where every noun has one

    def rewrite(self, rule: str, pattern: re.Pattern[str], spoken: Spoken) -> None:
        """Replace every match by its finished spoken form, or leave it where ``spoken`` says None."""
        if pattern.search(self.text) is None:  # nearly always, and cheaper to see than to replace nothing
            return

        def finished(match: re.Match[str]) -> str | None:
            after = spoken if isinstance(spoken, str) else spoken(match)
            if (
                after
                and match[0].endswith(".")
                and not after.rstrip().endswith(".")
                and self._ends_sentence(rule, match.string[match.end() :])
            ):
                return f"{after}."  # the full stop of an abbreviation was the sentence's too
            return after

        self._sub(rule, pattern, finished, _HIDE)

    def rewrite_at(self, rule: str, found: Sequence[tuple[int, int, str]]) -> None:
        """Replace stretches of the text, from left to right, by their finished spoken forms."""
        parts, at = [], 0
        for start, end, spoken in found:
            before = self.text[start:end]
            if before.endswith(".") and not spoken.endswith(".") and self._ends_sentence(rule, self.text[end:]):
                spoken = f"{spoken}."
            if before != spoken:
                self.note(rule, before, spoken)
            parts += [self.text[at:start], spoken.translate(_HIDE)]
            at = end
        self.text = "".join((*parts, self.text[at:]))

    def _ends_sentence(self, rule: str, following: str) -> bool:
        if not following.strip():
            return True
        return self.capitals_start_sentences and rule in _LAST_WORDS and bool(_NEXT_SENTENCE.match(following))

    def unwrap(self, rule: str, pattern: re.Pattern[str], inner: Spoken) -> None:
        """Replace every match by text that later rules still have to look at."""
        self._sub(rule, pattern, inner, {})

    def _sub(self, rule: str, pattern: re.Pattern[str], spoken: Spoken, hide: Mapping[int, int]) -> None:
        def replace(match: re.Match[str]) -> str:
            after = spoken if isinstance(spoken, str) else spoken(match)
            if after is None or after == match[0]:
                return match[0]
            self.note(rule, match[0], after)
            return after.translate(hide)

        self.text = pattern.sub(replace, self.text)

    def note(self, rule: str, before: str, after: str) -> None:
        """Record a change."""
        before, after = before.translate(_SHOW).strip("\n"), after.translate(_SHOW).strip("\n")
        self.changes.append(Change(rule, before[:SHOWN_CHARS], after[:SHOWN_CHARS]))

    def finished(self) -> str:
        """The text with every digit shown again."""
        return self.text.translate(_SHOW)
