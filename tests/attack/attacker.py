"""One hostile host: ``python -m tests.attack.attacker ADDRESS WYOMING_PORT WEB_PORT BROKER_PORT SECONDS [KIND...]``.

Does everything, or what is named, at the same time, from one loopback address, in a process of its own that leaves the
processor to others, as another machine would. It says "ready" when it begins, and at the end how often it did each, as
JSON. BROKER_PORT 0: there is none.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import socket
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiomqtt
from wyoming.event import Event

from tests.faults.flooder import WEBSOCKET, WYOMING, frame, upgrade
from tests.faults.test_memory import FORMATS
from wyoming_qwen3tts.servers.mqtt.client import PatchedClient
from wyoming_qwen3tts.speech.wyoming_framing import encode_event

HOLD_S = 4.0  # how long what is held is held before it is taken anew
FLOOD_S = 2.0
LONG = "Many words that nobody wants to hear, one after the other. " * 130
ODD_CHARACTERS = "ab/+#$\0\u0001\x7f\u0085\ufffe\ufdd0\U0001ffff."


def hostile_text(rng: random.Random) -> str:
    """A text that some part of the front end, or of a voice, might choke on."""
    kinds: list[Callable[[], str]] = [
        lambda: "](" * 2000,
        lambda: "1" * rng.randrange(1, 8000),
        lambda: "a.<break time='9s'/>" * 390,
        lambda: "\u0301" * 5000,
        lambda: "\u202e" + "שלום " * 200,
        lambda: "👩‍👩‍👧‍👦" * 500,
        lambda: "x" * 8000,
        lambda: "[happy][pause:1s][ryan]" * 300,
        lambda: "12.12.2012 12:12 12,12 € 1/2 °C " * 200,
        lambda: "**_`~~" * 1000,
        lambda: "<speak>" * 1000,
        lambda: "漢字" * 3000,
        lambda: "".join(
            chr(rng.choice((rng.randrange(32, 0xD800), rng.randrange(0xE000, 0x30000)))) for _ in range(900)
        ),
        lambda: ". " * 4000,
        lambda: "ꜰ" * 100,
        lambda: "M. Dr. z.B. " * 500,
        lambda: "http://a.b/" * 600,
        lambda: LONG,
    ]
    return rng.choice(kinds)()[:8000]


class Attacker:
    def __init__(self, address: str, wyoming: int, web: int, broker: int, seconds: float) -> None:
        self.address, self.wyoming, self.web, self.broker, self.seconds = address, wyoming, web, broker, seconds
        self.rng = random.Random(address)
        self.done: Counter[str] = Counter()

    @asynccontextmanager
    async def connected(
        self, port: int, count: int = 1
    ) -> AsyncIterator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
        """Connections from our address, which end by a reset."""
        pairs: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        try:
            for _ in range(count):
                with suppress(OSError):
                    pairs.append(await asyncio.open_connection("127.0.0.1", port, local_addr=(self.address, 0)))
            yield pairs
        finally:
            for _, writer in pairs:
                sock: socket.socket = writer.get_extra_info("socket")
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.close()

    async def hold(self, port: int, count: int, said: bytes, drip: bytes = b"", every_s: float = 1.0) -> None:
        """So many connections that said this and go on for a while, by ``drip`` now and then. Nothing is read."""
        async with self.connected(port, count) as pairs:
            for _, writer in pairs:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(said)
            for _ in range(round(HOLD_S / every_s)):
                await asyncio.sleep(every_s)
                for _, writer in pairs:
                    writer.write(drip)

    async def flood(self, port: int, piece: bytes, said: bytes = b"", count: int = 2) -> None:
        """Send without end, and read what comes."""

        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(said)
            reading = asyncio.create_task(_read_all(reader))
            try:
                while not reading.done():
                    writer.write(piece * max(1, 30_000 // len(piece)))
                    await writer.drain()
                    await asyncio.sleep(0)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

        async with self.connected(port, count) as pairs:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLOOD_S):
                    await asyncio.gather(*(one(*pair) for pair in pairs), return_exceptions=True)

    # -- what is held, as in the table of finding 3, and more

    async def streams_with_one_word(self) -> None:
        drip = event("synthesize-chunk", text="a")
        await self.hold(self.wyoming, 12, event("synthesize-start") + event("synthesize-chunk", text="Word "), drip)

    async def slow_listeners(self) -> None:
        """A tenth of real time."""
        async with self.connected(self.wyoming, 10) as pairs:
            for _, writer in pairs:
                writer.write(event("synthesize", text=f"{self.rng.random()} {LONG}"))
                writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(round(HOLD_S / 0.2)):
                await asyncio.sleep(0.2)
                for reader, writer in pairs:
                    writer.transport.resume_reading()  # type: ignore[attr-defined]
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.01):
                            await reader.read(1000)
                    writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def one_ping_each(self) -> None:
        await self.hold(self.wyoming, 48, WYOMING["ping"])

    async def silence(self) -> None:
        await self.hold(self.wyoming, 60, b"")

    async def half_a_header(self) -> None:
        await self.hold(self.wyoming, 12, b'{"type": "synth', b"x", 0.5)

    async def idle_sockets(self) -> None:
        await self.hold(self.web, 40, upgrade(self.web))

    async def event_streams(self) -> None:
        await self.hold(self.web, 40, f"GET /v1/live HTTP/1.1\r\nHost: 127.0.0.1:{self.web}\r\n\r\n".encode())

    async def bodies_without_an_end(self) -> None:
        await self.hold(self.web, 40, self.post("/v1/audio/speech", length=60_000) + b'{"input": "', b"x" * 100)

    async def headers_without_an_end(self) -> None:
        await self.hold(self.web, 12, b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n", 0.5)

    async def listeners_over_the_web_that_read_nothing(self) -> None:
        body = json.dumps({"input": f"{self.rng.random()} {LONG}", "response_format": "pcm"}).encode()
        await self.hold(self.web, 8, self.post("/v1/audio/speech", body))

    async def clips_without_an_end(self) -> None:
        head = self.post("/v1/audio/voices/check", length=9 << 20, kind="multipart/form-data; boundary=x")
        await self.hold(self.web, 4, head + b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n', b"x" * 10_000)

    # -- what is sent without an end

    async def wyoming_flood(self) -> None:
        await self.flood(self.wyoming, WYOMING[self.rng.choice(list(WYOMING))], count=4)

    async def websocket_flood(self) -> None:
        piece = frame(*WEBSOCKET[self.rng.choice(list(WEBSOCKET))])
        await self.flood(self.web, piece, upgrade(self.web), count=3)

    async def refused_and_sends_on(self) -> None:
        kind = self.rng.randrange(6)
        if kind < 2:
            said = [b'{"type": "synthesize", "payload_length": 1000000000}\n', b"x" * 9000][kind]
            await self.flood(self.wyoming, b"z" * 30_000, said)
            return
        said = [
            self.post("/v1/audio/speech", length=900_000_000),
            self.post("/v1/audio/speech", length=None),
            f"GET / HTTP/1.1\r\nHost: x\r\nX-A: {'a' * 17_000}".encode(),
            b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        ][kind - 2]
        await self.flood(self.web, b"8000\r\n" + b" " * 0x8000 + b"\r\n", said)

    async def questions_what_would_be_spoken(self) -> None:
        head = f"GET /v1/audio/spoken?text={'a%201%20' * 240} HTTP/1.1\r\nHost: 127.0.0.1:{self.web}\r\n\r\n".encode()
        await self.flood(self.web, head, count=4)

    # -- who leaves at the wrong moment

    async def resets_in_every_state(self) -> None:
        text = f"Ein Satz auf Deutsch, Nummer {self.rng.random()}, der gesprochen wird."
        body = json.dumps({"input": text, "response_format": self.rng.choice(FORMATS)}).encode()
        states = [
            (self.wyoming, b""),
            (self.wyoming, b'{"type": "synth'),
            (self.wyoming, event("synthesize", text=text)[:-10]),
            (self.wyoming, event("synthesize", text=text)),
            (self.wyoming, event("synthesize-start") + event("synthesize-chunk", text=text)),
            (self.wyoming, event("synthesize", text=text) * 10),
            (self.wyoming, b"[]\n"),
            (self.wyoming, event("synthesize", text=text, voice={"name": "nobody"})),
            (self.web, b"POST /v1/audio"),
            (self.web, self.post("/v1/audio/speech", body)[:-5]),
            (self.web, self.post("/v1/audio/speech", body)),
            (self.web, self.post("/v1/audio/speech", length=900_000_000)),
            (self.web, upgrade(self.web)),
            (self.web, upgrade(self.web) + frame(0x81, b'{"type": "input.text", "text": "Hallo Welt, "}')),
        ]
        for port, said in states:
            async with self.connected(port) as pairs:
                for _, writer in pairs:
                    writer.write(said)
                await asyncio.sleep(self.rng.choice((0.0, 0.01, 0.03, 0.08, 0.16)))

    async def cancels(self) -> None:
        """Over a socket: a text, and at once another one in its place."""
        async with self.connected(self.web) as pairs:
            for _, writer in pairs:
                writer.write(upgrade(self.web))
                for number in range(20):
                    for message in ({"type": "input.text", "text": f"Satz {number}. "}, {"type": "input.cancel"}):
                        writer.write(frame(0x81, json.dumps(message).encode()))
                    await asyncio.sleep(0.02)

    # -- what is wrong, or odd

    async def hostile_texts(self) -> None:
        text = hostile_text(self.rng)
        body = {"input": text, "response_format": self.rng.choice(FORMATS)}
        said = [
            (self.wyoming, event("synthesize", text=text, text_format=self.rng.choice(["text", "ssml"]))),
            (self.web, self.post("/v1/audio/speech", json.dumps(body).encode())),
            (self.web, self.post("/v1/announce", json.dumps({"text": text, "target": text[:100]}).encode())),
        ]
        port, request = self.rng.choice(said)
        async with self.connected(port) as pairs:
            for reader, writer in pairs:
                writer.write(request)
                with suppress(TimeoutError):
                    async with asyncio.timeout(FLOOD_S):
                        await _read_all(reader)

    async def noise(self) -> None:
        odd = [
            self.rng.randbytes(self.rng.randrange(1, 4000)),
            b"[" * 9000 + b"\n",
            b'{"type": "synthesize", "data_length": 1e999}\n',
            b'{"type": "synthesize", "data": []}\n',
            b'{"type": 7}\n{"type": "synthesize", "data": {"text": {}}}\n',
            b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /v1/audio/voices HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n",
            b"PUT /v1/lexicon/..%2f..%2fx HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}",
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
            upgrade(self.web) + frame(0x81, b"\xff\xfe") + frame(0x82, b"x" * 100) + frame(0x81, b"{") * 20,
            upgrade(self.web) + b"\x01\x80" + bytes(4) + (b"\x00\x80" + bytes(4)) * 80,
        ]
        async with self.connected(self.rng.choice((self.wyoming, self.web))) as pairs:
            for _, writer in pairs:
                writer.write(self.rng.choice(odd))
                await asyncio.sleep(0.02)

    async def poison(self) -> None:
        """Over the broker."""
        if not self.broker:
            await asyncio.sleep(HOLD_S)
            return
        async with PatchedClient("127.0.0.1", self.broker, timeout=3) as client:
            client.pending_calls_threshold = 10_000
            for _ in range(60):
                await client.publish(*self._poison(), timeout=3)
                await asyncio.sleep(0.01)

    def _poison(self) -> tuple[str, bytes]:
        odd = "".join(self.rng.choices(ODD_CHARACTERS, k=self.rng.randrange(1, 30)))
        payload: list[tuple[str, Any]] = [
            ("qwen3tts/say", {"text": "Hi.", "id": odd, "audio": True}),
            ("qwen3tts/say", {"text": hostile_text(self.rng), "target": [odd, f"hermes/{odd}"]}),
            ("qwen3tts/say", {"text": "Hi.", "voice": odd, "language": odd}),
            ("qwen3tts/say", {"text": [odd], odd: odd}),
            ("hermes/tts/say", {"text": "Hi.", "siteId": odd, "id": odd, "sessionId": odd, "lang": odd}),
            ("qwen3tts/stop", {"id": odd}),
            ("qwen3tts/voice/set", odd),
            ("homeassistant/status", "online"),
            (f"hermes/audioServer/{abs(hash(odd))}/playFinished", {"id": odd}),
        ]
        topic, told = self.rng.choice(payload)
        raw = told.encode(errors="replace") if isinstance(told, str) else json.dumps(told).encode()
        return topic, self.rng.choice((raw, raw, raw, raw[:-1], raw + b"\xff", raw * 3000 if len(raw) < 100 else raw))

    # -- the whole

    def post(self, path: str, body: bytes = b"", *, length: int | None = 0, kind: str = "application/json") -> bytes:
        """A request; with a ``length`` of None one in chunks."""
        size = f"Content-Length: {length or len(body)}" if length is not None else "Transfer-Encoding: chunked"
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.web}\r\nContent-Type: {kind}\r\n{size}\r\n\r\n"
        return head.encode() + body

    async def forever(self, what: Callable[[], Awaitable[None]]) -> None:
        name = what.__name__
        while True:
            try:
                await what()
            except (OSError, EOFError, aiomqtt.MqttError, TimeoutError, asyncio.LimitOverrunError) as error:
                self.done[f"{name}: {type(error).__name__}"] += 1
                await asyncio.sleep(0.1)
            else:
                self.done[name] += 1
            await asyncio.sleep(0.05)

    def kinds(self) -> list[Callable[[], Awaitable[None]]]:
        return [
            self.streams_with_one_word,
            self.slow_listeners,
            self.one_ping_each,
            self.silence,
            self.half_a_header,
            self.idle_sockets,
            self.event_streams,
            self.bodies_without_an_end,
            self.headers_without_an_end,
            self.listeners_over_the_web_that_read_nothing,
            self.clips_without_an_end,
            self.wyoming_flood,
            self.websocket_flood,
            self.refused_and_sends_on,
            self.questions_what_would_be_spoken,
            self.resets_in_every_state,
            self.cancels,
            self.hostile_texts,
            self.noise,
            self.poison,
        ]

    async def run(self, names: Sequence[str]) -> None:
        """All kinds, or those of ``names``, until the time is over."""
        kinds = [kind for kind in self.kinds() if not names or kind.__name__ in names]
        tasks = [asyncio.create_task(self.forever(kind)) for kind in kinds]
        done, rest = await asyncio.wait(tasks, timeout=self.seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in rest:
            task.cancel()
        await asyncio.wait(tasks, timeout=2.0)  # a client that says goodbye to a broker may take longer
        for task in done:
            task.result()


async def _read_all(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


def event(kind: str, **data: Any) -> bytes:
    return encode_event(Event(kind, data))


def main(arguments: list[str]) -> None:
    os.nice(10)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each write to a peer that is gone
    address, wyoming, web, broker, seconds, *names = arguments
    attacker = Attacker(address, int(wyoming), int(web), int(broker), float(seconds))
    loop = asyncio.new_event_loop()
    print("ready", flush=True)  # noqa: T201  what came before, imports above all, is no attack
    loop.run_until_complete(attacker.run(names))
    print(json.dumps(attacker.done), flush=True)  # noqa: T201
    os._exit(0)  # as one who pulls the plug


if __name__ == "__main__":
    main(sys.argv[1:])
