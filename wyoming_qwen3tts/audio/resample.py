"""Sample-rate conversion, through libsamplerate."""

from __future__ import annotations

from typing import cast

import numpy as np
import samplerate

from .pcm import Samples

_FLUSH = 1_024  # zeros that push out what the filter holds


def resample(samples: Samples, rate: int, target_rate: int) -> Samples:
    """``[n] -> [n * target_rate / rate]``, band-limited (97 dB)."""
    if rate == target_rate or not len(samples):
        return samples
    return cast("Samples", samplerate.resample(samples, target_rate / rate, "sinc_fastest").astype(np.float32))


class StreamResampler:
    """The same for sound that comes in pieces: a `PipelineStep`. Holds under a millisecond back, and what comes out is
    as long as what went in."""

    def __init__(self, rate: int, target_rate: int) -> None:
        self._ratio = target_rate / rate
        self._resampler = samplerate.Resampler("sinc_fastest", channels=1)
        self._in = self._out = 0  # samples

    def add(self, samples: Samples) -> Samples:
        self._in += len(samples)
        return self._made(samples) if len(samples) else samples

    def close(self) -> Samples:
        """What was held back."""
        return self._made(np.zeros(_FLUSH, np.float32))

    def _made(self, samples: Samples) -> Samples:
        made = cast("Samples", self._resampler.process(samples, self._ratio)).astype(np.float32)[: self._due]
        self._out += len(made)
        return made

    @property
    def _due(self) -> int:
        return round(self._in * self._ratio) - self._out
