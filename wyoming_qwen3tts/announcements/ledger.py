"""Which announcements are known by their ids already: brokers deliver at least once, and people press twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class IdempotencyCache(Generic[Answer]):
    """The last ``size`` ids, for ``lifetime_s``, and the answer that each has got."""

    def __init__(self, size: int, lifetime_s: float, clock: Callable[[], float]) -> None:
        self._size, self._lifetime_s, self._clock = size, lifetime_s, clock
        self._entries: OrderedDict[str, tuple[float, Answer | None]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def begin(self, key: str) -> bool:
        """Note ``key``; False if it was known."""
        now = self._clock()
        while self._entries:
            oldest = next(iter(self._entries))
            if len(self._entries) <= self._size and now - self._entries[oldest][0] < self._lifetime_s:
                break
            del self._entries[oldest]
        if key in self._entries:
            return False
        self._entries[key] = (now, None)
        return True

    def answered(self, key: str, answer: Answer) -> None:
        if key in self._entries:
            self._entries[key] = (self._entries[key][0], answer)

    def answer(self, key: str) -> Answer | None:
        return self._entries.get(key, (0.0, None))[1]

    def forget(self, key: str) -> None:
        """It may be asked for again, as nothing was spoken."""
        self._entries.pop(key, None)
