"""How long to leave alone what has just failed."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Pauses that double from ``first_s`` to ``ceiling_s``. Each is shortened by up to a quarter, at random, so that
    many who lost the same thing do not all come back in the same second. Tests pass ``chance=lambda: 0.0``."""

    def __init__(
        self, first_s: float = 1.0, ceiling_s: float = 60.0, *, chance: Callable[[], float] = random.random
    ) -> None:
        self._first_s, self._ceiling_s, self._chance = first_s, ceiling_s, chance
        self._next_s = first_s

    def next_s(self) -> float:
        """The pause after one more failure."""
        pause_s = self._next_s
        self._next_s = min(2 * pause_s, self._ceiling_s)
        return pause_s * (1 - self._chance() / 4)

    def reset(self) -> None:
        """It works again."""
        self._next_s = self._first_s
