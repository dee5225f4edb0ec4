"""Samples as bytes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


def to_pcm(samples: Samples) -> bytes:
    """Float samples in [-1, 1] as s16le; what lies outside is clipped."""
    return (np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


def from_pcm(pcm: bytes) -> Samples:
    """s16le as float samples in [-1, 1]."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768.0)


def in_channels(pcm: bytes, channels: int) -> bytes:
    """Mono s16le with each sample as often as there are channels."""
    return pcm if channels == 1 else np.repeat(np.frombuffer(pcm, "<i2"), channels).tobytes()


def packets(pcm: bytes, frame_bytes: int) -> Iterator[bytes]:
    """``pcm`` in packets: one frame first, so that it starts at once, then four at a time."""
    yield pcm[:frame_bytes]
    for start in range(frame_bytes, len(pcm), 4 * frame_bytes):
        yield pcm[start : start + 4 * frame_bytes]


def trim(samples: Samples, rate: int, *, before_s: float = 0.03, after_s: float = 0.06) -> Samples:
    """Without the near-silence (34 dB below the peak) at both ends, but for a little; its ends faded, so that nothing
    clicks."""
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max(initial=0.0))
    if not len(loud):
        return samples[:0]
    start = max(0, int(loud[0]) - round(before_s * rate))
    cut = samples[start : int(loud[-1]) + 1 + round(after_s * rate)].copy()
    ramp = np.linspace(0, 1, min(round(0.005 * rate), len(cut) // 2), dtype=np.float32)
    cut[: len(ramp)] *= ramp
    cut[len(cut) - len(ramp) :] *= ramp[::-1]
    return cut
