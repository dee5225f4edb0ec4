"""F01 to F08: whatever bytes come, the answer is an `error` or an end, and the next client is served."""

from __future__ import annotations

import asyncio
import json
import os

import psutil
import pytest
from wyoming.event import Event

from tests.harness import STOP, Wire, chunk, header, kinds, serving, start, synthesize


async def test_half_a_header_and_then_silence_is_closed_in_time() -> None:
    """F01."""
    async with serving(event_s=0.1) as server:
        wire = await server.connect()
        await wire.send(b'{"type": "desc')

        assert await wire.error() == "protocol-error"


async def test_fifty_trickling_headers_do_not_slow_a_normal_client() -> None:
    """F02."""
    async with serving(event_s=1.0, host_connections=64) as server:
        wires = [await server.connect() for _ in range(50)]

        async def trickle(wire: Wire) -> str | None:
            for byte in b'{"type"':
                await wire.send(bytes([byte]))
                await asyncio.sleep(0.05)
            return await wire.error()

        trickling = [asyncio.create_task(trickle(wire)) for wire in wires]
        await asyncio.sleep(0.05)
        normal = await server.connect()
        await normal.send("describe")
        answer = await normal.read()

        assert answer is not None
        assert answer.type == "info"
        assert not any(task.done() for task in trickling), "it was answered only when they had gone"
        assert set(await asyncio.gather(*trickling)) == {"protocol-error"}


@pytest.mark.parametrize("field", ["payload_length", "data_length"])
@pytest.mark.parametrize("length", [10**9, 10**12, True, -1, "9", 2.0], ids=str)
async def test_an_impossible_length_is_refused_from_the_header_alone(field: str, length: object) -> None:
    """F03."""
    async with serving() as server:
        await server.speak("Everything is loaded now.")
        before = psutil.Process().memory_info().rss
        wire = await server.connect()
        await wire.send(header(**{field: length}))
        await wire.send(bytes(1 << 20))

        assert await wire.error() == "protocol-error"
        assert psutil.Process().memory_info().rss - before < 8 << 20  # the interpreter's own noise; a payload is 1 GB


async def test_an_infinite_length_is_refused() -> None:
    """F03."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(b'{"type": "synthesize", "data_length": 1e999}\n')

        assert await wire.error() == "protocol-error"


async def test_a_header_without_an_end_is_refused_at_its_limit() -> None:
    """F04."""
    async with serving() as server:
        wire = await server.connect()
        answer = asyncio.create_task(wire.error())
        sent = 0
        while sent < 10 << 20 and not answer.done():
            await wire.send(b"x" * 65536)
            sent += 65536
            await asyncio.sleep(0)

        assert await answer == "protocol-error"


@pytest.mark.parametrize("size", [8 * 1024 + 2, 8 * 1024 + 3])
async def test_the_header_limit_holds_at_the_byte(size: int) -> None:
    """F04: at the limit, which leaves out the first byte and the line's end, and just over it."""
    line = b'{"type": "describe", "data": {"pad": "%s"}}\n'
    line %= b"x" * (size - len(line) + 2)
    async with serving() as server:
        wire = await server.connect()
        await wire.send(line)
        answer = await wire.read()

        assert answer is not None
        assert answer.type == ("info" if size == 8 * 1024 + 2 else "error")


@pytest.mark.parametrize(
    "raw",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b"7\n",
        b"null\n",
        b"{}\n",
        b'{"type": 7}\n',
        b'{"type": ""}\n',
        b'{"type": "synthesize", "data": []}\n',
        b'{"type": "synthesize", "data": "x"}\n',
        b'{"type": "synthesize\x00"}\n'.replace(b"\\x00", b"\x00"),
        b'{"type": "\xff\xfe"}\n',
        b"\xff\xfe\x00\n",
        b"[" * 8000 + b"\n",
        b'{"type": "synthesize", "data_length": 2}\n[]',
        b'{"type": "synthesize", "data_length": 3}\n\xff\xff\xff',
        b'{"type": "synthesize", "data_length": 9000}\n' + b"[" * 9000,
        b'{"type": "synthesize", "data_length": 5000}\n' + b"9" * 5000,
    ],
    ids=lambda raw: repr(raw[:40]),
)
async def test_what_is_no_event_is_a_protocol_error(raw: bytes) -> None:
    """F05."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(raw)

        assert await wire.error() == "protocol-error"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({}, "bad-request"),
        ({"text": None}, "bad-request"),
        ({"text": 7}, "bad-request"),
        ({"text": ["a"]}, "bad-request"),
        ({"text": "hello", "voice": "ryan"}, "bad-request"),
        ({"text": "hello", "voice": {"name": 7}}, "bad-request"),
        ({"text": "hello", "voice": {"language": []}}, "bad-request"),
        ({"text": "hello", "text_format": "markdown"}, "bad-request"),
        ({"text": "hello", "voice": {"name": "nobody"}}, "unknown-voice"),
        ({"text": "hello", "voice": {"name": "../../etc/passwd"}}, "unknown-voice"),
        ({"text": "hello", "voice": {"name": "x" * 10_000}}, "unknown-voice"),
        ({"text": "hello", "voice": {"language": "nl"}}, "unknown-voice"),
    ],
    ids=str,
)
async def test_a_request_that_cannot_be_met_says_why(data: dict[str, object], code: str) -> None:
    """F05, and the abuse table of wyoming-piper."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(Event("synthesize", data))

        assert await wire.error() == code


@pytest.mark.parametrize(
    "voice", [None, {}, {"name": None}, {"name": ""}, {"name": "builtin-en", "speaker": None}], ids=str
)
async def test_an_honest_no_voice_is_spoken(voice: object) -> None:
    """F05: `voice: null` breaks the library's own class."""
    async with serving() as server:
        assert kinds(await server.speak("hello", voice=voice)) == ["audio-start", "audio-chunk", "audio-stop"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type": "syn',
        b'{"type": "synthesize", "data_length": 50}\n{"text":',
    ],
    ids=["header", "data"],
)
async def test_a_connection_that_ends_inside_an_event_is_closed_quietly(raw: bytes) -> None:
    """F06."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(raw)
        wire.writer.write_eof()

        assert await wire.error() is None


async def test_a_connection_that_ends_inside_a_payload_is_closed_quietly() -> None:
    """F06."""
    async with serving(payload_bytes=100) as server:
        wire = await server.connect()
        await wire.send(header(payload_length=50) + b"x" * 10)
        wire.writer.write_eof()

        assert await wire.error() is None


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /api HTTP/1.1\r\nHost: voice.local\r\nContent-Length: 40\r\n\r\n"
        + json.dumps({"type": "describe"}).encode()
        + b"\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        os.urandom(1 << 20),
    ],
    ids=["HTTP", "TLS", "random"],
)
async def test_another_protocol_ends_at_its_first_line(raw: bytes) -> None:
    """F07: what a hostile web page makes a browser send is never interpreted."""
    async with serving(event_s=0.2) as server:
        wire = await server.connect()
        await wire.send(raw)

        assert await wire.error() in ("protocol-error", None)  # None: it hung up on us while we still sent


async def test_events_we_do_not_know_are_ignored() -> None:
    """F08."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send("select-program", "audio-start", "transcribe", "made-up", STOP, chunk("stray"), "ping")
        answer = await wire.read()

        assert answer is not None
        assert answer.type == "pong"


async def test_a_second_start_inside_a_stream_is_refused() -> None:
    """F08."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start(), start())

        assert await wire.error() == "bad-request"


async def test_the_whole_text_again_inside_a_stream_is_ignored() -> None:
    """F08: Home Assistant sends it for servers that cannot stream."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start(), chunk("One two."), synthesize("One two."), STOP)

        assert kinds(await wire.until("synthesize-stopped")) == [
            "audio-start",
            "audio-chunk",
            "audio-stop",
            "synthesize-stopped",
        ]
        assert server.engine.requests[0][1] == ["One two."]


async def test_a_plain_request_after_a_stream_on_the_same_connection_is_spoken() -> None:
    """F08: wyoming-piper never resets its streaming flag."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start(), chunk("One two."), STOP)
        await wire.until("synthesize-stopped")
        await wire.send(synthesize("Three four."))

        assert kinds(await wire.until("audio-stop")) == ["audio-start", "audio-chunk", "audio-stop"]
        assert server.engine.requests[1][1] == ["Three four."]


async def test_requests_of_one_connection_are_spoken_one_after_the_other() -> None:
    """F08."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(synthesize("First."), synthesize("Second."), "ping")
        events = await wire.until("audio-stop") + await wire.until("audio-stop")

        assert [kind for kind in kinds(events) if kind != "pong"] == ["audio-start", "audio-chunk", "audio-stop"] * 2
        assert [texts for _, texts in server.engine.requests] == [["First."], ["Second."]]


async def test_more_waiting_requests_on_one_connection_than_the_limit_are_refused() -> None:
    """Every queue has a bound."""
    async with serving(utterances=2) as server:
        server.engine.release.clear()
        wire = await server.connect()
        await wire.send(*[synthesize("Again.") for _ in range(3)])

        assert await wire.error() == "busy"


@pytest.mark.parametrize("size", [256 * 1024, 256 * 1024 + 1])
async def test_the_data_limit_holds_at_the_byte(size: int) -> None:
    """At the limit, and just over it."""
    data = b'{"text": "' + b" " * (size - 12) + b'"}'
    async with serving(text_chars=100_000) as server:
        wire = await server.connect()
        await wire.send(b'{"type": "synthesize", "data_length": %d}\n' % len(data), data)

        # At the limit the event is read, and its text found too long; over it, it is not read at all.
        assert await wire.error() == ("text-too-long" if size <= 256 * 1024 else "protocol-error")
