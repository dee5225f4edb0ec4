"""What the tests share: an engine that plays tones, a server around it, and a wire that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import json
import math
import os
import random
import resource
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

from wyoming.event import Event

from wyoming_qwen3tts.errors import EngineError
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import AudioStream, Engine, EngineStatus, Phase
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.request import Moment, SpeechRequest
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.speech.wyoming_framing import FrameLimits, encode_event, read_event
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

TONE = b"".join(struct.pack("<h", round(8000 * math.sin(i / 8))) for i in range(FORMAT.frame_bytes // 2))


class FakeEngine(Engine):
    """Plays a frame of a tone for every five characters, counts what it does, and fails on demand.

    ``release`` holds it back: a test that clears it decides when sound is made.
    """

    name = "fake"
    status = EngineStatus(Phase.READY)

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.frames_made = 0
        self.speaking = 0
        self.requests: list[tuple[str, list[str]]] = []
        self.release = asyncio.Event()
        self.release.set()
        self._fail_at = fail_at

    def voices(self) -> tuple[Voice, ...]:
        return tuple(Voice(VoiceName(f"builtin-{c}"), f"Fake ({c})", (c,), self.name, "builtin") for c in LANGUAGES)

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        self.speaking += 1
        frames = self._frames(request)
        try:
            yield AudioStream(self.name, frames)
        finally:
            await frames.aclose()
            self.speaking -= 1

    async def _frames(self, request: SpeechRequest) -> Any:
        spoken: list[str] = []
        self.requests.append((request.voice.name, spoken))
        made = 0
        async for segment in request.whole_segments():
            request.moments.append(Moment(len(spoken), made * len(TONE) // FORMAT.width))
            spoken.append(segment.text)
            made += 1 + len(segment.text) // 5
            for _ in range(1 + len(segment.text) // 5):
                await self.release.wait()
                if self.frames_made == self._fail_at:
                    raise EngineError("The scripted fault.")
                self.frames_made += 1
                yield TONE
                await asyncio.sleep(0)
            yield b""

    async def idle(self, within_frames: int) -> None:
        """Wait until nobody is spoken to; fails if more frames than that are made meanwhile."""
        made = self.frames_made
        while self.speaking:
            await asyncio.sleep(0.001)
            assert self.frames_made - made <= within_frames, "the engine goes on speaking to nobody"


class Wire:
    """A raw connection: what a client library would never do is done here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, *what: bytes | Event | str) -> Self:
        """Raw bytes, events, or event types without data."""
        for item in what:
            event = Event(item) if isinstance(item, str) else item
            self.writer.write(encode_event(event) if isinstance(event, Event) else event)
        with contextlib.suppress(
            ConnectionError
        ):  # the server may have hung up already, which tests look at by reading
            await self.writer.drain()
        return self

    async def read(self, timeout_s: float = 30.0) -> Event | None:
        async with asyncio.timeout(timeout_s):
            try:
                first = await self.reader.read(1)
                return await read_event(first, self.reader, FrameLimits(1 << 24, 1 << 24, 30)) if first else None
            except (ConnectionError, EOFError):
                return None

    async def until(self, *kinds: str) -> list[Event]:
        """All events up to the first of ``kinds``, or to the end of the connection."""
        events = []
        while event := await self.read():
            events.append(event)
            if event.type in kinds:
                break
        return events

    async def error(self) -> str | None:
        """The code of the error that ends the connection, None if it is closed without one; audio before it is
        skipped."""
        code = None
        while event := await self.read():
            if event.type == "error":
                assert event.data["text"], "an error without a sentence for a person"
                code = event.data["code"]
        return code

    async def is_closed(self, timeout_s: float) -> bool:
        try:
            return await self.read(timeout_s) is None
        except TimeoutError:
            return False

    def reset(self) -> None:
        """Vanish by RST."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()

    def stop_reading(self) -> None:
        """Stay, but take nothing more."""
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of asyncio's own

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Server:
    """A Wyoming server on a free port, in this process."""

    def __init__(self, engine: FakeEngine, service: SpeechService, door: WyomingServer) -> None:
        self.engine, self.service, self.door = engine, service, door
        self._wires: list[Wire] = []

    async def connect(self, *, source: str = "127.0.0.1", receive_buffer: int | None = None) -> Wire:
        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.door.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=receive_buffer or 1 << 16)
        wire = Wire(reader, writer)
        self._wires.append(wire)
        return wire

    async def speak(self, text: str = "ok", **data: Any) -> list[Event]:
        """A plain ``synthesize`` on a new connection, to its end."""
        wire = await self.connect()
        await wire.send(synthesize(text, **data))
        return await wire.until("audio-stop", "error")

    async def close_wires(self) -> None:
        for wire in self._wires:
            await wire.close()


def free_port() -> int:
    """A port that was free a moment ago, and that nobody else is given: it is none of those that the system hands out,
    and each process of a parallel run has a thousand of its own."""
    while True:
        port = next(_ports)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def _own_ports() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    start = random.SystemRandom().randrange(1000)  # another run on this machine begins elsewhere
    for number in itertools.count(start):
        yield 20_000 + 1000 * (worker % 10) + number % 1000


_ports = _own_ports()


async def until(condition: Callable[[], object], within_s: float = 30.0) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110  what is waited for is inside a server that is not to know of tests
            await asyncio.sleep(0.005)


def synthesize(text: Any, **data: Any) -> Event:
    return Event("synthesize", {"text": text, **data})


def start(**data: Any) -> Event:
    return Event("synthesize-start", data)


def chunk(text: Any) -> Event:
    return Event("synthesize-chunk", {"text": text})


STOP = Event("synthesize-stop")


def kinds(events: list[Event]) -> list[str]:
    """The types of the events, audio chunks in a row counted once."""
    found: list[str] = []
    for event in events:
        if not (event.type == "audio-chunk" and found and found[-1] == "audio-chunk"):
            found.append(event.type)
    return found


def header(**fields: Any) -> bytes:
    return json.dumps({"type": "synthesize", **fields}).encode() + b"\n"


def pcm(events: list[Event]) -> bytes:
    return b"".join(event.payload or b"" for event in events if event.type == "audio-chunk")


@asynccontextmanager
async def serving(engine: FakeEngine | None = None, *, slots: int = 4, **limits: Any) -> AsyncIterator[Server]:
    """A server that is checked when the test is done with it: it must still serve, and have let go of everything."""
    engine = engine or FakeEngine()
    settings = Limits(**limits)
    service = SpeechService(engine, VoiceCatalog(engine.voices()), settings, slots=slots)
    service.load()
    async with WyomingServer(service, Address("127.0.0.1", 0), settings) as door:
        server = Server(engine, service, door)
        yield server
        engine.release.set()
        await server.close_wires()
        await until(lambda: not (service.active or engine.speaking or door.connections))
        assert kinds(await server.speak("still alive")) == ["audio-start", "audio-chunk", "audio-stop"]
        await server.close_wires()
        await until(lambda: not door.connections)
    await service.close()


@contextmanager
def quick_collections() -> Iterator[None]:
    """Whoever collects garbage inside it need not look at all that pytest and torch have made before."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """A disk that is full after so many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
