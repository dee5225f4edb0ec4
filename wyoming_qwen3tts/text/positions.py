"""Where in a text something stood, after steps that leave parts of it out."""

from __future__ import annotations

from bisect import bisect_right


class PositionMap:
    """From places in what a step passed on to places in what it was given, both counted from the reply's beginning.

    A stretch that is passed on as it came costs nothing.
    """

    def __init__(self) -> None:
        self._from: list[int] = [0]
        self._shifts: list[int] = [0]

    def note(self, passed: int, given: int) -> None:
        """What is passed on from ``passed`` on stood from ``given`` on. Notes come in the order of the text."""
        shift = given - passed
        if shift == self._shifts[-1]:
            return
        if self._from[-1] == passed:
            self._shifts[-1] = shift
        else:
            self._from.append(passed)
            self._shifts.append(shift)

    def given(self, passed: int) -> int:
        """The place of the character that was passed on at ``passed``."""
        return passed + self._shifts[bisect_right(self._from, passed) - 1]


class Whereabouts:
    """The way from places in what is cut into segments back to the text as it was sent, step by step."""

    def __init__(self, *steps: PositionMap) -> None:
        """``steps``: the last one first."""
        self._steps = steps

    def of(self, at: int) -> int:
        """The place of one character."""
        for step in self._steps:
            at = step.given(at)
        return at

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Place and length of the stretch up to ``end``; what was left out inside it counts."""
        if end <= start:
            return self.of(start), 0
        first = self.of(start)
        return first, self.of(end - 1) + 1 - first
