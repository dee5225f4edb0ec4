"""How fast a listener takes what is made for it."""

from __future__ import annotations

SLOWEST = 0.5  # of real time; a player that is slower than that holds what others wait for


class ListenerPace:
    """How far a listener is behind half of real time, counted only while it is waited for. Times are in seconds.

    Each second of waiting for it puts it a second behind, each second of sound that it takes two seconds ahead, to
    zero at the most: it may pause, but not be slow for ever.
    """

    def __init__(self, now: float) -> None:
        self._behind_s = 0.0
        self._given_s = 0.0  # sound that it has not come back from yet
        self._waited_for_since: float | None = None
        self.asked_since: float | None = now  # it waits for sound; None while it is waited for

    def given(self, seconds: float, now: float) -> None:
        """It got so much sound, and will ask for more when it has taken that."""
        self._given_s, self._waited_for_since, self.asked_since = seconds, now, None

    def asked(self, now: float) -> None:
        """It has taken what it got."""
        self._behind_s = max(0.0, self.behind_s(now) - self._given_s / SLOWEST)
        self._given_s, self._waited_for_since, self.asked_since = 0.0, None, now

    def behind_s(self, now: float) -> float:
        return self._behind_s + (0.0 if self._waited_for_since is None else now - self._waited_for_since)
