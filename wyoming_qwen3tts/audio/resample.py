"""Sample-rate conversion, through libsamplerate."""

from __future__ import annotations

from typing import cast

import numpy as np
import samplerate

from .pcm import Samples


def resample(samples: Samples, rate: int, target_rate: int) -> Samples:
    """``[n] -> [n * target_rate / rate]``, band-limited (97 dB)."""
    if rate == target_rate or not len(samples):
        return samples
    return cast("Samples", samplerate.resample(samples, target_rate / rate, "sinc_fastest").astype(np.float32))
