"""A small client: for the health check, the benchmark, and to see that we answer before we announce ourselves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from ...errors import SpeechError
from ...settings import Address
from ...speech.wyoming_framing import FrameLimits, encode_event, read_event

_LIMITS = FrameLimits(data_bytes=1 << 24, payload_bytes=1 << 24, event_s=30)


@dataclass(slots=True)
class Spoken:
    """One reply as a listener got it. Times are seconds after the request was sent."""

    start_s: float | None = None  # audio-start
    first_audio_s: float | None = None
    total_s: float = 0.0
    pcm: bytearray = field(default_factory=bytearray)
    rate: int = 0
    starts: int = 0

    @property
    def audio_s(self) -> float:
        return len(self.pcm) / (2 * self.rate) if self.rate else 0.0


class WyomingClient:
    """One connection to a Wyoming server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, event: Event) -> None:
        self._writer.write(encode_event(event))
        await self._writer.drain()

    async def read(self) -> Event | None:
        """The next event, or None at the end of the connection."""
        first = await self._reader.read(1)
        if not first:
            return None
        try:
            return await read_event(first, self._reader, _LIMITS)
        except EOFError:
            return None

    async def describe(self) -> dict[str, Any]:
        """The server's ``info``.

        Raises:
            ConnectionError: if the connection ends without one.
        """
        await self.send(Event("describe"))
        while event := await self.read():
            if event.type == "info":
                return event.data
        raise ConnectionResetError("The server closed the connection without an answer to describe.")

    async def speak(self, text: str, *, voice: str | None = None, streaming: bool = False) -> Spoken:
        """Have ``text`` spoken, and listen to the end.

        Raises:
            SpeechError: what the server said went wrong.
        """
        spoken, began = Spoken(), time.perf_counter()
        wanted = SynthesizeVoice(name=voice) if voice else None
        if streaming:
            await self.send(SynthesizeStart(voice=wanted).event())
            await self.send(SynthesizeChunk(text).event())
            await self.send(Synthesize(text, voice=wanted).event())
            await self.send(SynthesizeStop().event())
        else:
            await self.send(Synthesize(text, voice=wanted).event())
        last = "synthesize-stopped" if streaming else "audio-stop"
        while event := await self.read():
            now = time.perf_counter() - began
            match event.type:
                case "audio-start":
                    spoken.start_s = spoken.start_s or now
                    spoken.rate = spoken.rate or int(event.data["rate"])
                    spoken.starts += 1
                case "audio-chunk":
                    spoken.first_audio_s = spoken.first_audio_s or now
                    spoken.pcm += event.payload or b""
                case "error":
                    raise SpeechError(str(event.data.get("text")))
            if event.type == last:
                spoken.total_s = now
                return spoken
        raise SpeechError("The server closed the connection before the end of the speech.")

    async def chunks(self, text: str, *, voice: str | None = None) -> AsyncIterator[tuple[float, int, int]]:
        """Have ``text`` spoken: when each piece of sound came (`time.perf_counter`), its bytes and its rate, to the end
        or for as long as one listens.

        Raises:
            SpeechError: what the server said went wrong.
        """
        await self.send(Synthesize(text, voice=SynthesizeVoice(name=voice) if voice else None).event())
        while event := await self.read():
            match event.type:
                case "audio-stop":
                    return
                case "error":
                    raise SpeechError(str(event.data.get("text")))
                case "audio-chunk" if event.payload:
                    yield time.perf_counter(), len(event.payload), int(event.data["rate"])
        raise SpeechError("The server closed the connection before the end of the speech.")


def local(address: Address) -> Address:
    """How this machine reaches a server that listens on ``address``."""
    anywhere = address.host in ("0.0.0.0", "::")  # noqa: S104  compared, not bound
    return Address("127.0.0.1" if anywhere else address.host, address.port)


@asynccontextmanager
async def connect(address: Address, timeout_s: float = 5.0) -> AsyncIterator[WyomingClient]:
    """A connection to ``address``.

    Raises:
        OSError: if there is none to be had.
    """
    async with asyncio.timeout(timeout_s):
        reader, writer = await asyncio.open_connection(address.host, address.port, limit=1 << 20)
    try:
        yield WyomingClient(reader, writer)
    finally:
        writer.close()
