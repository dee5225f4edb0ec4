"""PCM to what listeners asked for, piece by piece: bytes come out with the first frame, not with the last.

`SyncEncoder` does the work; `encoder` gives it to the event loop, in a thread where it takes long.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import threading
from typing import Any, Literal, Protocol, get_args

import lameenc

from ..errors import BadRequest, EngineError
from ..speech.audio_format import FORMAT
from ..util.processes import Child, ProcessError
from .wav import UNKNOWN_LENGTH, wav_header

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = get_args(Format)
FileFormat = Literal["wav", "mp3", "flac"]
"""What every player takes as a file that grows while it is played."""
MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
    "pcm": "audio/pcm",
}  # fmt: skip
MP3_KBPS, AAC_KBPS = 64, 64  # of 24 kHz mono, where a voice gains nothing by more

_SET_OGG_PAGE_LATENCY_MS = 0x1302  # of libsndfile's sf_command; its default is a page a second, too late for speech
_PAGE_MS = 50.0  # the shortest that libsndfile does
_HEAD_BYTES = 256  # WAV's header has 44, FLAC's first block 42


class Encoder(Protocol):
    """Encodes one stream. Event loop only; ``aclose`` ends it at any moment and is idempotent."""

    async def add(self, pcm: bytes) -> bytes:
        """What can be sent now that ``pcm`` has come."""
        ...

    async def finish(self) -> bytes:
        """The rest."""
        ...

    async def aclose(self) -> None: ...

    @property
    def head(self) -> bytes:
        """How the file begins, as it is known now: at the end with its length. For files that can still be changed."""
        ...


class SyncEncoder(Protocol):
    """Encodes one stream, PCM in ``speech.FORMAT``. One thread at a time."""

    def add(self, pcm: bytes) -> bytes:
        """What follows in the file now that ``pcm`` has come."""
        ...

    def finish(self) -> bytes:
        """The rest; nothing if it was finished before."""
        ...

    @property
    def head(self) -> bytes:
        """How the file begins, as it is known now: at the end with its length. For files that can still be changed."""
        ...


def encoder(form: Format, rate: int = FORMAT.rate) -> Encoder:
    """A new one for ``form``. ``rate`` is that of the PCM, which only a WAV and PCM itself may have another of.

    Raises:
        BadRequest: if this machine cannot make it.
    """
    match form:
        case "aac":
            return Aac()
        case "opus":
            return _InThread(sync_encoder(form))  # 3 ms a frame
        case "wav":
            return _InLoop(_Wav(rate))
        case _:
            return _InLoop(sync_encoder(form))


def sync_encoder(form: FileFormat | Literal["pcm", "opus"]) -> SyncEncoder:
    """A new one for ``form``."""
    match form:
        case "pcm":
            return _Pcm()
        case "wav":
            return _Wav()
        case "mp3":
            return _Mp3()
        case "flac":
            return _SoundFile("FLAC", "PCM_16")
        case "opus":
            return _SoundFile("OGG", "OPUS")


def whole_file(pcm: bytes, form: FileFormat | Literal["pcm", "opus"]) -> bytes:
    """A file of ``form`` that says how long it is."""
    core = sync_encoder(form)
    body = core.add(pcm) + core.finish()
    return core.head + body[len(core.head) :]


def load_libraries() -> None:
    """Load what is else loaded with the first FLAC or Opus: 30 ms, which nobody in an event loop has."""
    import soundfile  # noqa: F401  3 MB that a home without these formats does without


class _InLoop:
    """At most 0.2 ms a frame."""

    def __init__(self, core: SyncEncoder) -> None:
        self._core = core

    @property
    def head(self) -> bytes:
        return self._core.head

    async def add(self, pcm: bytes) -> bytes:
        return self._core.add(pcm)

    async def finish(self) -> bytes:
        return self._core.finish()

    async def aclose(self) -> None:
        self._core.finish()


class _InThread:
    """For what takes milliseconds."""

    def __init__(self, core: SyncEncoder) -> None:
        self._core = core
        self._one_at_a_time = threading.Lock()  # a cancelled `add` goes on in its thread while `aclose` comes

    @property
    def head(self) -> bytes:
        with self._one_at_a_time:
            return self._core.head

    async def add(self, pcm: bytes) -> bytes:
        return await asyncio.to_thread(self._add, pcm)

    def _add(self, pcm: bytes) -> bytes:
        with self._one_at_a_time:
            return self._core.add(pcm)

    async def finish(self) -> bytes:
        return await asyncio.to_thread(self._finish)

    def _finish(self) -> bytes:
        with self._one_at_a_time:
            return self._core.finish()

    async def aclose(self) -> None:
        await self.finish()


class _Pcm:
    """PCM as it is."""

    head = b""

    def add(self, pcm: bytes) -> bytes:
        return pcm

    def finish(self) -> bytes:
        return b""


class _Wav:
    """A header that is sent before the length is known says the largest."""

    def __init__(self, rate: int = FORMAT.rate) -> None:
        self._rate = rate
        self._size: int | None = None  # nothing yet

    def add(self, pcm: bytes) -> bytes:
        header = wav_header(UNKNOWN_LENGTH, self._rate) if self._size is None else b""
        self._size = (self._size or 0) + len(pcm)
        return header + pcm

    def finish(self) -> bytes:
        return self.add(b"")

    @property
    def head(self) -> bytes:
        return b"" if self._size is None else wav_header(self._size, self._rate)


class _Mp3:
    """By LAME."""

    head = b""

    def __init__(self) -> None:
        self._lame = lameenc.Encoder()
        self._lame.set_in_sample_rate(FORMAT.rate)
        self._lame.set_channels(FORMAT.channels)
        self._lame.set_bit_rate(MP3_KBPS)
        self._lame.set_quality(5)
        self._lame.silence()
        self._is_open = False  # LAME will not end what it has not begun

    def add(self, pcm: bytes) -> bytes:
        self._is_open = True
        return bytes(self._lame.encode(pcm))

    def finish(self) -> bytes:
        is_open, self._is_open = self._is_open, False
        return bytes(self._lame.flush()) if is_open else b""


class _SoundFile:
    """By libsndfile: FLAC and Opus."""

    def __init__(self, container: str, codec: str) -> None:
        import soundfile

        self._out = _Growing()
        self._file: Any = soundfile.SoundFile(
            self._out, "w", samplerate=FORMAT.rate, channels=FORMAT.channels, format=container, subtype=codec
        )
        if codec == "OPUS":
            latency = soundfile._ffi.new("double *", _PAGE_MS)  # the package has no public way to this command
            soundfile._snd.sf_command(self._file._file, _SET_OGG_PAGE_LATENCY_MS, latency, 8)

    def add(self, pcm: bytes) -> bytes:
        if not self._file.closed:
            self._file.buffer_write(pcm, "int16")
        return self._out.take()

    def finish(self) -> bytes:
        self._file.close()
        return self._out.take()

    @property
    def head(self) -> bytes:
        return bytes(self._out.head)


class _Growing(io.RawIOBase):
    """A file for libsndfile whose beginning is sent before its end is written: it cannot be changed any more, but for
    a copy, ``head``.

    What FLAC writes there at last, the length and a checksum, may be left out by its standard.
    """

    def __init__(self) -> None:
        self.head = bytearray()
        self._ready = bytearray()
        self._position = self._end = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]  # soundfile hands over bytes only
        data = bytes(data)
        if self._position < _HEAD_BYTES:
            known = data[: _HEAD_BYTES - self._position]
            self.head[self._position : self._position + len(known)] = known
        if self._position == self._end:
            self._ready += data
            self._end += len(data)
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        ready, self._ready = bytes(self._ready), bytearray()
        return ready


class Aac:
    """By the ffmpeg program, where there is one: no free library of its own makes AAC."""

    head = b""

    def __init__(self, timeout_s: float = 10.0) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise BadRequest(
                "This server makes no aac, as ffmpeg is not installed. Install it, or ask for mp3, opus, flac, wav or "
                "pcm.",
                field="response_format",
            )
        self._command = (
            *(program, "-v", "error", "-nostdin"),
            *("-f", "s16le", "-ar", str(FORMAT.rate), "-ac", str(FORMAT.channels)),
            *("-probesize", "32", "-analyzeduration", "0", "-i", "pipe:0"),
            *("-c:a", "aac", "-b:a", f"{AAC_KBPS}k", "-f", "adts", "-flush_packets", "1", "pipe:1"),
        )
        self._timeout_s = timeout_s
        self._child: Child | None = None

    async def add(self, pcm: bytes) -> bytes:
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._child is None:
                    self._child = await Child.start(self._command, environment={"PATH": os.defpath})
                await self._child.send(pcm)
        except BrokenPipeError:
            raise EngineError("ffmpeg ended before the speech did.") from None
        except ProcessError as error:
            raise EngineError(f"{error}.") from error
        except TimeoutError:
            raise EngineError(f"ffmpeg has taken no speech for {self._timeout_s:g} s.") from None
        return self._child.take()

    async def finish(self) -> bytes:
        if self._child is None:
            return b""
        try:
            async with asyncio.timeout(self._timeout_s):
                output = await self._child.finish()
        except TimeoutError:
            raise EngineError(f"ffmpeg did not end within {self._timeout_s:g} s.") from None
        if output.code:
            raise EngineError(f"ffmpeg failed: {output.complaint}.")
        return output.stdout

    async def aclose(self) -> None:
        """Leaves no process behind, not even a dead one."""
        if self._child is not None:
            await self._child.end()
