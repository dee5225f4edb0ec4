"""Model servers on loopback whose timing is a published one: they make tones, not speech."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ...engine.remote.router import expected_s
from ...speech.audio_format import FORMAT

_PACKET_S = 0.32


@dataclass(frozen=True, slots=True)
class Timing:
    """How a card speaks: one sentence after the other."""

    name: str
    source: str
    first_s: float  # from the request to the first sound
    speed: float  # seconds of audio a second


#: A card that speaks one sentence at a time, so its capacity is its speed.
RTX_4090 = Timing("RTX 4090, 0.6B", "faster-qwen3-tts 0.5.4, its own figures", 0.156, 4.8)


class ModelServer:
    """Speaks a text as long as it should sound. ``backlog_s`` is the work that it has, which no client can know."""

    def __init__(self, timing: Timing) -> None:
        self.timing, self.url = timing, ""
        self._turn = asyncio.Lock()
        self.backlog_s = 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                await self._speak(writer, expected_s(body["input"], "en"))
            else:
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _speak(self, writer: asyncio.StreamWriter, seconds: float) -> None:
        work_s = self.timing.first_s + max(0.0, seconds - _PACKET_S) / self.timing.speed
        self.backlog_s += work_s
        left_s = work_s
        try:
            async with self._turn:
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nConnection: close\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                )
                wait_s = self.timing.first_s
                while seconds > 0:
                    await asyncio.sleep(wait_s)
                    self.backlog_s -= min(wait_s, left_s)
                    left_s -= min(wait_s, left_s)
                    pcm = b"\x00\x08" * int(min(_PACKET_S, seconds) * FORMAT.rate)
                    writer.write(f"{len(pcm):x}\r\n".encode() + pcm + b"\r\n")
                    await writer.drain()
                    seconds -= _PACKET_S
                    wait_s = min(_PACKET_S, max(seconds, 0.0)) / self.timing.speed
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        finally:
            self.backlog_s -= left_s


@asynccontextmanager
async def model_servers(count: int, timing: Timing) -> AsyncIterator[list[ModelServer]]:
    """So many of them, on free ports."""
    servers = [ModelServer(timing) for _ in range(count)]
    doors = [await asyncio.start_server(server.serve, "127.0.0.1", 0) for server in servers]
    for server, door in zip(servers, doors, strict=True):
        server.url = f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}"
    try:
        yield servers
    finally:
        for door in doors:
            door.close()
