"""How many replies there may be at once, spoken or waiting."""

from __future__ import annotations

from typing import Self

from ..errors import Busy


class AdmissionController:
    """Counts replies being spoken or waiting. Event loop only."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.active = 0  # of them that are taken

    @property
    def is_full(self) -> bool:
        return self.active >= self.places


class Permit:
    """One reply's claim to a place: none is held before `take`, and none after the ``with`` block."""

    def __init__(self, admission: AdmissionController) -> None:
        self._admission = admission
        self.is_held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()

    @property
    def is_available(self) -> bool:
        """Whether `take` succeeds now."""
        return self.is_held or not self._admission.is_full

    def check(self) -> None:
        """Raises Busy if `take` would."""
        if not self.is_available:
            raise Busy(f"All {self._admission.places} places are taken. Try again in a moment, or raise limits.queue.")

    def take(self) -> None:
        """Hold a place from now on. Is idempotent. Raises Busy if there is none."""
        self.check()
        if not self.is_held:
            self.is_held = True
            self._admission.active += 1

    def give_back(self) -> None:
        """Hold none. Is idempotent; it may be taken again."""
        if self.is_held:
            self.is_held = False
            self._admission.active -= 1
