"""A Wyoming server on loopback that speaks as it is told, down to the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from wyoming.event import Event

from tests.harness import until
from wyoming_qwen3tts.speech.wyoming_framing import FrameLimits, encode_event, read_event

RATE = 22_050
TONE = b"\x10\x20" * (RATE // 5)  # 0.2 s
Answer = Callable[["VoiceServer", asyncio.StreamWriter, Event], Awaitable[None]]
_LIMITS = FrameLimits(1 << 20, 1 << 20, 30)


def voices(*named: tuple[str, Sequence[str]], streaming: bool = False, **more: Any) -> dict[str, Any]:
    """The data of an ``info``."""
    attribution = {"name": "", "url": ""}
    listed = [
        {"name": n, "languages": list(tags), "installed": True, "attribution": attribution, "description": n}
        for n, tags in named
    ]
    program = {
        "name": "piper",
        "attribution": attribution,
        "installed": True,
        "version": "2.5.2",
        "voices": listed,
        "supports_synthesize_streaming": streaming,
    }
    return {"tts": [program], **more}


JOE = voices(("en_US-joe-medium", ["en_US"]), ("de_DE-eva_k-x_low", ["de_DE"]), ("de_DE-thorsten-medium", ["de_DE"]))


def start(rate: Any = RATE, width: Any = 2, channels: Any = 1) -> bytes:
    return encode_event(Event("audio-start", {"rate": rate, "width": width, "channels": channels}))


def chunk(pcm: bytes = TONE, **data: Any) -> bytes:
    return encode_event(Event("audio-chunk", {"rate": RATE, "width": 2, "channels": 1, **data}, pcm))


STOP = encode_event(Event("audio-stop"))


def says(*pieces: bytes, hangs: bool = False, hangs_up: bool = False) -> Answer:
    """These bytes as the answer to a text; then nothing, or the end of the connection."""

    async def answer(server: VoiceServer, writer: asyncio.StreamWriter, __: Event) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if hangs:
            await server.leaving(writer)
        if hangs_up:
            writer.close()

    return answer


SPEAKS = says(start(), *[chunk()] * 6, STOP)


class VoiceServer:
    """``answers`` one a text, the last for good; ``asked`` are the events that asked for speech."""

    def __init__(self, *answers: Answer, info: dict[str, Any] | bytes) -> None:
        self.answers = list(answers) or [SPEAKS]
        self.info = info
        self.asked: list[Event] = []
        self.connections = 0
        self.open: set[asyncio.StreamWriter] = set()
        self._readers: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}
        self.port = 0

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def texts(self) -> list[str]:
        return [str(event.data.get("text")) for event in self.asked if event.type == "synthesize"]

    async def leaving(self, writer: asyncio.StreamWriter) -> None:
        """Wait until the client hangs up."""
        reader = self._readers[writer]
        while await reader.read(1 << 16):
            pass

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        self._readers[writer] = reader
        try:
            while first := await reader.read(1):
                event = await read_event(first, reader, _LIMITS)
                if event.type == "describe":
                    writer.write(self.info if isinstance(self.info, bytes) else encode_event(Event("info", self.info)))
                    await writer.drain()
                    continue
                self.asked.append(event)
                if event.type in ("synthesize", "synthesize-stop"):
                    answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    await answer(self, writer, event)
        except (ConnectionError, EOFError):
            pass
        finally:
            self.open.discard(writer)
            del self._readers[writer]
            writer.close()

    def hang_up(self) -> None:
        for writer in self.open:
            writer.close()


@asynccontextmanager
async def voice_server(*answers: Answer, info: dict[str, Any] | bytes | None = None) -> AsyncIterator[VoiceServer]:
    server = VoiceServer(*answers, info=JOE if info is None else info)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        server.hang_up()
        await until(lambda: not server.open)
