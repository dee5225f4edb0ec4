"""A line for something that only so many use at a time, in which nobody has to wait behind another one's crowd."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

_MEMORY_S = 10.0  # after which little counts of what somebody had
_FORGOTTEN = 0.5
_LITTLE = 0.5  # of what another one had


class FairLine:
    """``places`` are used at once; of those who wait, the owner who had least lately is next, and of one owner's who
    came first. So one who asks now and then waits for a place that is free next, whatever the others have in line.
    Event loop only.

    With ``is_eager`` such a one does not wait even for that: it gets one place more. And while it comes again and
    again, the last place is kept for it.
    """

    def __init__(self, places: int, clock: Callable[[], float] | None = None, *, is_eager: bool = False) -> None:
        self._free, self._clock = places, clock
        self._more = 1 if is_eager else 0
        self._kept = 1 if is_eager and places > 1 else 0
        self._waiting: list[_Waiting] = []
        self._had: dict[str, tuple[float, float]] = {}  # how much, as it counted when

    @property
    def free(self) -> int:
        """Places that nobody uses; the one more is not counted."""
        return max(0, self._free)

    @property
    def waiting(self) -> int:
        """How many are in line."""
        return len(self._waiting)

    @asynccontextmanager
    async def turn(self, owner: str, cost: float) -> AsyncIterator[None]:
        """A place for this long. ``cost`` is of any unit, the same for all."""
        await self.acquire(owner, cost)
        try:
            yield
        finally:
            self.release()

    async def acquire(self, owner: str, cost: float) -> None:
        """A place, until `release`."""
        if self._may_take(owner):  # then nobody waits who may: who does was given what was free
            self._take(owner, cost)
            return
        waiting = _Waiting(owner, cost, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            await waiting.has_place
        except asyncio.CancelledError:
            if waiting.has_place.done() and not waiting.has_place.cancelled():
                self.release()
            raise
        finally:
            self._waiting = [other for other in self._waiting if other is not waiting]

    def release(self) -> None:
        """Give a place back."""
        self._free += 1
        open_ = [waiting for waiting in self._waiting if not waiting.has_place.done()]
        if open_:
            now = self._now()  # once: what was had weighs less with each look at the clock, and the last would be next
            chosen = min(open_, key=lambda waiting: self._lately(waiting.owner, now))  # of equals the first
            if self._may_take(chosen.owner):
                self._take(chosen.owner, chosen.cost)
                chosen.has_place.set_result(None)

    def _may_take(self, owner: str) -> bool:
        now = self._now()
        own, others = self._lately(owner, now), [self._lately(other, now) for other in self._had if other != owner]
        if own < _LITTLE * max(others, default=0.0):
            return self._free > -self._more
        return self._free > (self._kept if min(others, default=own) < _LITTLE * own else 0)

    def _take(self, owner: str, cost: float) -> None:
        self._free -= 1
        now = self._now()
        had = self._lately(owner, now) + cost
        for other in [other for other in self._had if self._lately(other, now) < _FORGOTTEN]:
            del self._had[other]
        self._had[owner] = had, now

    def _lately(self, owner: str, now: float) -> float:
        had, then = self._had.get(owner, (0.0, 0.0))
        return had * math.exp((then - now) / _MEMORY_S)

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    owner: str
    cost: float
    has_place: asyncio.Future[None]
