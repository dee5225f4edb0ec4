"""WAV files with our PCM."""

from __future__ import annotations

import struct

from ..speech.audio_format import FORMAT

UNKNOWN_LENGTH = 0x7FFFFFFF - 64  # what players take for "until the end"


def wav_header(size: int, rate: int = FORMAT.rate) -> bytes:
    """The 44 bytes before ``size`` bytes of PCM."""
    width, channels = FORMAT.width, FORMAT.channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE",
        b"fmt ", 16, 1, channels, rate, rate * width * channels, width * channels, 8 * width,
        b"data", size,
    )  # fmt: skip


def wav_file(pcm: bytes, rate: int = FORMAT.rate) -> bytes:
    """A whole file."""
    return wav_header(len(pcm), rate) + pcm
