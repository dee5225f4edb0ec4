"""Which announcements are known by their ids already: brokers deliver at least once, and people press twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..util.lru import LruCache

Answer = TypeVar("Answer")


class IdempotencyCache(Generic[Answer]):
    """The ``size`` ids used last, for ``lifetime_s``, and the answer that each has got."""

    def __init__(self, size: int, lifetime_s: float, clock: Callable[[], float]) -> None:
        self._lifetime_s, self._clock = lifetime_s, clock
        self._entries = LruCache[tuple[float, Answer | None]](size)  # when it was noted, and the answer

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, key: str) -> bool:
        """Note ``key``; False if it was known."""
        known = self._entries.get(key)
        if known is not None and self._clock() - known[0] < self._lifetime_s:
            return False
        self._entries.put(key, (self._clock(), None))
        return True

    def answered(self, key: str, answer: Answer) -> None:
        if (known := self._entries.get(key)) is not None:
            self._entries.put(key, (known[0], answer))

    def answer(self, key: str) -> Answer | None:
        known = self._entries.get(key)
        return None if known is None else known[1]

    def forget(self, key: str) -> None:
        """It may be asked for again, as nothing was spoken."""
        self._entries.pop(key)
