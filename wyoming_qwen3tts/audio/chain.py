"""From the engine's sound to the listener's: speed, loudness, volume, and what comes before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from .pcm import Samples, from_pcm, to_pcm


class PipelineStep(Protocol):
    """Samples in, samples out, some of them held back."""

    def add(self, samples: Samples) -> Samples: ...

    def close(self) -> Samples:
        """What was held back."""
        ...


class AudioPipeline:
    """PCM in, PCM out. Without a step, and at full volume, it hands on the very bytes."""

    def __init__(
        self,
        steps: Sequence[PipelineStep],
        volume: float = 1.0,
        *,
        before: bytes = b"",
        after: bytes = b"",
        most_bytes: int,
    ) -> None:
        self._steps, self._volume, self._before, self._after = tuple(steps), np.float32(volume), before, after
        self._most_bytes = most_bytes  # of one piece that comes out

    def add(self, pcm: bytes) -> Iterator[bytes]:
        """The pieces that are certain now."""
        before, self._before = self._before, b""
        if before:
            yield from self._pieces(self._at_volume(from_pcm(before)))
        if not self._steps:
            yield from self._pieces(pcm if self._volume == 1 else self._at_volume(from_pcm(pcm)))
            return
        yield from self._pieces(self._at_volume(self._through(from_pcm(pcm), self._steps)))

    def close(self, *, is_last: bool = True) -> Iterator[bytes]:
        """The rest, and what comes after it if it ``is_last``."""
        for index, step in enumerate(self._steps):
            yield from self._pieces(self._at_volume(self._through(step.close(), self._steps[index + 1 :])))
        if is_last:
            yield from self._pieces(self._after)

    def _at_volume(self, samples: Samples) -> bytes:
        return to_pcm(samples * self._volume)

    def _pieces(self, pcm: bytes) -> Iterator[bytes]:
        for start in range(0, len(pcm), self._most_bytes):
            yield pcm[start : start + self._most_bytes]

    @staticmethod
    def _through(samples: Samples, steps: Sequence[PipelineStep]) -> Samples:
        for step in steps:
            samples = step.add(samples)
        return samples
