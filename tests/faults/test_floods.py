"""Finding 4: events without end from some connections leave the others their turn."""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.faults.flooder import WEBSOCKET, WYOMING, frame, upgrade
from tests.harness import Wire, serving
from tests.servers.http.web import web
from wyoming_qwen3tts.servers.connections import ReadPacer
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.settings import Address, Limits

FLOODER = Path(__file__).with_name("flooder.py")


@contextmanager
def flooding(port: int, kind: str, connections: int = 16) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, str(FLOODER), str(port), kind, str(connections)])
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def describe_s(port: int, times: int = 60) -> list[float]:
    """How long the answers to another host's ``describe`` took, the quickest first."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.3", 0))
        wire = Wire(reader, writer)
        answer = await (await wire.send("describe")).read(10)
        took.append(time.perf_counter() - began)
        assert answer is not None
        assert answer.type == "info"
        await wire.close()
        await asyncio.sleep(0.02)
    return sorted(took)


@pytest.mark.timing
@pytest.mark.parametrize("kind", WYOMING)
async def test_describe_is_answered_beside_sixteen_who_flood_the_wyoming_server(kind: str) -> None:
    async with serving() as server:
        with flooding(server.door.port, kind):
            await asyncio.sleep(1)
            took = await describe_s(server.door.port)

        assert took[-1] < 1
        assert took[int(0.98 * len(took))] < 0.25


@pytest.mark.timing
@pytest.mark.parametrize("kind", WEBSOCKET)
async def test_describe_is_answered_beside_sixteen_who_flood_the_web_server(kind: str) -> None:
    async with web() as it, WyomingServer(it.service, Address("127.0.0.1", 0), Limits()) as door:
        with flooding(it.door.port, kind):
            await asyncio.sleep(1)
            took = await describe_s(door.port)

        assert took[-1] < 1
        assert took[int(0.98 * len(took))] < 0.25


@pytest.mark.parametrize("kind", ["describe", "ping"])
async def test_who_asks_without_end_is_read_later_and_told_no_error(kind: str) -> None:
    async with serving() as server:
        wire = await server.connect()
        wire.writer.write(WYOMING[kind] * 1000)
        began, answers = asyncio.get_running_loop().time(), 0
        while (now := asyncio.get_running_loop().time()) < began + 1:
            try:
                event = await wire.read(began + 1 - now)
            except TimeoutError:
                break
            assert event is not None
            assert event.type in ("info", "pong")
            answers += 1
        took = asyncio.get_running_loop().time() - began

        assert ReadPacer.BURST <= answers <= ReadPacer.BURST + ReadPacer.RATE * took + 1


async def test_text_that_comes_word_by_word_is_read_as_fast_as_it_comes() -> None:
    async with serving() as server:
        pacer = ReadPacer("127.0.0.1")
        async with asyncio.timeout(1):
            for _ in range(2000):
                await pacer.take_turn(60, is_free=False)
        assert pacer._tokens == ReadPacer.BURST
        assert server.service.active == 0


async def test_what_is_big_costs_more() -> None:
    pacer = ReadPacer("127.0.0.1")
    await pacer.take_turn(256 * 1024, is_free=False)

    assert pacer._tokens == pytest.approx(ReadPacer.BURST - 16, abs=0.1)


async def test_pings_whose_answers_nobody_reads_fill_no_memory() -> None:
    async with web() as it:
        wire = await it.wire(receive_buffer=4096)
        await wire.send(upgrade(it.door.port))
        await wire.reader.readuntil(b"\r\n\r\n")
        wire.stop_reading()
        for _ in range(40):
            wire.writer.write(frame(0x89, bytes(120)) * 500)
            await asyncio.sleep(0.01)
        sockets = [c for c in it.door._server.server_state.connections if hasattr(c, "handle_ping")]

        assert sockets
        assert max(c.transport.get_write_buffer_size() for c in sockets) < 200 * 1024
        wire.reset()


async def test_a_message_in_pieces_without_end_is_refused() -> None:
    async with web() as it:
        wire = await it.wire()
        await wire.send(upgrade(it.door.port))
        await wire.reader.readuntil(b"\r\n\r\n")
        for opcode in (0x01, *[0x00] * 65):
            wire.writer.write(frame(opcode, b""))
        async with asyncio.timeout(5):
            assert (await wire.reader.read())[:4] == b"\x88\x02\x03\xf1"  # close, 1009: too big


def test_every_loop_over_a_reader_gives_the_others_their_turn() -> None:
    """A ``while`` in servers/ that reads from a peer calls `take_turn`, unless it reads once only."""
    loops = []
    for file in (ROOT / "wyoming_qwen3tts" / "servers").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.While | ast.AsyncFor):
                called = [call.func for call in ast.walk(node) if isinstance(call, ast.Call)]
                calls = {func.attr for func in called if isinstance(func, ast.Attribute)}
                if calls & {"_first_byte", "readuntil", "readexactly", "receive", "receive_text"}:
                    loops.append((file.name, "take_turn" in calls))

    assert ("session.py", True) in loops
    assert ("websocket.py", True) in loops
    assert [name for name, has_turn in loops if not has_turn] == []
