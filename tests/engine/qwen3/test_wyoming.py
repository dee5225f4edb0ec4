"""The engine through the Wyoming door: a language model writes, a satellite listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.studio import Codes, Studio, by_text, never, studio
from tests.harness import STOP, FakeEngine, Server, Wire, chunk, kinds, pcm, start, until
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.qwen3.feeder import FeedRules
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.request import Feed
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

REPLY = (
    "The light in the kitchen is on and the front door is locked for the night. It will rain tonight, and it is "
    "twelve degrees outside, so you may want to close the window in the living room. Your timer for ten minutes is "
    "done, and the washing machine has been ready for an hour now. Is there anything else that I can do for you "
    "this evening?"
)
TOKENS = [REPLY.split(" ")[0], *(f" {word}" for word in REPLY.split(" ")[1:])]
TOKEN_S = 0.05


@asynccontextmanager
async def home(folder: Path, **options: Any) -> AsyncIterator[tuple[Studio, Server]]:
    """A server that speaks with the tiny model; afterwards nobody is left in it."""
    limits = Limits()
    async with studio(folder, **options) as room:
        engine: Any = room.engine
        service = SpeechService(engine, VoiceCatalog(engine.voices()), limits, slots=4)
        async with WyomingServer(service, Address("127.0.0.1", 0), limits) as door:
            server = Server(engine, service, door)
            try:
                yield room, server
            finally:
                await server.close_wires()
            await until(lambda: not (service.active or engine.busy_slots or door.connections))
        await service.close()


@asynccontextmanager
async def built_in() -> AsyncIterator[Server]:
    """A server that speaks with the built-in voice."""
    limits, engine = Limits(), BuiltinEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), limits, slots=4)
    service.load()
    await service.loaded()
    async with WyomingServer(service, Address("127.0.0.1", 0), limits) as door:
        server = Server(FakeEngine(), service, door)
        try:
            yield server
        finally:
            await server.close_wires()
        await until(lambda: not (service.active or door.connections))
    await service.close()


async def tell(wire: Wire, voice: str = "ryan-en") -> int:
    """Send the reply token by token; how many had been sent when the first sound came."""
    heard = asyncio.Event()
    sent = sent_at_first = 0

    async def listen() -> bytes:
        nonlocal sent_at_first
        events = await wire.until("audio-chunk")
        sent_at_first = sent
        heard.set()
        events += await wire.until("synthesize-stopped", "error")
        assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
        return pcm(events)

    listening = asyncio.create_task(listen())
    await wire.send(start(voice={"name": voice}))
    for token in TOKENS:
        await wire.send(chunk(token))
        sent += 1
        await asyncio.sleep(TOKEN_S)
    await wire.send(STOP)
    assert FORMAT.seconds(len(await listening)) > 5
    return sent_at_first


async def whole(room: Studio, server: Server, voice: str = "ryan-en") -> dict[str, Codes]:
    """The codes of the same reply when all of its text is there at once."""
    wire = await server.connect()
    await wire.send(start(voice={"name": voice}), chunk(REPLY), STOP)
    await wire.until("synthesize-stopped", "error")
    spoken = room.runner.spoken()
    room.runner.codes.clear()
    return spoken


@pytest.mark.timing
async def test_a_reply_is_heard_before_its_tenth_token_and_says_what_the_whole_text_says(folder: Path) -> None:
    async with home(folder, ends=by_text) as (room, server):
        room.runner.codes.clear()
        expected = await whole(room, server)

        sent_at_first = await tell(await server.connect())

        assert len(TOKENS) >= 60
        assert sent_at_first < 10
        assert room.runner.spoken() == expected
        assert len(expected) == 4


@pytest.mark.timing
async def test_four_replies_at_once_are_heard_as_early_and_say_the_same(folder: Path) -> None:
    async with home(folder, ends=by_text) as (room, server):
        room.runner.codes.clear()
        voices = ["ryan-en", "vivian-en", "serena-en", "aiden-en"]
        expected = {voice: await whole(room, server, voice) for voice in voices}
        wires = [await server.connect() for _ in voices]

        sent_at_first = await asyncio.gather(*map(tell, wires, voices))

        assert max(sent_at_first) < 10
        for voice in voices:
            found = {u.text: codes for u, codes in room.runner.codes.items() if u.voice.name == voice}
            assert found == expected[voice]


async def test_killing_any_of_four_frees_its_slot_at_once(folder: Path) -> None:
    async with home(folder, ends=never) as (room, server):
        wires = [await server.connect() for _ in range(4)]
        for wire in wires:
            await wire.send(start(voice={"name": "ryan-en"}), chunk(REPLY))
            await wire.until("audio-chunk")
        assert room.engine.busy_slots == 4

        for left, wire in enumerate(reversed(wires)):
            made = room.engine.counters.frames
            wire.reset()
            await until(lambda left=left: room.engine.busy_slots == 3 - left)  # type: ignore[misc]
            assert room.engine.counters.frames - made <= 4 * 8  # what four make while the reset comes through
        room.runner.ends = by_text


@asynccontextmanager
async def tool_call(server: Server, voice: str) -> AsyncIterator[tuple[Wire, float]]:
    """What Home Assistant sends while its model runs a tool: a sentence without the space behind it, and no more until
    the sentence was heard. Yields the connection and how long the first sound took."""
    wire, loop = await server.connect(), asyncio.get_running_loop()
    await wire.send(start(voice={"name": voice}), chunk("Let me look"), chunk(" that up."))
    sent_at = loop.time()
    events = await wire.until("audio-chunk", "error")
    assert kinds(events) == ["audio-start", "audio-chunk"]
    yield wire, loop.time() - sent_at
    await wire.send(chunk(" It is sunny."), STOP)
    assert kinds(await wire.until("synthesize-stopped", "error"))[-2:] == ["audio-stop", "synthesize-stopped"]


@pytest.mark.parametrize("feed", ["hybrid", "live", "sentence"])
async def test_a_reply_that_waits_for_a_tool_is_heard_meanwhile(folder: Path, feed: Feed) -> None:
    async with home(folder, ends=by_text, feed=FeedRules(feed, 0.2)) as (_, server), tool_call(server, "ryan-en"):
        pass


async def test_a_reply_that_waits_for_a_tool_is_heard_meanwhile_by_the_built_in_voice() -> None:
    async with built_in() as server, tool_call(server, "builtin-en"):
        pass


@pytest.mark.timing
async def test_a_reply_that_waits_for_a_tool_is_heard_a_second_after_its_full_stop(folder: Path) -> None:
    async with home(folder, ends=by_text) as (_, server):
        for _ in range(3):
            async with tool_call(server, "ryan-en") as (_, took_s):
                assert took_s < 1


@pytest.mark.timing
async def test_the_built_in_voice_is_heard_a_second_after_the_full_stop_too() -> None:
    async with built_in() as server:
        for voice in ("builtin-en", "builtin-de"):
            async with tool_call(server, voice) as (_, took_s):
                assert took_s < 1
