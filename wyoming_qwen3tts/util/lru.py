"""The things used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

R = TypeVar("R")


class LruCache(OrderedDict[Hashable, R]):
    """At most ``kept`` of them."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        self._kept = kept
        self.backing_store: Callable[[Hashable, Callable[[], R]], R] | None = None  # asked before anything is made

    def of(self, key: Hashable, make: Callable[[], R]) -> R:
        if key not in self:
            self[key] = make() if self.backing_store is None else self.backing_store(key, make)
        self.move_to_end(key)
        while len(self) > self._kept:
            self.popitem(last=False)
        return self[key]
