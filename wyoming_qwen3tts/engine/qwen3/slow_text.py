"""Where live speech may stop while its text is waited for.

A token makes one frame, and a frame is a fifth of a word: of a text that is written more slowly than frames are played,
each new word would be heard as a splinter of sound with a hole behind it. Such speech stops where it is quiet instead,
between words, and what was made beyond that is kept until there is more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...audio.pcm import Samples

MOST_KEPT_S = 0.4  # without a quiet place; a word is about as long
_HOP_S = 0.01
_QUIET_HOPS = 3  # a shorter dip is inside of a word
_QUIET = 0.06  # of the loudest place so far
_LEARN = 0.3  # the weight of the last text
_LONGEST_S = 0.5  # a longer wait is a writer who thinks or asks, and no tempo


@dataclass(slots=True)
class Tempo:
    """How fast one text comes in. ``usual_s``: seconds an id, as texts came before; 0: none did."""

    usual_s: float = 0.0
    last_at: float | None = None
    ids: int = 0  # that came behind the first ones
    took_s: float = 0.0

    def came(self, ids: int, now: float) -> None:
        """``ids`` more came."""
        if not ids:
            return
        if self.last_at is not None:
            self.ids += ids
            self.took_s += min(now - self.last_at, _LONGEST_S)
        self.last_at = now

    @property
    def id_s(self) -> float:
        """Seconds an id."""
        return self.took_s / self.ids if self.ids else self.usual_s

    def learnt(self) -> float:
        """What is usual now, this text included."""
        return self.usual_s + _LEARN * (self.id_s - self.usual_s) if self.usual_s else self.id_s


def kept_samples(sound: Samples, rate: int, peak: float) -> int:
    """How many samples at the end of ``sound`` come behind the last place where it may stop: a quiet one, where the
    speech has peaks of ``peak`` (0..1); without any the quietest of the last `MOST_KEPT_S`. All, where it is shorter
    than that."""
    hop = round(_HOP_S * rate)
    levels = np.abs(sound[: len(sound) // hop * hop]).reshape(-1, hop).max(axis=1)
    if not len(levels):
        return len(sound)
    quiet = levels <= _QUIET * peak
    runs = np.convolve(quiet, np.ones(_QUIET_HOPS), "valid") == _QUIET_HOPS if len(quiet) >= _QUIET_HOPS else quiet[:0]
    if runs.any():
        return len(sound) - (int(np.flatnonzero(runs)[-1]) + _QUIET_HOPS) * hop
    window = round(MOST_KEPT_S / _HOP_S)
    if len(levels) <= window:
        return len(sound)
    at = len(levels) - window + int(np.argmin(levels[-window:]))
    return len(sound) - at * hop
