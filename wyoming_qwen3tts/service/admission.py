"""How many replies there may be at once, spoken or waiting."""

from __future__ import annotations

from ..errors import Busy


class AdmissionController:
    """The places that replies have. Event loop only."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.active = 0  # of them that are taken

    @property
    def is_full(self) -> bool:
        return self.active >= self.places


class Permit:
    """One of the places, once it is taken. A stream without a word of text holds none."""

    def __init__(self, admission: AdmissionController) -> None:
        self._admission, self._held = admission, False
        self.is_waived = False  # none is needed, as far as is known

    def check(self) -> None:
        """Raises Busy if there is none."""
        if self._admission.is_full:
            raise Busy(f"All {self._admission.places} places are taken. Try again in a moment, or raise limits.queue.")

    def take(self) -> bool:
        """Hold one from now on; whether it was taken just now. Raises Busy if there is none."""
        if self._held or self.is_waived:
            return False
        self.check()
        self._held = True
        self._admission.active += 1
        return True

    def leave(self) -> None:
        """Give it back. Is idempotent."""
        if self._held:
            self._held = False
            self._admission.active -= 1
