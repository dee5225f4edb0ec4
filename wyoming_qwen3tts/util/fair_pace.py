"""How fast each of several owners may go on, where all of them share one thing that does so much a second."""

from __future__ import annotations

from collections.abc import Callable

BURST = 50.0  # what an owner that has had nothing for a while may have at once
LEAST = 20.0  # a second, for each owner, however many there are
SLACK_S = 0.25  # of the rate: so much at once holds nobody up
_AROUND_S = 10.0  # an owner that had something this lately counts
_MOST_WAIT_S = 2.0  # so that an owner is not made to pay for long for what others behind its address did


class FairPace:
    """``rate`` points a second are there for all. While more is wanted, each owner that was seen in the last ten
    seconds has an equal part, and whoever is over its part waits. Nobody waits while there is enough, and neither does
    one that is alone.

    ``clock`` is in seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate, self._clock = rate, clock
        self._all_due = clock()  # when the rate has made up for all that was had
        self._due: dict[str, float] = {}  # the same for each owner's part; the last one seen comes last

    def spend(self, owner: str, points: float) -> float:
        """How many seconds ``owner``, which has just had so many points, is to have nothing more."""
        now = self._clock()
        due = max(self._due.pop(owner, now), now)
        self._forget(now - _AROUND_S)
        if not self._due:  # alone
            self._due[owner] = self._all_due = now
            return 0.0
        part = max(LEAST, self._rate / (len(self._due) + 1))
        wait_s = min(due + (points - BURST) / part - now, _MOST_WAIT_S)
        self._due[owner] = now + wait_s + BURST / part
        self._all_due = min(max(self._all_due, now) + points / self._rate, now + _MOST_WAIT_S)
        return max(0.0, wait_s) if self._all_due - now > SLACK_S else 0.0

    def _forget(self, before: float) -> None:
        for owner in list(self._due):
            if self._due[owner] > before:
                break
            del self._due[owner]
