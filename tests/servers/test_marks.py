"""Marks in a text do the same over every door; `tests/service/test_turns.py` has Wyoming's."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.mosquitto import needs_mosquitto
from tests.servers.http.web import web
from tests.servers.mqtt.house import house
from tests.service.cast import ANNOUNCEMENT, SPOKEN, Cast, silences


async def test_over_http() -> None:
    async with web(Cast()) as it:
        reply = await it.post(input=ANNOUNCEMENT, response_format="pcm")
        assert it.engine.requests == SPOKEN
        assert 1.0 in silences(reply.content)


async def test_over_http_as_events() -> None:
    async with web(Cast()) as it:
        reply = await it.post(input=ANNOUNCEMENT, response_format="pcm", stream_format="sse")
        events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
        sound = b"".join(base64.b64decode(event["audio"]) for event in events if "audio" in event)
        assert it.engine.requests == SPOKEN
        assert 1.0 in silences(sound)


async def test_over_http_as_ssml() -> None:
    text = (
        '<speak><voice name="ryan">Dinner is on the table.</voice><break time="1s"/>'
        '<voice name="vivian">I am coming down at once!</voice></speak>'
    )
    async with web(Cast()) as it:
        reply = await it.post(input=text, ssml=True, response_format="pcm")
        assert it.engine.requests == SPOKEN
        assert 1.0 in silences(reply.content)


@pytest.mark.parametrize("cut", [1, 5, 1000])
async def test_over_a_websocket_in_pieces(cut: int) -> None:
    async with web(Cast()) as it, connect(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream") as socket:
        await socket.send(json.dumps({"type": "session.config", "response_format": "pcm"}))
        for at in range(0, len(ANNOUNCEMENT), cut):
            await socket.send(json.dumps({"type": "input.text", "text": ANNOUNCEMENT[at : at + cut]}))
        await socket.send(json.dumps({"type": "input.done"}))
        sound, kind = b"", ""
        async with asyncio.timeout(5):
            while kind != "session.done":
                message = await socket.recv()
                sound += message if isinstance(message, bytes) else b""
                kind = "" if isinstance(message, bytes) else json.loads(message)["type"]
                assert kind != "error"
        assert it.engine.requests == SPOKEN
        assert 1.0 in silences(sound)


@needs_mosquitto
async def test_over_mqtt(tmp_path: Path) -> None:
    async with house(tmp_path, engine=Cast()) as (server, listener, _), httpx.AsyncClient() as client:
        await listener.publish("qwen3tts/say", ANNOUNCEMENT)
        answer = await listener.answer()
        await listener.event("done")
        assert answer["ok"] is True
        with wave.open(io.BytesIO((await client.get(answer["url"])).content)) as file:
            assert 1.0 in silences(file.readframes(file.getnframes()))
        assert server.engine.requests == SPOKEN
