"""Model servers on loopback whose timing is a published one: they make tones, not speech."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ...engine.remote.router import expected_s
from ...speech.audio_format import FORMAT

PACKET_S = 0.32
_SPREAD = 0.3  # how much longer or shorter speech is than its text lets one expect


@dataclass(frozen=True, slots=True)
class Timing:
    """How a card speaks: one sentence after the other."""

    name: str
    source: str
    first_s: float  # from the request to the first sound
    speed: float  # seconds of audio a second

    def work_s(self, seconds: float) -> float:
        """How long so much audio keeps the card busy."""
        return self.first_s + max(0.0, seconds - PACKET_S) / self.speed


#: A card that speaks one sentence at a time, so its capacity is its speed.
RTX_4090 = Timing("RTX 4090, 0.6B", "faster-qwen3-tts 0.5.4, its own figures", 0.156, 4.8)


@dataclass(frozen=True, slots=True)
class Asked:
    """A sentence that a server was asked for."""

    at_s: float  # `time.perf_counter`
    text: str
    work_s: float


class ModelServer:
    """Speaks one sentence after the other, each as long as its text should sound, give or take `_SPREAD`, which no
    client knows. ``asked`` is all that came."""

    def __init__(self, timing: Timing, chance: random.Random) -> None:
        self.timing, self.url = timing, ""
        self.asked: list[Asked] = []
        self._chance, self._turn = chance, asyncio.Lock()
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def close(self) -> None:
        """Break every connection; returns when nothing of them is left."""
        for writer in self._serving.values():
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, of as many requests as come."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine runs in one
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)
        try:
            while await self._answer(reader, writer):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether others may follow."""
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"POST"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            return True
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        text = json.loads(await reader.readexactly(length))["input"]
        seconds = expected_s(text, "en") * self._chance.uniform(1 - _SPREAD, 1 + _SPREAD)
        self.asked.append(Asked(time.perf_counter(), text, self.timing.work_s(seconds)))
        await self._speak(writer, seconds)
        return True

    async def _speak(self, writer: asyncio.StreamWriter, seconds: float) -> None:
        async with self._turn:
            due = time.perf_counter() + self.timing.first_s
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nTransfer-Encoding: chunked\r\n\r\n")
            left, packet = round(seconds * FORMAT.rate), round(PACKET_S * FORMAT.rate)  # in samples
            while left > 0:
                if (wait_s := due - time.perf_counter()) > 0:  # what was waited too long before is made up for
                    await asyncio.sleep(wait_s)
                pcm = b"\x00\x08" * min(packet, left)
                writer.write(f"{len(pcm):x}\r\n".encode() + pcm + b"\r\n")
                await writer.drain()
                left -= packet
                due += FORMAT.seconds(2 * min(packet, max(left, 0))) / self.timing.speed
        writer.write(b"0\r\n\r\n")


@asynccontextmanager
async def model_servers(count: int, timing: Timing, seed: int = 0) -> AsyncIterator[list[ModelServer]]:
    """So many of them, on free ports."""
    servers = [ModelServer(timing, random.Random(f"{seed} {n}")) for n in range(count)]  # noqa: S311  a load, no secret
    doors = [await asyncio.start_server(server.serve, "127.0.0.1", 0) for server in servers]
    for server, door in zip(servers, doors, strict=True):
        server.url = f"http://127.0.0.1:{door.sockets[0].getsockname()[1]}"
    try:
        yield servers
    finally:
        for door, server in zip(doors, servers, strict=True):
            door.close()
            await server.close()


def ideal_first_s(asked: list[Asked], servers: int, timing: Timing) -> list[float]:
    """How long after its request the first sound of each sentence would come, if each were given, at that moment and
    without any loss, to the one of ``servers`` that really has the least work left: an ideal least-loaded router. Its
    sentences begin as if all waited in one queue, whatever servers there are."""
    free_at = [0.0] * servers
    first_s = []
    for sentence in sorted(asked, key=lambda one: one.at_s):
        least = min(range(servers), key=free_at.__getitem__)
        begins = max(sentence.at_s, free_at[least])
        free_at[least] = begins + sentence.work_s
        first_s.append(begins - sentence.at_s + timing.first_s)
    return first_s
