"""PCM to what listeners asked for, piece by piece: bytes come out with the first frame, not with the last."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import threading
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Literal, Protocol, get_args

import lameenc
import soundfile

from ..errors import BadRequest, EngineError
from ..speech.audio_format import FORMAT
from .wav import UNKNOWN_LENGTH, wav_header

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
    "pcm": "audio/pcm",
}  # fmt: skip
MP3_KBPS, AAC_KBPS = 64, 64  # of 24 kHz mono, where a voice gains nothing by more

_SET_OGG_PAGE_LATENCY_MS = 0x1302  # of libsndfile's sf_command; its default is a page a second, too late for speech
_PAGE_MS = 50.0  # the shortest that libsndfile does


class Encoder(Protocol):
    """Encodes one stream. Event loop only; ``aclose`` ends it at any moment and is idempotent."""

    async def add(self, pcm: bytes) -> bytes:
        """What can be sent now that ``pcm`` has come."""
        ...

    async def finish(self) -> bytes:
        """The rest."""
        ...

    async def aclose(self) -> None: ...


def encoder(form: Format) -> Encoder:
    """A new one for ``form``.

    Raises:
        BadRequest: if this machine cannot make it.
    """
    match form:
        case "pcm":
            return Plain()
        case "wav":
            return Plain(wav_header(UNKNOWN_LENGTH))
        case "mp3":
            return Mp3()
        case "flac":
            return SoundFile("FLAC", "PCM_16")
        case "opus":
            return SoundFile("OGG", "OPUS")
        case "aac":
            return Aac()


class Plain:
    """PCM as it is, behind ``header``. A WAV header that is sent before the length is known says the largest."""

    def __init__(self, header: bytes = b"") -> None:
        self._header = header

    async def add(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm

    async def finish(self) -> bytes:
        return b""

    async def aclose(self) -> None:
        return


class Mp3:
    """By LAME, in the event loop: 0.2 ms a frame."""

    def __init__(self) -> None:
        self._lame = lameenc.Encoder()
        self._lame.set_in_sample_rate(FORMAT.rate)
        self._lame.set_channels(FORMAT.channels)
        self._lame.set_bit_rate(MP3_KBPS)
        self._lame.set_quality(5)
        self._lame.silence()
        self._has_begun = False

    async def add(self, pcm: bytes) -> bytes:
        self._has_begun = True
        return bytes(self._lame.encode(pcm))

    async def finish(self) -> bytes:
        return bytes(self._lame.flush()) if self._has_begun else b""

    async def aclose(self) -> None:
        return


class SoundFile:
    """By libsndfile: FLAC and Opus. Opus takes 3 ms a frame, so it is done in a thread."""

    def __init__(self, container: str, codec: str) -> None:
        self._out = _Growing()
        self._one_at_a_time = threading.Lock()  # a cancelled `add` goes on in its thread while `aclose` comes
        self._in_thread = codec == "OPUS"
        self._file = soundfile.SoundFile(
            self._out, "w", samplerate=FORMAT.rate, channels=FORMAT.channels, format=container, subtype=codec
        )
        if codec == "OPUS":
            latency = soundfile._ffi.new("double *", _PAGE_MS)  # the package has no public way to this command
            soundfile._snd.sf_command(self._file._file, _SET_OGG_PAGE_LATENCY_MS, latency, 8)

    async def add(self, pcm: bytes) -> bytes:
        return await asyncio.to_thread(self._add, pcm) if self._in_thread else self._add(pcm)

    def _add(self, pcm: bytes) -> bytes:
        with self._one_at_a_time:
            if not self._file.closed:
                self._file.buffer_write(pcm, "int16")
            return self._out.take()

    async def finish(self) -> bytes:
        return await asyncio.to_thread(self._finish)

    def _finish(self) -> bytes:
        with self._one_at_a_time:
            self._file.close()
            return self._out.take()

    async def aclose(self) -> None:
        if not self._file.closed:
            await asyncio.to_thread(self._finish)


class _Growing(io.RawIOBase):
    """A file for libsndfile whose beginning is sent before its end is written: it cannot be changed any more.

    What FLAC would write there at last, the length and a checksum, may be left out by its standard.
    """

    def __init__(self) -> None:
        self._ready = bytearray()
        self._position = self._end = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
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

    def __init__(self) -> None:
        self._program = shutil.which("ffmpeg")
        if self._program is None:
            raise BadRequest(
                "This server makes no aac, as ffmpeg is not installed. Install it, or ask for mp3, opus, flac, wav or "
                "pcm.",
                field="response_format",
            )
        self._process: Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._ready = bytearray()

    async def add(self, pcm: bytes) -> bytes:
        process = self._process or await self._start()
        assert process.stdin is not None  # noqa: S101  it is a pipe
        try:
            process.stdin.write(pcm)
            await process.stdin.drain()
        except ConnectionError:
            raise EngineError("ffmpeg ended before the speech did.") from None
        return self._take()

    async def finish(self) -> bytes:
        process = self._process
        if process is None or process.stdin is None or self._reading is None:
            return b""
        process.stdin.close()
        await self._reading
        if await process.wait():
            raise EngineError(f"ffmpeg failed, with exit code {process.returncode}.")
        return self._take()

    async def aclose(self) -> None:
        """Leaves no process behind, not even a dead one."""
        if self._process is None or self._reading is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        if self._process.stdin is not None:
            self._process.stdin.close()
        await self._process.wait()

    async def _start(self) -> Process:
        command = (
            *(
                self._program or "ffmpeg",
                "-v",
                "error",
                "-nostdin",
                "-f",
                "s16le",
                "-ar",
                str(FORMAT.rate),
                "-ac",
                str(FORMAT.channels),
            ),
            *("-probesize", "32", "-analyzeduration", "0", "-i", "pipe:0"),
            *("-c:a", "aac", "-b:a", f"{AAC_KBPS}k", "-f", "adts", "-flush_packets", "1", "pipe:1"),
        )
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={"PATH": os.defpath},  # none of our secrets
        )
        self._process = process
        self._reading = asyncio.get_running_loop().create_task(self._read(process))
        return process

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        while data := await process.stdout.read(1 << 14):
            self._ready += data

    def _take(self) -> bytes:
        ready, self._ready = bytes(self._ready), bytearray()
        return ready
