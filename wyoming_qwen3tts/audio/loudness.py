"""One level for every voice: loudness after ITU-R BS.1770-4, and a limiter that keeps the true peak under the ceiling.

Own code, as the kept libraries are no fit for the base install: pyloudnorm needs scipy (90 MB), pyebur128 has no
wheels for Python 3.13. A test compares it with pyloudnorm.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from .pcm import Samples

T = TypeVar("T", float, npt.NDArray[np.float64])

TARGET_LUFS = (
    -16.0
)  # what loud-speaker announcements are mastered to; Home Assistant users find TTS too quiet beside music
PEAK_DBTP = -1.5
_SILENCE = -70.0  # LUFS, the standard's absolute gate
_OVERSAMPLE = 4


def _shelf_and_highpass(rate: int) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """The two K-weighting biquads for any rate (the standard prints 48 kHz only; analogue prototypes after De Man
    2014)."""
    filters = []
    for f0, gain_db, q, kind in (
        (1681.974450955533, 3.999843853973347, 0.7071752369554196, "shelf"),
        (38.13547087602444, 0.0, 0.5003270373238773, "high"),
    ):
        k = np.tan(np.pi * f0 / rate)
        vh = 10 ** (gain_db / 20)
        vb = vh**0.4996667741545416
        a0 = 1 + k / q + k * k
        a = np.array([1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0])
        if kind == "shelf":
            b = np.array([vh + vb * k / q + k * k, 2 * (k * k - vh), vh - vb * k / q + k * k]) / a0
        else:
            b = np.array([1.0, -2.0, 1.0])
        filters.append((b, a))
    return filters


@cache
def _k_weight(rate: int, size: int) -> npt.NDArray[np.float32]:
    """Magnitude of the K-weighting at the bins of a real FFT of ``size`` samples."""
    z = np.exp(-1j * 2 * np.pi * np.fft.rfftfreq(size))
    response = np.ones_like(z)
    for b, a in _shelf_and_highpass(rate):
        response *= (b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z)
    return cast("npt.NDArray[np.float32]", np.abs(response).astype(np.float32))


def integrated_lufs(samples: Samples, rate: int) -> float:
    """Gated loudness of mono ``samples``; -inf for silence. Shorter than one 400 ms block: that block, filled with
    silence."""
    block, hop = int(0.4 * rate), int(0.1 * rate)
    size = 1 << max(len(samples), block).bit_length()  # few sizes, so the weights stay cached; pads against wrap-around
    # Filtered by magnitude alone: phase moves energy by milliseconds, which a 400 ms block does not see.
    weighted = np.fft.irfft(np.fft.rfft(samples, size) * _k_weight(rate, size), size)[: max(len(samples), block)]
    energy = np.concatenate(([0.0], np.cumsum(weighted.astype(np.float64) ** 2)))
    starts = np.arange(0, len(energy) - block, hop)
    power = np.maximum(energy[starts + block] - energy[starts], 1e-20) / block
    loudness = -0.691 + 10 * np.log10(power)
    power = power[loudness > _SILENCE]
    if not len(power):
        return float("-inf")
    gate = -0.691 + 10 * np.log10(power.mean()) - 10
    return float(-0.691 + 10 * np.log10(power[-0.691 + 10 * np.log10(power) > gate].mean()))


def k_weighted_power(samples: Samples, rate: int) -> float:
    """Mean power of a short piece after the K-weighting; never zero."""
    size = 1 << max(len(samples), rate * 4 // 10).bit_length()
    weighted = np.abs(np.fft.rfft(samples, size)) * _k_weight(rate, size)
    energy = 2 * float(np.dot(weighted, weighted)) / size  # the two ends of the spectrum hold nothing after weighting
    return max(energy / max(len(samples), 1), 1e-20)


def lufs_of(power: T) -> T:
    """K-weighted power as loudness."""
    loudness: T = -0.691 + 10 * np.log10(power)
    return loudness


def _interpolator() -> npt.NDArray[np.float32]:
    """``[12, 3]``: the three phases between two samples, a windowed sinc of 12 taps, as in BS.1770-4 annex 2."""
    taps, window = np.arange(-6, 6), np.kaiser(14, 5.0)[1:-1]
    phases = [np.sinc(taps + 1 - phase / _OVERSAMPLE) * window for phase in range(1, _OVERSAMPLE)]
    return np.stack(phases, axis=1).astype(np.float32)


_TAPS = _interpolator()


def _true_peaks(samples: Samples, above: float = 0.0) -> Samples:
    """``[n] -> [n]``: the greatest magnitude around each sample, four times oversampled.

    Between samples it only looks where a peak ``above`` that level could be, as two neighbours hide at most 6 dB
    between them: on the way to the first audio that saves 8 ms of 13.
    """
    peaks = np.abs(samples)
    near = np.flatnonzero(np.maximum(peaks[:-1], peaks[1:]) > above / 2)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(samples, 6), 12)[near + 1]
    peaks[near] = np.maximum(peaks[near], np.abs(around @ _TAPS).max(axis=1, initial=0.0))
    return peaks


def true_peak_db(samples: Samples) -> float:
    """dBTP; -inf for silence."""
    peak = float(_true_peaks(samples).max(initial=0.0))
    return 20 * float(np.log10(peak)) if peak else float("-inf")


def limit(samples: Samples, rate: int, ceiling_db: float = PEAK_DBTP) -> Samples:
    """The same with every true peak under the ceiling: gain goes down 4 ms ahead of a peak and comes back as
    smoothly."""
    ceiling = 10 ** ((ceiling_db - 0.2) / 20)  # 0.2 dB for what the interpolator does not see
    block = rate // 1000
    peaks = _true_peaks(samples, above=ceiling)
    if peaks.max(initial=0.0) <= ceiling:
        return samples
    blocks = -(-len(peaks) // block)
    peaks = np.pad(peaks, (0, blocks * block - len(peaks))).reshape(blocks, block).max(axis=1)
    gain = np.minimum(1.0, ceiling / np.maximum(peaks, ceiling))
    reach = 4  # blocks
    # The minimum over +-(reach+1) blocks, then the mean over +-reach: the mean, and the line between two neighbouring
    # means, only ever average values that are already low enough for the block they are used in.
    padded = np.pad(gain, reach + 1, constant_values=1.0)
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * (reach + 1) + 1).min(axis=1)
    smooth = np.convolve(np.pad(lowest, reach, mode="edge"), np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid")
    centres = np.arange(blocks) * block + block / 2
    return samples * np.interp(np.arange(len(samples)), centres, smooth).astype(np.float32)


def level(
    samples: Samples, rate: int, target_lufs: float = TARGET_LUFS, usual_gain_db: float | None = None
) -> tuple[Samples, float]:
    """Bring speech to ``target_lufs`` with its peaks limited; returns it with the gain used, in dB.

    ``usual_gain_db`` is what this voice usually needs: a sentence may differ from it by 4 dB at most, so that a short
    or odd one is not blown up.
    """
    loudness = integrated_lufs(samples, rate)
    if loudness == float("-inf"):
        return samples, 0.0
    gain_db = target_lufs - loudness
    if usual_gain_db is not None:
        gain_db = min(max(gain_db, usual_gain_db - 4), usual_gain_db + 4)
    loud = limit(samples * np.float32(10 ** (gain_db / 20)), rate)
    before, after = (float(np.dot(x, x)) for x in (samples, loud))
    lost_db = gain_db - 10 * np.log10(after / before)
    if 0.3 < lost_db <= 3:  # the limiter took some of it: once more, with that much on top
        loud = limit(loud * np.float32(10 ** (lost_db / 20)), rate)
    return loud, gain_db
