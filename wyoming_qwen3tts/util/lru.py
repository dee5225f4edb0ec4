"""A cache in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

R = TypeVar("R")


class LruCache(Generic[R]):
    """Least-recently-used cache of at most ``kept`` things, with an optional backing store. One thread.

    With ``weigh`` they weigh at most ``limit`` together: what alone weighs more is not kept.

    With a ``backing_store``, `of` asks that before anything is made.
    """

    def __init__(self, kept: int, weigh: Callable[[R], int] = lambda _: 0, limit: int = 0) -> None:
        self._kept, self._weigh, self._limit = kept, weigh, limit
        self._weights: dict[Hashable, int] = {}
        self.weight = 0
        self._things: OrderedDict[Hashable, R] = OrderedDict()
        self.backing_store: Callable[[Hashable, Callable[[], R]], R] | None = None

    def __len__(self) -> int:
        return len(self._things)

    def get(self, key: Hashable) -> R | None:
        """The thing, which is used by that; None if it is not kept."""
        if key not in self._things:
            return None
        self._things.move_to_end(key)
        return self._things[key]

    def put(self, key: Hashable, thing: R) -> None:
        """Keep it, in place of what had its key."""
        self.pop(key)
        self._things[key], self._weights[key] = thing, self._weigh(thing)
        self.weight += self._weights[key]
        while self._things and (len(self._things) > self._kept or self.weight > self._limit):
            self.pop(next(iter(self._things)))

    def of(self, key: Hashable, make: Callable[[], R]) -> R:
        """The thing, made now if it is not kept."""
        if key in self._things:
            self._things.move_to_end(key)
            return self._things[key]
        thing = make() if self.backing_store is None else self.backing_store(key, make)
        self.put(key, thing)
        return thing

    def pop(self, key: Hashable) -> None:
        """Keep it no longer."""
        self._things.pop(key, None)
        self.weight -= self._weights.pop(key, 0)

    def clear(self) -> None:
        self._things.clear()
        self._weights.clear()
        self.weight = 0
