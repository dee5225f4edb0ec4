"""Who speaks next, and where. Plain Python: no tasks, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from ..errors import Busy
from ..service.admission import HIGH, RESERVED

NOWHERE = ""  # the place of announcements that nobody was named for: they do not disturb each other


@dataclass(slots=True, eq=False)
class Ticket:
    """One announcement's place in the line."""

    targets: tuple[str, ...]
    priority: int
    number: int = field(default=0)

    @property
    def places(self) -> tuple[str, ...]:
        return self.targets or (NOWHERE,)


class WaitingLine:
    """One announcement at a time per target, the more important ones first, then the older ones. One for several
    targets starts when all of them are free, and those behind it do not overtake it at any of them.

    ``nowhere`` of those without a target may be spoken at once, and some more of priority `HIGH` and above.
    """

    def __init__(self, size: int, *, nowhere: int) -> None:
        self._size, self._nowhere = size, nowhere
        self._numbers = count()
        self._waiting: list[Ticket] = []
        self._taken: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, turn: Ticket) -> None:
        """Wait.

        Raises:
            Busy: if too many do.
        """
        if len(self._waiting) >= self._size + _more(turn):
            raise Busy(f"{self._size} announcements are waiting. Try again in a moment, or raise announce.queue.")
        turn.number = next(self._numbers)
        self.rejoin(turn)

    def rejoin(self, turn: Ticket) -> None:
        """Wait again, where it was; there is always room for it."""
        self._waiting.append(turn)
        self._waiting.sort(key=_order)

    def leave(self, turn: Ticket) -> bool:
        """Wait no longer; False if it was not waiting."""
        if turn not in self._waiting:
            return False
        self._waiting.remove(turn)
        return True

    def next(self, may_start: Callable[[Ticket], bool] = lambda _: True) -> list[Ticket]:
        """Those whose turn has come, and that ``may_start``. Their places are taken until they are freed."""
        ready: list[Ticket] = []
        spoken_for: set[str] = set()
        for turn in list(self._waiting):
            if not spoken_for.intersection(turn.places) and self._is_free(turn) and may_start(turn):
                self._waiting.remove(turn)
                self._taken.update(turn.places)
                ready.append(turn)
            else:
                spoken_for.update(turn.places)
        return ready

    def free(self, turn: Ticket) -> None:
        """It is over."""
        self._taken.subtract(turn.places)
        self._taken += Counter()  # forget places that nobody holds

    def _is_free(self, turn: Ticket) -> bool:
        nowhere = self._nowhere + _more(turn)
        return all(self._taken[place] < (nowhere if place == NOWHERE else 1) for place in turn.places)


def _more(turn: Ticket) -> int:
    """Places beside the others', for urgent announcements alone: a full line is no reason to miss a fire alarm."""
    return RESERVED if turn.priority >= HIGH else 0


def _order(turn: Ticket) -> tuple[int, int]:
    return -turn.priority, turn.number
