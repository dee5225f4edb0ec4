"""How far a download is: a bar on a terminal, a line for every five percent in a log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

_STEP = 0.05
_BAR_CHARS = 24
_REDRAW_S = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """One moment of a download. ``done_bytes`` includes what was here before, and shrinks where a file starts anew."""

    model: str
    done_bytes: int
    total_bytes: int

    @property
    def fraction(self) -> float:
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 1.0

    def __str__(self) -> str:
        return f"{self.model}: {self.fraction:.0%} of {size(self.total_bytes)}"


Report = Callable[[Progress], None]


def size(count: int) -> str:
    """Bytes for people: ``4.5 GB``."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:.1f} {unit}"
    return f"{count} bytes"


class Lines:
    """A line through ``say`` at the first moment and each time another five percent are there."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._next: dict[str, int] = {}

    def __call__(self, progress: Progress) -> None:
        step = int(progress.fraction / _STEP + 1e-9)
        if step >= self._next.get(progress.model, 0):
            self._next[progress.model] = step + 1
            self._say(str(progress))


class Bar:
    """One line of a terminal, redrawn at most ten times a second."""

    def __init__(self, terminal: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._terminal, self._now = terminal, now
        self._began: dict[str, tuple[float, int]] = {}
        self._drawn_at = float("-inf")
        self._open = False

    def __call__(self, progress: Progress) -> None:
        now = self._now()
        began, first = self._began.setdefault(progress.model, (now, progress.done_bytes))
        ended = progress.done_bytes >= progress.total_bytes
        if now - self._drawn_at < _REDRAW_S and not ended:
            return
        self._drawn_at = now
        full = round(progress.fraction * _BAR_CHARS)
        rate = max(0, progress.done_bytes - first) / (now - began) if now > began else 0.0
        left = f", {(progress.total_bytes - progress.done_bytes) / rate:,.0f} s left" if rate and not ended else ""
        bar = "#" * full + "-" * (_BAR_CHARS - full)
        self._terminal.write(f"\r\x1b[K{progress} [{bar}] {size(round(rate))}/s{left}")
        self._open = True
        self._terminal.flush()

    def close(self) -> None:
        """Leave the line, so that the next message does not land in it."""
        if self._open:
            self._terminal.write("\n")
            self._terminal.flush()
        self._open = False
