"""Finding 3, places: whatever one host holds, another one is spoken to; alone it may have them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from websockets.asyncio.client import connect as websocket

from tests.harness import FakeEngine, Wire, chunk, kinds, start, synthesize, until
from tests.servers.http.web import LONG, SPEECH, Web, request, web
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.settings import Address, Limits

PLACES = 36
GREEDY, QUIET = "127.0.0.2", "127.0.0.3"


class House:
    """Both servers of one service."""

    def __init__(self, it: Web, door: WyomingServer) -> None:
        self.web, self.door, self.service, self.engine = it, door, it.service, it.engine
        self._stack = AsyncExitStack()

    async def wyoming(self, host: str) -> Wire:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.door.port, local_addr=(host, 0))
        wire = Wire(reader, writer)
        self.web.wires.append(wire)
        return wire


@asynccontextmanager
async def house(slots: int = 4, **limits: object) -> AsyncIterator[House]:
    async with (
        web(FakeEngine(), slots=slots, limits=limits) as it,
        WyomingServer(it.service, Address("127.0.0.1", 0), Limits(**limits)) as door,  # type: ignore[arg-type]
    ):
        yield House(it, door)
        for wire in it.wires:
            await wire.close()
        it.engine.release.set()
        await until(lambda: not it.service.active)


# -- what one host holds


async def streams_that_wait_for_text(it: House, host: str) -> None:
    for _ in range(PLACES):
        await (await it.wyoming(host)).send(start(), chunk("Wait"))
    await until(lambda: it.service.active == PLACES)


async def listeners_that_do_not_read(it: House, host: str) -> None:
    for _ in range(PLACES):
        wire = await it.wyoming(host)
        wire.stop_reading()
        await wire.send(synthesize(LONG))
    await until(lambda: it.service.active == PLACES)


async def web_requests_that_do_not_read(it: House, host: str) -> None:
    for _ in range(PLACES):
        wire = await it.web.wire(source=host, receive_buffer=4096)
        wire.stop_reading()
        await wire.send(request({"input": LONG, "response_format": "pcm"}))
    await until(lambda: it.service.active == PLACES)


async def replies_that_are_not_begun(it: House, host: str) -> None:
    it.engine.release.clear()
    for _ in range(PLACES):
        await (await it.wyoming(host)).send(synthesize("A crowd."))
    await until(lambda: it.service.active == PLACES)
    asyncio.get_running_loop().call_later(0.3, it.engine.release.set)


# -- what another one wants


async def over_wyoming(it: House) -> None:
    wire = await it.wyoming(QUIET)
    await wire.send(synthesize("And I?"))
    assert kinds(await wire.until("audio-stop", "error")) == ["audio-start", "audio-chunk", "audio-stop"]


async def over_http(it: House) -> None:
    transport = httpx.AsyncHTTPTransport(local_address=QUIET)
    async with httpx.AsyncClient(base_url=it.web.url, transport=transport, timeout=10) as client:
        reply = await client.post(SPEECH, json={"input": "And I?", "response_format": "pcm"})
    assert reply.status_code == 200, reply.text


async def over_a_websocket(it: House) -> None:
    async with websocket(it.web.url.replace("http", "ws") + f"{SPEECH}/stream", local_addr=(QUIET, 0)) as socket:
        await socket.send('{"type": "input.text", "text": "And I?"}')
        await socket.send('{"type": "input.done"}')
        async with asyncio.timeout(5):
            while (message := await socket.recv()) and "session.done" not in str(message):
                assert "error" not in str(message) or '"error": false' in str(message)


HELD = [
    streams_that_wait_for_text,
    listeners_that_do_not_read,
    web_requests_that_do_not_read,
    replies_that_are_not_begun,
]
WANTED = [over_wyoming, over_http, over_a_websocket]


@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.parametrize("held", HELD)
async def test_whatever_one_host_holds_another_one_is_spoken_to(
    held: Callable[[House, str], Awaitable[None]], wanted: Callable[[House], Awaitable[None]]
) -> None:
    async with house() as it:
        await held(it, GREEDY)
        await wanted(it)
        await wanted(it)


async def test_one_host_alone_has_all_places_and_is_busy_then() -> None:
    async with house() as it:
        await streams_that_wait_for_text(it, GREEDY)
        wire = await it.wyoming(GREEDY)
        await wire.send(synthesize("One more."))

        assert await wire.error() == "busy"
        assert it.service.active == PLACES


async def test_two_hosts_that_want_all_have_half_each_and_a_third_one_its_part() -> None:
    async with house() as it:
        await streams_that_wait_for_text(it, GREEDY)
        for host in (QUIET, "127.0.0.4"):
            for _ in range(PLACES):
                await (await it.wyoming(host)).send(start(), chunk("Wait"))
        await until(lambda: it.service.held() == {GREEDY: 12, QUIET: 12, "127.0.0.4": 12})


async def test_who_has_to_give_way_is_told_so() -> None:
    async with house(slots=2, queue=0) as it:
        streams = [await it.wyoming(GREEDY) for _ in range(2)]
        for wire in streams:
            await wire.send(start(), chunk("Wait"))
            await wire.until("audio-start")
        await until(lambda: it.service.active == 2)
        await over_wyoming(it)
        events = [await wire.read(0.2) for wire in streams[:1]]

        assert events[0] is not None
        assert events[0].data["code"] == "busy"
        assert "this host has 2 of 2 places" in events[0].data["text"]


# -- a stream that waits for text


async def test_a_stream_that_waits_for_text_gives_its_place_back_and_takes_one_with_the_next_word() -> None:
    async with house(slots=1, queue=0, text_pause_s=0.05) as it:
        waiting = await it.wyoming(GREEDY)
        await waiting.send(start(), chunk("The first sentence is here. And "))
        await waiting.until("audio-chunk")
        await until(lambda: it.service.active == 0)

        it.engine.release.clear()
        other = await it.wyoming(GREEDY)
        await other.send(synthesize("Meanwhile."))
        await other.until("audio-start")
        await until(lambda: it.service.active == 1)
        await waiting.send(chunk("the rest."), "synthesize-stop")
        await until(lambda: it.service.in_line == 1)  # neither closed nor told that it is busy
        it.engine.release.set()

        assert kinds(await other.until("audio-stop"))[-1] == "audio-stop"
        assert kinds(await waiting.until("synthesize-stopped"))[-2:] == ["audio-stop", "synthesize-stopped"]
        assert it.engine.requests[0][1] == ["The first sentence is here.", "And the rest."]


async def test_a_stream_in_line_is_not_forgotten_when_its_listener_leaves() -> None:
    async with house(slots=1, queue=0, text_pause_s=0.05) as it:
        waiting = await it.wyoming(GREEDY)
        await waiting.send(start(), chunk("The first sentence is here. And "))
        await until(lambda: it.service.active == 1)
        await until(lambda: it.service.active == 0)
        it.engine.release.clear()
        await (await it.wyoming(GREEDY)).send(synthesize("Meanwhile."))
        await until(lambda: it.service.active == 1)
        await waiting.send(chunk("the rest."))
        await until(lambda: it.service.in_line == 1)
        waiting.reset()
        await until(lambda: it.service.in_line == 0)


# -- listeners that are slow


@pytest.mark.timing
async def test_a_listener_slower_than_half_of_real_time_is_dropped() -> None:
    async with house(listener_behind_s=0.5) as it:
        wire = await it.wyoming(GREEDY)
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await wire.send(synthesize(LONG))
        await until(lambda: it.service.active == 1)
        await until(lambda: it.service.active == 0, within_s=3)
