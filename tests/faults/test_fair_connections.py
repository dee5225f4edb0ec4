"""Findings 3 and 15, connections: whatever one host holds of them, another one gets through; alone it may have all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect as websocket

from tests.faults.flooder import upgrade
from tests.faults.test_fair_places import GREEDY, QUIET, House, house, over_a_websocket, over_http, over_wyoming
from tests.harness import Wire, chunk, start, synthesize, until
from tests.servers.http.web import SPEECH, request
from wyoming_qwen3tts.servers.connections import host_of

SPEAKING = 16
ALL = 2 * SPEAKING  # as many again may ask `describe`
Hold = Callable[[House], Awaitable[list[Wire]]]


async def _wyoming(it: House, count: int = ALL) -> list[Wire]:
    return [await it.wyoming(GREEDY) for _ in range(count)]


async def silence(it: House) -> list[Wire]:
    return await _wyoming(it, ALL + 20)


async def one_ping_each(it: House) -> list[Wire]:
    wires = await _wyoming(it)
    for wire in wires:
        await wire.send("ping")
        await wire.read()
    return wires


async def streams_without_a_word(it: House) -> list[Wire]:
    wires = await _wyoming(it)
    for wire in wires:
        await wire.send(start())
    return wires


async def speech_that_nobody_reads(it: House) -> list[Wire]:
    wires = await _wyoming(it)
    for wire in wires:
        wire.stop_reading()
        await wire.send(synthesize("Many words for nobody. " * 300))
    return wires


async def _web(it: House, *sent: bytes, count: int = ALL, answered: bytes = b"") -> list[Wire]:
    wires = []
    for _ in range(count):
        wire = await it.web.wire(source=GREEDY)
        await wire.send(*sent)
        if answered:
            await wire.reader.readuntil(answered)
        wires.append(wire)
    return wires


async def web_silence(it: House) -> list[Wire]:
    return await _web(it, count=ALL + 20)


async def idle_sockets(it: House) -> list[Wire]:
    return await _web(it, upgrade(it.web.door.port), answered=b"\r\n\r\n")


async def event_streams(it: House) -> list[Wire]:
    return await _web(it, b"GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n", answered=b"data:")


async def bodies_without_an_end(it: House) -> list[Wire]:
    head, _, _ = request({"input": "x" * 9000}).partition(b"xx")
    wires = await _web(it, head)
    connections: Any = it.web.door._server.server_state.connections
    await until(lambda: sum(c.cycle is not None for c in connections) == ALL)
    return wires


async def web_speech_that_nobody_reads(it: House) -> list[Wire]:
    wires = []
    for _ in range(ALL):
        wire = await it.web.wire(source=GREEDY, receive_buffer=4096)
        wire.stop_reading()
        await wire.send(request({"input": "Many words for nobody. " * 300, "response_format": "pcm"}))
        wires.append(wire)
    return wires


async def describe(it: House) -> None:
    wire = await it.wyoming(QUIET)
    async with asyncio.timeout(1):
        answer = await (await wire.send("describe")).read()
    assert answer is not None
    assert answer.type == "info"


async def the_page(it: House) -> None:
    transport = httpx.AsyncHTTPTransport(local_address=QUIET)
    async with httpx.AsyncClient(base_url=it.web.url, transport=transport, timeout=1) as client:
        assert (await client.get("/health/ready")).status_code == 200


WYOMING = [silence, one_ping_each, streams_without_a_word, speech_that_nobody_reads]
WEB = [web_silence, idle_sockets, event_streams, bodies_without_an_end, web_speech_that_nobody_reads]
ROWS = [(held, wanted) for held in WYOMING for wanted in (describe, over_wyoming)]
ROWS += [(held, wanted) for held in WEB for wanted in (the_page, over_http, over_a_websocket)]


@pytest.mark.parametrize(("held", "wanted"), ROWS, ids=lambda what: what.__name__)
async def test_whatever_one_host_holds_another_one_gets_through(
    held: Hold, wanted: Callable[[House], Awaitable[None]]
) -> None:
    async with house(connections=SPEAKING) as it:
        await held(it)
        for _ in range(3):
            await wanted(it)


async def test_one_host_alone_has_all_connections() -> None:
    async with house(connections=SPEAKING) as it:
        wires = await one_ping_each(it)
        await asyncio.sleep(0.05)
        assert it.door.connections == ALL
        for wire in wires:
            assert (await (await wire.send("describe")).read()).type == "info"  # type: ignore[union-attr]
    async with house(connections=SPEAKING) as it:
        wires = await idle_sockets(it)
        assert it.web.door.connections == ALL
        assert not any(wire.reader.at_eof() for wire in wires)


async def test_nobody_who_is_spoken_to_makes_room_while_another_of_that_host_is_idle() -> None:
    async with house(connections=SPEAKING) as it:
        it.engine.release.clear()
        spoken_to = [await it.wyoming(GREEDY) for _ in range(SPEAKING)]
        for wire in spoken_to:
            await wire.send(synthesize("I am spoken to."))
            await wire.until("audio-start")
        idle = await _wyoming(it, ALL - SPEAKING)
        for _ in range(SPEAKING):
            await describe(it)
        it.engine.release.set()

        assert [(await wire.until("audio-stop", "error"))[-1].type for wire in spoken_to] == ["audio-stop"] * SPEAKING
        assert [await wire.error() for wire in idle[:2]] == ["busy"] * 2


async def test_an_idle_stranger_does_not_replace_who_is_spoken_to_but_its_own() -> None:
    async with house(connections=6) as it:
        spoken_to = [await it.wyoming(GREEDY) for _ in range(6)]
        for wire in spoken_to:
            await wire.send(start())
            await wire.until("audio-start")
        own = [await it.wyoming(QUIET) for _ in range(2)]
        others = [await it.wyoming("127.0.0.5") for _ in range(4)]
        await until(lambda: it.door.connections == 12)
        await asyncio.sleep(0.3)
        await describe(it)

        assert await own[0].error() == "busy"
        for wire in spoken_to:
            await wire.send(chunk("Go on."), "synthesize-stop")
            assert (await wire.until("synthesize-stopped", "error"))[-1].type == "synthesize-stopped"
        assert not any(wire.reader.at_eof() for wire in others)


async def test_speech_is_refused_by_how_many_are_spoken_to_when_it_is_asked_for() -> None:
    async with house(connections=SPEAKING) as it:
        wires = await one_ping_each(it)  # accepted when there were already more than may speak
        await wires[-1].send(synthesize("I may."))
        assert (await wires[-1].until("audio-stop", "error"))[-1].type == "audio-stop"


async def test_a_socket_that_has_to_make_room_is_told() -> None:
    async with house(connections=1) as it:
        url = it.web.url.replace("http", "ws") + f"{SPEECH}/stream"
        async with websocket(url, local_addr=(GREEDY, 0)) as first, websocket(url, local_addr=(GREEDY, 0)):
            await the_page(it)
            await first.wait_closed()
        assert first.close_code == 1012


@pytest.mark.parametrize(
    ("address", "host"),
    [("10.0.0.7", "10.0.0.7"), ("::ffff:10.0.0.7", "10.0.0.7"), ("fe80::1%eth0", "fe80::1"), (None, "?")],
)
def test_a_host_has_one_share_however_its_address_is_written(address: str | None, host: str) -> None:
    assert host_of(address) == host
