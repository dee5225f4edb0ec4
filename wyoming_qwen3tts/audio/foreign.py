"""Speech of other servers, in whatever PCM they make, as ours."""

from __future__ import annotations

import numpy as np

from ..errors import EngineError
from ..speech.audio_format import FORMAT
from .pcm import Samples, from_pcm, to_pcm
from .resample import StreamResampler

_RATES = range(8_000, 192_001)


class ForeignSound:
    """Whole samples in ``FORMAT``, of PCM that comes in pieces cut anywhere: ``rate`` Hz, 1 or 2 ``channels``, and a
    ``width`` of 1 (unsigned), 2 or 4 bytes.

    Raises:
        EngineError: for another format.
    """

    def __init__(self, rate: object = FORMAT.rate, channels: object = 1, width: object = 2) -> None:
        if type(rate) is not int or rate not in _RATES or type(channels) is not int or channels not in (1, 2):
            raise EngineError(
                f"it speaks with {_short(rate)} Hz and {_short(channels)} channels, which cannot be played"
            )
        if type(width) is not int or width not in (1, 2, 4):
            raise EngineError(f"its samples have {_short(width)} bytes; 1, 2 or 4 are understood")
        self._channels, self._width = channels, width
        self._resampler = StreamResampler(rate, FORMAT.rate) if rate != FORMAT.rate else None
        self._odd = b""

    def add(self, raw: bytes) -> bytes:
        """What ``raw`` and what was left of the piece before it say, as far as it is known yet."""
        raw = self._odd + raw
        whole = len(raw) - len(raw) % (self._width * self._channels)
        raw, self._odd = raw[:whole], raw[whole:]
        if self._resampler is None and self._channels == 1 and self._width == FORMAT.width:
            return raw
        samples = self._samples(raw).reshape(-1, self._channels).mean(axis=1, dtype=np.float32)
        return to_pcm(samples if self._resampler is None else self._resampler.add(samples))

    def close(self) -> bytes:
        """What was held back.

        Raises:
            EngineError: if that is half a sample.
        """
        if self._odd:
            raise EngineError("its speech ends within a sample")
        return b"" if self._resampler is None else to_pcm(self._resampler.close())

    def _samples(self, raw: bytes) -> Samples:
        if self._width == 1:
            return (np.frombuffer(raw, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
        if self._width == 4:
            return np.frombuffer(raw, "<i4").astype(np.float32) / np.float32(2**31)
        return from_pcm(raw)


def _short(value: object) -> str:
    return repr(value)[:20]
