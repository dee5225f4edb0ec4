"""A cache in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

R = TypeVar("R")


class LruCache(Generic[R]):
    """Least-recently-used cache of at most ``kept`` things, with an optional backing store. One thread.

    With a ``backing_store``, `of` asks that before anything is made.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
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
        self._things[key] = thing
        self._things.move_to_end(key)
        while len(self._things) > self._kept:
            self._things.popitem(last=False)

    def of(self, key: Hashable, make: Callable[[], R]) -> R:
        """The thing, made now if it is not kept."""
        if key not in self._things:
            self.put(key, make() if self.backing_store is None else self.backing_store(key, make))
        self._things.move_to_end(key)
        return self._things[key]

    def pop(self, key: Hashable) -> None:
        """Keep it no longer."""
        self._things.pop(key, None)

    def clear(self) -> None:
        self._things.clear()
