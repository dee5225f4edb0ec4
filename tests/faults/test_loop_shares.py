"""R34: what costs its sender nothing costs the event loop's time, of which each host has a share over all its
connections, as soon as another one is there."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.flooder import WYOMING, frame, upgrade
from tests.harness import Wire, serving
from tests.servers.http.web import web
from wyoming_qwen3tts.app import interpreter
from wyoming_qwen3tts.servers.connections import ACCEPTED, LOOP_RATE, REQUEST, spend_loop_time
from wyoming_qwen3tts.util.fair_pace import SLACK_S

FLOODER, QUIET = "127.0.0.7", "127.0.0.8"
CONNECTIONS, HEARD_S = 32, 0.5
GET = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@asynccontextmanager
async def connected(port: int, host: str, count: int) -> AsyncIterator[list[Wire]]:
    wires = [Wire(*await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))) for _ in range(count)]
    try:
        yield wires
    finally:
        for wire in wires:
            await wire.close()


async def answers(wires: list[Wire], mark: bytes) -> tuple[int, float]:
    """How often ``mark`` comes over all of them, and in how many seconds."""
    began, count = asyncio.get_running_loop().time(), 0

    async def count_on(wire: Wire) -> None:
        nonlocal count
        before = b""
        while some := await wire.reader.read(1 << 16):
            count += (before + some).count(mark) - before.count(mark)
            before = some[-len(mark) :]

    reading = [asyncio.create_task(count_on(wire)) for wire in wires]
    await asyncio.wait(reading, timeout=HEARD_S)
    took_s = asyncio.get_running_loop().time() - began
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    return count, took_s


def most(took_s: float, points: float) -> float:
    """Answers that all hosts may have together, each of so many points; one a connection is on its way."""
    return LOOP_RATE * (SLACK_S + took_s) / points + CONNECTIONS


@pytest.mark.parametrize("is_alone", [True, False])
async def test_pings_over_many_connections_have_one_share_beside_another_host(is_alone: bool) -> None:
    async with serving() as server, connected(server.door.port, FLOODER, CONNECTIONS) as wires:
        if not is_alone:
            spend_loop_time(QUIET, 1)
        for wire in wires:
            wire.writer.write(WYOMING["ping"] * 1000)
        count, took_s = await answers(wires, b'"pong"')

        if is_alone:
            assert count > 40 * CONNECTIONS  # each of which has its own
        else:
            assert count <= most(took_s, 1)


async def test_requests_over_the_web_have_a_share_too_and_all_are_answered_in_the_end() -> None:
    asked = 60
    async with web() as it, connected(it.door.port, FLOODER, CONNECTIONS) as wires:
        spend_loop_time(QUIET, 1)
        for wire in wires:
            wire.writer.write(GET * asked)
        count, took_s = await answers(wires, b"HTTP/1.1 200")

        assert 0 < count <= most(took_s, REQUEST)

        spend_loop_time(FLOODER, 1)
        others = [await it.wire(source=FLOODER) for _ in range(2)]
        for wire in others:
            wire.writer.write(GET * 3)
        async with asyncio.timeout(30):
            for wire in others:
                for _ in range(3):
                    await wire.reader.readuntil(b"HTTP/1.1 200")


async def test_frames_of_web_sockets_have_the_same_share() -> None:
    async with web() as it, connected(it.door.port, FLOODER, CONNECTIONS) as wires:
        for wire in wires:
            wire.writer.write(upgrade(it.door.port))
            await wire.reader.readuntil(b"\r\n\r\n")
        spend_loop_time(QUIET, 1)
        for wire in wires:
            wire.writer.write(frame(0x89, bytes(120)) * 1000)
        count, took_s = await answers(wires, b"\x8a\x78" + bytes(120))

        assert 0 < count <= most(took_s, 1) + 8 * CONNECTIONS  # eight of them are read at a time


async def test_a_host_that_floods_is_the_only_one_that_waits() -> None:
    async with serving() as server:
        spend_loop_time(QUIET, 1)
        assert max(spend_loop_time(FLOODER, 1) for _ in range(1000)) > 0
        for _ in range(6):
            async with connected(server.door.port, QUIET, 1) as (quiet,):
                answer = await (await quiet.send("describe")).read(10)
                assert answer is not None
                assert answer.type == "info"
        assert spend_loop_time(QUIET, 1) == 0


async def test_what_a_question_takes_of_the_interpreter_is_paid_for_by_its_host() -> None:
    async with web() as it:
        spend_loop_time(QUIET, 1)
        waits = []
        for number in range(8):
            answer = await it.client.get("/v1/audio/spoken", params={"text": f"a{number} 1 " * 300})
            assert answer.status_code == 200
            waits.append(spend_loop_time("127.0.0.1", 0))

        assert max(waits) > 0  # the requests alone are within what holds nobody up


async def test_a_crowd_of_newcomers_is_accepted_in_small_groups_and_none_of_it_is_lost() -> None:
    crowd = 4 * ACCEPTED
    async with serving(connections=256) as server:
        sockets = [socket.socket() for _ in range(crowd)]
        for sock in sockets:  # while the event loop stands still, so that all of them wait to be accepted
            sock.bind((FLOODER, 0))
            sock.connect(("127.0.0.1", server.door.port))
        groups, before = [], 0
        while before < crowd:
            await asyncio.sleep(0)
            now = server.door.connections
            groups.append(now - before)
            before = now

        assert max(groups) <= ACCEPTED
        for sock in sockets:
            sock.close()


def test_python_gives_way_soon_and_what_is_loaded_is_looked_at_no_more() -> None:
    before = sys.getswitchinterval()
    try:
        interpreter.answer_soon()
        assert sys.getswitchinterval() <= 0.001
        with interpreter.keeping_loaded():
            assert gc.get_freeze_count() > 10_000
        assert gc.get_freeze_count() == 0
    finally:
        sys.setswitchinterval(before)
