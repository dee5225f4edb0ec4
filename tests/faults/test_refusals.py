"""A peer that is refused learns why, whatever it still sends, and costs little; one that is gone costs no trace."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import WebSocket, WebSocketDisconnect
from starlette.types import Message
from uvicorn.protocols.utils import ClientDisconnected
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import ConnectionClosed

from tests.faults.flooder import upgrade
from tests.faults.test_process import running
from tests.harness import Wire, header, serving, start, synthesize, until
from tests.servers.http.web import SPEECH, answer, request, web
from wyoming_qwen3tts.servers import connections
from wyoming_qwen3tts.servers.connections import bind, close_all, refuse_and_close, tune
from wyoming_qwen3tts.servers.http.protocol import WebSocketConnection
from wyoming_qwen3tts.servers.http.routers.websocket import _Session
from wyoming_qwen3tts.settings import Address, Http, Limits, Settings
from wyoming_qwen3tts.speech.wyoming_framing import encode_event

_BYTES_ACKED = 120  # where struct tcp_info has tcpi_bytes_acked, of 64 bits
HEAD = f"POST {SPEECH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()

WYOMING = {
    "a wrong length": header(payload_length=10**9),
    "an endless header": b"x" * 9_000,
    "no event": b"[]\n",
    "a second start": encode_event(start()) * 2,
    "an unknown voice": encode_event(synthesize("Hello.", voice={"name": "nobody"})),
    "a text that is too long": encode_event(synthesize("word " * 2_000)),
}
HTTP = {
    "a body announced too large": (HEAD + b"Content-Length: 900000000\r\n\r\n", 413),
    "a body without end": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n8000\r\n" + b" " * 0x8000 + b"\r\n", 413),
    "no key": (HEAD + b"Content-Length: 60000\r\n\r\n", 401),
    "another type": (HEAD.replace(b"json", b"yaml") + b"Content-Length: 60000\r\n\r\n", 415),
    "endless headers": (HEAD + b"X-A: " + b"a" * 17_000, 431),
    "noise": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
}  # fmt: skip
KEYED = Settings(http=Http(api_keys=("kitchen:sesame-open",)))  # type: ignore[arg-type]  # as typed by people


def acknowledged(wire: Wire) -> int:
    """Bytes of ours that the server's kernel has taken."""
    sock: socket.socket = wire.writer.get_extra_info("socket")
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    return int(struct.unpack_from("=Q", info, _BYTES_ACKED)[0])


async def flood(wire: Wire, piece: bytes = b"z" * 65_536, most: int = 16 << 20) -> int:
    """Send as much as is taken, up to ``most``; returns how much of it the server's kernel had at the last look."""
    taken = sent = 0
    while sent < most and not wire.writer.is_closing():
        wire.writer.write(piece)
        sent += len(piece)
        taken = acknowledged(wire)
        try:
            async with asyncio.timeout(3):
                await wire.writer.drain()
        except (ConnectionError, TimeoutError):
            break
    return taken


@pytest.mark.parametrize("said", WYOMING.values(), ids=WYOMING)
async def test_a_refused_wyoming_peer_that_sends_on_is_told_why_and_read_no_further(said: bytes) -> None:
    async with serving() as server:
        wire = await server.connect()
        reading = asyncio.create_task(wire.error())
        await wire.send(said)
        taken = await flood(wire)

        assert await reading is not None
        assert taken < 1 << 20


# Who is first, the server that hangs up or the client that reads its answer, is a race that a busy machine can lose.
@pytest.mark.timing
@pytest.mark.parametrize(("said", "status"), HTTP.values(), ids=HTTP)
async def test_a_refused_web_client_that_sends_on_is_told_why_and_read_no_further(said: bytes, status: int) -> None:
    settings = KEYED if status == 401 else Settings()
    async with web(settings=settings) as it:
        wire = await it.wire()
        reading = asyncio.create_task(answer(wire))
        await wire.send(said)
        taken = await flood(wire, b"8000\r\n" + b" " * 0x8000 + b"\r\n")

        assert (await reading)[0] == status
        assert taken < 1 << 20


async def test_a_full_web_server_is_heard_by_a_client_that_sends_headers_then_a_body() -> None:
    async with web(limits={"connections": 1, "host_connections": 1}, slots=8) as it:
        it.engine.release.clear()
        speaking = [await it.wire(source=f"127.0.0.{number}") for number in (3, 4)]
        for wire in speaking:
            await wire.send(request({"input": "Hello.", "response_format": "pcm"}))
        await until(lambda: it.engine.speaking == 2)
        answers = []
        for _ in range(8):
            late = await it.wire(source="127.0.0.5")
            for piece in (HEAD, b"Content-Length: 20000\r\n\r\n", b" " * 10_000, b" " * 10_000):
                late.writer.write(piece)
                await late.writer.drain()
                await asyncio.sleep(0.005)
            answers.append((await answer(late))[0])
            await late.close()
        it.engine.release.set()
        for wire in speaking:
            assert (await wire.reader.readline()).startswith(b"HTTP/1.1 200")
            await wire.close()
        await until(lambda: it.door.connections == 0)

        assert answers == [503] * 8


async def test_a_full_wyoming_server_is_heard_by_a_peer_that_sends_already() -> None:
    async with serving(connections=1, host_connections=1) as server:
        for number in (3, 4):
            wire = await server.connect(source=f"127.0.0.{number}")
            await wire.send("ping")
            await wire.read()
        late = await server.connect(source="127.0.0.5")
        await late.send(synthesize("Hello."), b"x" * 10_000)

        assert await late.error() == "busy"


def _leaves(wire: Wire, by: str) -> None:
    if by == "RST":
        wire.reset()
    else:
        wire.writer.close()


@pytest.mark.parametrize("by", ["FIN", "RST"])
@pytest.mark.parametrize("moment", ["before", "while", "after"])
async def test_a_wyoming_peer_that_leaves_as_it_is_refused_leaves_no_trace(
    by: str, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(host_connections=64) as server:
        for number in range(50):
            wire = await server.connect()
            await wire.send(list(WYOMING.values())[number % len(WYOMING)])
            if moment == "while":
                await asyncio.sleep(0)
            elif moment == "after":
                await wire.reader.read(1)
            _leaves(wire, by)
        await until(lambda: not server.door.connections)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("by", ["FIN", "RST"])
@pytest.mark.parametrize("moment", ["before", "while", "after"])
async def test_a_web_client_that_leaves_as_it_is_refused_leaves_no_trace(
    by: str, moment: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with web(settings=KEYED) as it:
        for number in range(50):
            wire = await it.wire()
            await wire.send(list(HTTP.values())[number % len(HTTP)][0])
            if moment == "while":
                await asyncio.sleep(0)
            elif moment == "after":
                await wire.reader.read(1)
            _leaves(wire, by)
        await until(lambda: it.door.connections == 0)
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not [record for record in ours if record.levelno >= logging.WARNING]


async def test_the_real_server_logs_no_trace_of_peers_that_are_gone(tmp_path: Path) -> None:
    """What is never awaited is told by the interpreter's log alone, which no fixture of these tests sees."""
    log = tmp_path / "log"
    async with running("--engine.kind", "builtin", log=log) as (process, address):
        for number in range(150):
            reader, writer = await asyncio.open_connection(*address)
            wire = Wire(reader, writer)
            await wire.send(list(WYOMING.values())[number % len(WYOMING)])
            if number % 3 == 0:
                with contextlib.suppress(ConnectionError):
                    await reader.read(1)
            _leaves(wire, "RST" if number % 2 else "FIN")
        process.terminate()
        assert await process.wait() == 0
    assert "Traceback" not in log.read_text()
    assert "never retrieved" not in log.read_text()


async def test_a_websocket_message_that_is_not_utf8_ends_the_socket_and_is_no_error_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with web() as it:
        async with websocket(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream") as peer:
            await peer.send(b"\xff\xfe", text=True)
            with pytest.raises(ConnectionClosed) as closed:
                await peer.recv()

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1007
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_session_may_find_out_twice_that_its_socket_is_gone() -> None:
    """The first error is told by the server, the second one by the framework, as a fault of ours."""

    async def send(message: Message) -> None:
        if message["type"] == "websocket.send":
            raise ClientDisconnected

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    socket = WebSocket({"type": "websocket", "state": {"client": None}}, receive, send)
    await socket.accept()
    session = _Session(socket, None, Limits(), asyncio.Event())  # type: ignore[arg-type]  # nothing is spoken
    for _ in range(2):
        with pytest.raises(WebSocketDisconnect):
            await session._tell("session.done", 0)


async def test_what_is_sent_after_we_hung_up_on_a_socket_finds_it_gone() -> None:
    """uvicorn would call that a fault of the session's."""
    async with web() as it:
        wire = await it.wire()
        await wire.send(upgrade(it.door.port))
        await wire.reader.readuntil(b"\r\n\r\n")
        (connection,) = [c for c in it.door._server.server_state.connections if isinstance(c, WebSocketConnection)]
        connection.close_sent = True
        with pytest.raises(ClientDisconnected):
            await connection.send({"type": "websocket.send", "text": "speech"})
        wire.reset()


# -- the helper by itself


@asynccontextmanager
async def refusing(reason: bytes) -> AsyncIterator[tuple[int, list[asyncio.Task[None]]]]:
    """A server on some port that refuses everybody, and what it does for them."""
    tasks: list[asyncio.Task[None]] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.get_running_loop().create_task(refuse_and_close(writer.transport, reason)))

    sock = bind(Address("127.0.0.1", 0))[0]
    server = await asyncio.start_server(accept, sock=sock)
    try:
        yield sock.getsockname()[1], tasks
    finally:
        server.close()
        await asyncio.gather(*tasks)


async def test_the_refusal_is_over_when_the_peer_has_closed_too() -> None:
    async with refusing(b"no") as (port, tasks):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b"no"
        assert not tasks[0].done()
        writer.close()
        async with asyncio.timeout(0.9):  # less than it lingers
            await tasks[0]


async def test_in_a_flood_of_refused_peers_the_last_ones_just_see_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LINGERING", 1)
    async with refusing(b"no") as (port, tasks):
        waiting = await asyncio.open_connection("127.0.0.1", port)
        assert await waiting[0].read() == b"no"
        flooded = await asyncio.open_connection("127.0.0.1", port)
        assert await flooded[0].read() == b"no"

        assert [task.done() for task in tasks] == [False, True]
        for _, writer in (waiting, flooded):
            writer.close()


async def test_a_peer_that_is_gone_cannot_be_tuned_and_that_is_no_error() -> None:
    class Gone:
        def setsockopt(self, *_: object) -> None:
            raise OSError(22, "Invalid argument")

    class Transport(asyncio.Transport):
        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            """There is no buffer."""

    tune(Transport({"socket": Gone()}))


def test_a_name_with_several_addresses_is_listened_to_at_all_of_them_on_one_port() -> None:
    sockets = bind(Address("localhost", 0))
    try:
        expected = {found[4][0] for found in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
        assert {sock.getsockname()[0] for sock in sockets} <= expected | {
            "127.0.0.1",
            "::1",
        }
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        with pytest.raises(OSError, match="in use"):
            bind(Address("127.0.0.1", sockets[0].getsockname()[1]))
    finally:
        close_all(sockets)


def test_an_address_of_another_machine_cannot_be_had() -> None:
    with pytest.raises(OSError, match="assign requested address"):
        bind(Address("192.0.2.1", 0))
