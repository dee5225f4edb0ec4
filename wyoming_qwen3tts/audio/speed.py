"""Faster or slower speech at the same pitch, on sound that is still being made.

WSOLA (Verhelst and Roelands, 1993): overlapping windows of the speech are laid down closer or wider, each shifted by a
few milliseconds so that it goes on where the one before would have gone. Own code, as python-stretch takes whole clips
only: called piece by piece it begins anew each time, which is heard as a dip of 3 dB at every joint.
"""

from __future__ import annotations

import numpy as np

from .pcm import Samples

_HOP_S = 0.015  # what a window adds to the output
_SEARCH_S = 0.008  # both ways: together they hold a period of a deep voice, 65 Hz


class SpeedChange:
    """Samples in, samples out, ``speed`` times as fast. Holds back some 50 ms of what it is given, never 80."""

    def __init__(self, rate: int, speed: float) -> None:
        self._hop, self._search = round(_HOP_S * rate), round(_SEARCH_S * rate)
        self._speed = speed
        self._rise = np.sin(np.linspace(0, np.pi / 2, self._hop, endpoint=False, dtype=np.float32)) ** 2
        self._input = np.zeros(0, np.float32)
        self._offset = 0  # how many samples of the input are gone
        self._count = 0  # windows laid down
        self._next = 0  # where in the input the last window would go on by itself

    def add(self, samples: Samples) -> Samples:
        """As much of the output as is certain."""
        self._input = np.concatenate([self._input, samples])
        return self._windows()

    def close(self) -> Samples:
        """The rest. As long as the whole input was, divided by the speed, to within a window."""
        end = self._offset + len(self._input)
        wanted = max(0, round(end / self._speed) - self._count * self._hop)
        room = round(self._hop * (self._speed + 1)) + 3 * self._hop + 2 * self._search
        return self.add(np.zeros(room, np.float32))[:wanted]

    def _windows(self) -> Samples:
        hop, parts = self._hop, []
        while True:
            ideal = round(self._count * hop * self._speed)
            end = self._offset + len(self._input)
            if max(ideal + self._search, self._next) + 2 * hop > end:
                break
            start = ideal if self._count == 0 else self._best(ideal)
            parts.append(self._joined(start))
            self._next, self._count = start + hop, self._count + 1
        self._forget()
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _joined(self, start: int) -> Samples:
        """The next hop of output: what would have gone on fades into what comes now."""
        hop = self._hop
        new = self._slice(start, hop)
        if self._count == 0:
            return new.copy()
        joined: Samples = self._slice(self._next, hop) * (1 - self._rise) + new * self._rise
        return joined

    def _best(self, ideal: int) -> int:
        """Where, near ``ideal``, the input is most like what would have gone on."""
        first = max(ideal - self._search, self._offset)
        size = 2 * self._hop
        wanted = self._slice(self._next, size)
        around = self._slice(first, ideal + self._search - first + size)
        likeness = np.correlate(around, wanted, "valid")
        energy = np.concatenate(([0.0], np.cumsum(around.astype(np.float64) ** 2)))
        energy = energy[size:] - energy[:-size]
        if energy.max() < 1e-6 or not np.any(likeness > 0):  # silence fits everywhere
            return ideal
        return first + int(np.argmax(likeness / np.sqrt(energy + 1e-6)))

    def _slice(self, start: int, size: int) -> Samples:
        return self._input[start - self._offset : start - self._offset + size]

    def _forget(self) -> None:
        """Let go of what no later window can reach."""
        ideal = round(self._count * self._hop * self._speed)
        gone = min(self._next, ideal - self._search) - self._offset
        if gone > 0:
            self._input, self._offset = self._input[gone:], self._offset + gone
