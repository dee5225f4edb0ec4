"""How many replies there may be at once, spoken or waiting, and whose they may be."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, Self

from ..errors import NoPlace, SpeechError
from ..util.fair_shares import share, who_gives_way

HIGH = 5  # the priority from which a reply may have a reserved place, and gives its place up to nobody
RESERVED = 2
_LEAST_SHARE = 2


class Holder(Protocol):
    """A reply, as it is looked at when somebody else needs its place."""

    @property
    def is_waiting_for_text(self) -> bool: ...

    @property
    def heard_bytes(self) -> int:
        """What its listener has taken."""
        ...

    def cut(self, why: SpeechError) -> None:
        """End with ``why``. Returns at once."""
        ...


class AdmissionController:
    """Gives places to replies. Event loop only.

    A host may have all places while nobody else wants one. When all are taken, a host with less than its share gets
    one of the greediest host's: of a reply that waits for text, else of the one that was heard least. ``reserved``
    places more are for the priority `HIGH` and above.
    """

    def __init__(self, places: int, reserved: int = RESERVED) -> None:
        self.places, self._reserved = places, reserved
        self._share = share(places, _LEAST_SHARE)
        self._held: dict[Permit, None] = {}  # the oldest first
        self._line: list[_Claim] = []
        self._numbers = count()
        self._is_serving = False

    @property
    def active(self) -> int:
        """Places that are taken."""
        return len(self._held)

    @property
    def waiting(self) -> int:
        """Claims in the line."""
        return len(self._line)

    def holders(self) -> list[Permit]:
        """Permits that hold a place now."""
        return list(self._held)

    def claimants(self) -> list[Permit]:
        """Permits in the line."""
        return [claim.permit for claim in self._line]

    def held_by(self, host: str) -> int:
        return sum(permit.host == host for permit in self._held)

    def can_admit(self, permit: Permit) -> bool:
        """Whether `admit` would succeed."""
        return permit.is_held or self._has_room(permit) or self._yielding(permit) is not None

    def admit(self, permit: Permit) -> bool:
        """Give it a place, if need be another's; whether it has one now."""
        if permit.is_held:
            return True
        if not self._has_room(permit):
            yielding = self._yielding(permit)
            if yielding is None:
                return False
            assert yielding.holder is not None  # noqa: S101  as `_yielding` looks at no others
            of_all = f"{self.held_by(yielding.host)} of {self.places} places"
            del self._held[yielding]
            yielding.holder.cut(NoPlace(f"Others want to speak, and this host has {of_all}. Try again in a moment."))
        self._held[permit] = None
        if permit.is_urgent:  # in a reserved place its host has one more, and may have to give up another
            self.serve_line()
        return True

    def release(self, permit: Permit) -> None:
        """Take its place back, if it has one, for those in line."""
        if permit in self._held:
            del self._held[permit]
            self.serve_line()

    def join(self, permit: Permit, offer: Callable[[], bool]) -> None:
        """Have ``offer`` called whenever ``permit`` might get a place, until it returns True or the permit leaves."""
        self._line.append(_Claim(permit, offer, next(self._numbers)))
        self.serve_line()

    def leave(self, permit: Permit) -> None:
        """Wait for nothing more. Is idempotent."""
        self._line = [claim for claim in self._line if claim.permit is not permit]

    def serve_line(self) -> None:
        """Offer what is free, and what others have to give up: to the more important ones first, then to the host that
        holds least, then to those who came first."""
        if self._is_serving:  # an offer that was taken up may free something
            return
        self._is_serving = True
        try:
            while self._serve_one():
                pass
        finally:
            self._is_serving = False

    def _serve_one(self) -> bool:
        for claim in self._in_order():
            if claim in self._line and self.can_admit(claim.permit) and claim.offer():
                self._line = [other for other in self._line if other is not claim]
                return True
        return False

    def _in_order(self) -> list[_Claim]:
        held = Counter(permit.host for permit in self._held)
        return sorted(self._line, key=lambda claim: (-claim.permit.priority, held[claim.permit.host], claim.number))

    def _has_room(self, permit: Permit) -> bool:
        return self.active < self.places + (self._reserved if permit.is_urgent else 0)

    def _yielding(self, asker: Permit) -> Permit | None:
        """Whose place ``asker`` gets."""
        held = Counter(permit.host for permit in self._held)
        for host in who_gives_way(held, asker.host, self._share):
            found = [p for p in self._held if p.host == host and p.holder is not None and not p.is_urgent]
            if found:
                return min(found, key=_standing)
        return None


class Permit:
    """One reply's claim to a place: none is held before `take`, and none after the ``with`` block.

    ``holder`` is the reply; one without cannot be made to give its place up.
    """

    def __init__(self, admission: AdmissionController, host: str = "", priority: int = 0) -> None:
        self._admission, self.host, self.priority = admission, host, priority
        self.holder: Holder | None = None
        self.task: asyncio.Task[Any] | None = None  # that has it
        self.is_paused = False  # it was given back only until there is more text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    @property
    def is_held(self) -> bool:
        return self in self._admission._held

    @property
    def is_orphan(self) -> bool:
        """Whether the task that had it is over, and nobody will give it back."""
        return self.task is not None and self.task.done()

    @property
    def is_urgent(self) -> bool:
        return self.priority >= HIGH

    @property
    def is_available(self) -> bool:
        """Whether `take` succeeds now."""
        return self._admission.can_admit(self)

    def check(self) -> None:
        """Raises NoPlace if `take` would."""
        if not self.is_available:
            raise self._busy()

    def take(self) -> None:
        """Hold a place from now on. Is idempotent. Raises NoPlace if there is none."""
        if not self.try_take():
            raise self._busy()

    def try_take(self) -> bool:
        """`take`, if there is one; whether it is held now."""
        if not self._admission.admit(self):
            return False
        self.is_paused = False
        self._admission.leave(self)
        return True

    def give_back(self) -> None:
        """Hold none, and wait for none. Is idempotent; it may be taken again."""
        self.is_paused = False
        self._admission.leave(self)
        self._admission.release(self)

    def pause(self) -> None:
        """Hold none until `regain`. Does nothing where none is held."""
        if self.is_held:
            self.is_paused = True
            self._admission.release(self)

    async def regain(self) -> None:
        """Hold the place again that was given back by `pause`, in line if there is none. Returns at once if it was
        not."""
        if not self.is_paused or self.try_take():
            return
        has_it: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def offer() -> bool:
            if self.try_take() and not has_it.done():
                has_it.set_result(None)
            return self.is_held

        self._admission.join(self, offer)
        try:
            await has_it
        finally:
            self._admission.leave(self)

    def wait(self, offer: Callable[[], bool]) -> None:
        """Have ``offer`` called, now or later, when a place can be had, until it returns True or this is given back."""
        self._admission.join(self, offer)

    def describe(self) -> str:
        """For the log."""
        return f"{self.host or 'somebody'}, priority {self.priority}"

    def _busy(self) -> NoPlace:
        return NoPlace(f"All {self._admission.places} places are taken. Try again in a moment, or raise limits.queue.")


@dataclass(frozen=True, slots=True, eq=False)
class _Claim:
    """One who waits for a place."""

    permit: Permit
    offer: Callable[[], bool]
    number: int


def _standing(permit: Permit) -> tuple[bool, int]:
    """Who gives way comes first."""
    assert permit.holder is not None  # noqa: S101
    return not permit.holder.is_waiting_for_text, permit.holder.heard_bytes
