"""Finding 1: a listener who left at the wrong moment took a place for ever; two of them silenced nine languages."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as websocket

from tests.harness import synthesize, until
from tests.servers.http.web import Web, request, web
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.speech.wyoming_framing import encode_event

CUTS_MS = (1, 4, 8, 12, 20, 40, 80, 120)
SENTENCE = "Die Waschmaschine ist fertig, und draußen regnet es noch immer."
VOICE = "builtin-de"


def children() -> set[str]:
    """The processes that are ours, zombies too."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal():
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(os.getpid()):
                    found.add(entry.name)
    return found


@pytest.fixture
async def it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Web]:
    """With ``yes`` in the place of espeak-ng: it fills its pipe until it is killed."""
    program = tmp_path / "espeak-ng"
    program.write_text("#!/bin/sh\nexec yes\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    engine = BuiltinEngine()
    await engine.start()
    before, places = children(), engine._espeak._line.free
    async with web(engine) as it:
        yield it
        await until(lambda: not it.service.active and engine._espeak._line.free == places, within_s=2)
        await until(lambda: children() <= before, within_s=2)
    await engine.close()


Cut = Callable[[Web, float], Awaitable[None]]


async def over_wyoming(it: Web, after_s: float) -> None:
    async with WyomingServer(it.service, Address("127.0.0.1", 0), Limits()) as door:
        _, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(encode_event(synthesize(SENTENCE, voice={"name": VOICE})))
        await asyncio.sleep(after_s)
        writer.transport.abort()
        await until(lambda: not door.connections, within_s=2)


async def over_http(it: Web, after_s: float, form: str = "pcm") -> None:
    wire = await it.wire()
    wire.writer.write(request({"input": SENTENCE, "voice": VOICE, "response_format": form}))
    await asyncio.sleep(after_s)
    wire.reset()


async def over_http_as_aac(it: Web, after_s: float) -> None:
    await over_http(it, after_s, "aac")


async def over_a_websocket(it: Web, after_s: float) -> None:
    async with websocket(f"{it.url.replace('http', 'ws')}/v1/audio/speech/stream") as socket:
        await socket.send(json.dumps({"type": "session.config", "voice": VOICE}))
        await socket.send(json.dumps({"type": "input.text", "text": SENTENCE}))
        await socket.send(json.dumps({"type": "input.done"}))
        await asyncio.sleep(after_s)
        socket.transport.abort()


@pytest.mark.parametrize("cut", [over_wyoming, over_http, over_http_as_aac, over_a_websocket])
async def test_listeners_who_leave_at_any_moment_leave_nothing_behind(cut: Cut, it: Web) -> None:
    for after_ms in CUTS_MS:
        await cut(it, after_ms / 1000)
