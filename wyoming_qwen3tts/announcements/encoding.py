"""Files that can be played while they grow: WAV, MP3 and FLAC of our PCM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from ..audio.wav import UNKNOWN_LENGTH, wav_header
from ..speech.audio_format import FORMAT

FileFormat = Literal["wav", "mp3", "flac"]
CONTENT_TYPES: dict[FileFormat, str] = {"wav": "audio/wav", "mp3": "audio/mpeg", "flac": "audio/flac"}

_WAV_HEADER = 44
_MP3_KBPS = 96


class FileWriter(Protocol):
    """Appends to a file in memory. Only its header may change afterwards, when the length is known."""

    def add(self, pcm: bytes) -> None:
        """PCM in ``speech.FORMAT``."""
        ...

    def finish(self) -> None:
        """No more comes."""
        ...


def writer(kind: FileFormat, file: bytearray) -> FileWriter:
    """A writer of ``kind`` into ``file``, which is empty."""
    writers: dict[FileFormat, Callable[[bytearray], FileWriter]] = {"wav": _Wav, "mp3": _Mp3, "flac": _Flac}
    return writers[kind](file)


class _Wav:
    def __init__(self, file: bytearray) -> None:
        self._file = file
        file += wav_header(UNKNOWN_LENGTH)

    def add(self, pcm: bytes) -> None:
        self._file += pcm

    def finish(self) -> None:
        self._file[:_WAV_HEADER] = wav_header(len(self._file) - _WAV_HEADER)


class _Mp3:
    def __init__(self, file: bytearray) -> None:
        import lameenc

        self._file = file
        self._encoder = lameenc.Encoder()
        self._encoder.set_in_sample_rate(FORMAT.rate)
        self._encoder.set_channels(FORMAT.channels)
        self._encoder.set_bit_rate(_MP3_KBPS)
        self._encoder.set_quality(5)
        self._encoder.silence()
        self._has_begun = False

    def add(self, pcm: bytes) -> None:
        self._has_begun = True
        self._file += self._encoder.encode(pcm)

    def finish(self) -> None:
        if self._has_begun:  # LAME will not end what it has not begun
            self._file += self._encoder.flush()


class _Flac:
    def __init__(self, file: bytearray) -> None:
        import soundfile

        self._flac = soundfile.SoundFile(
            _Seekable(file), "w", FORMAT.rate, FORMAT.channels, format="FLAC", subtype="PCM_16"
        )

    def add(self, pcm: bytes) -> None:
        self._flac.buffer_write(pcm, "int16")

    def finish(self) -> None:
        self._flac.close()


class _Seekable:
    """A bytearray as libsndfile wants its files: at the end it goes back and puts the length into the header."""

    def __init__(self, file: bytearray) -> None:
        self._file, self._at = file, 0

    def write(self, data: bytes) -> int:
        self._file[self._at : self._at + len(data)] = data
        self._at += len(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        data = bytes(self._file[self._at :] if size < 0 else self._file[self._at : self._at + size])
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._file))[whence]
        return self._at

    def tell(self) -> int:
        return self._at
