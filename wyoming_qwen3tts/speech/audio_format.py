"""PCM as it crosses the layers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """PCM as it crosses our layers: signed little-endian integers, whole samples."""

    rate: int = 24_000  # Hz; Qwen3-TTS's own rate, so nothing is resampled on the way out; some codecs make 48,000
    width: int = 2  # bytes a sample
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one 80 ms frame, the unit in which Qwen3-TTS makes sound."""
        return self.rate * 80 // 1000 * self.width * self.channels

    def seconds(self, pcm_bytes: int) -> float:
        """How long ``pcm_bytes`` of this format play."""
        return pcm_bytes / (self.rate * self.width * self.channels)

    def silence(self, seconds: float) -> bytes:
        return bytes(round(self.rate * seconds) * self.width * self.channels)


FORMAT = AudioFormat()  # what is spoken unless somebody asks for another, and what clips are cut to
