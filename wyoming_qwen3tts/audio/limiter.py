"""`loudness.limit` for sound that is still being made: the same samples, 11 ms later."""

from __future__ import annotations

import math

import numpy as np

from .loudness import PEAK_DBTP, limit
from .pcm import Samples

_PAST_MS, _AHEAD_MS = 20, 11  # how far back and forth the limiter looks from any sample: under 11 blocks of 1 ms


class Limiter:
    """Samples in, samples out with every true peak under the ceiling. Holds back 11 ms."""

    def __init__(self, rate: int, ceiling_db: float = PEAK_DBTP) -> None:
        self._rate, self._ceiling_db = rate, ceiling_db
        self._block = rate // 1000
        self._before = self._after = 0.0  # energy of what was handed out
        self._past = self._held = np.zeros(0, np.float32)  # not limited yet; ``past`` has been handed out

    @property
    def lost_db(self) -> float:
        """How much quieter it has become so far."""
        return 10 * math.log10(self._before / self._after) if self._after else 0.0

    def forget_lost(self) -> None:
        """Count anew from here."""
        self._before = self._after = 0.0

    def add(self, samples: Samples) -> Samples:
        """What is certain of it."""
        return self._take(samples, self._block * _AHEAD_MS)

    def close(self) -> Samples:
        """The rest."""
        return self._take(np.zeros(0, np.float32), 0)

    def _take(self, samples: Samples, ahead: int) -> Samples:
        window = np.concatenate([self._past, self._held, samples])
        settled = max(len(self._past), len(window) - ahead)
        if ahead:
            settled -= settled % self._block  # so that the blocks of the next window are the same ones
        if settled <= len(self._past):
            self._held = window[len(self._past) :]
            return window[:0]
        sound = limit(window, self._rate, self._ceiling_db)[len(self._past) : settled]
        unlimited = window[len(self._past) : settled]
        self._before, self._after = (
            self._before + float(np.dot(unlimited, unlimited)),
            self._after + float(np.dot(sound, sound)),
        )
        self._past = window[max(0, settled - self._block * _PAST_MS) : settled]
        self._held = window[settled:]
        return sound
