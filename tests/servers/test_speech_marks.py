"""``speech.mark``: over Server-Sent Events and the WebSocket, for those who ask for it."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest
from websockets.asyncio.client import connect

from tests.harness import TONE, FakeEngine
from tests.servers.http.web import web
from wyoming_qwen3tts.speech.audio_format import FORMAT

TEXT = "Guten Tag, ihr Lieben. Das Essen ist fertig."
MARKS = [("sentence", "Guten Tag, ihr Lieben.", 0), ("sentence", "Das Essen ist fertig.", 5)]


def told(events: list[dict[str, object]]) -> list[tuple[object, str, int]]:
    found = []
    for event in events:
        at, length, sample = (int(str(event[key])) for key in ("text_offset", "text_length", "sample"))
        assert event["sample_rate"] == FORMAT.rate
        found.append((event["kind"], TEXT[at : at + length], sample * FORMAT.width // len(TONE)))
    return found


@pytest.mark.parametrize("form", ["pcm", "mp3"])
async def test_events_tell_before_the_sound_which_sentence_begins(form: str) -> None:
    async with web() as it:
        reply = await it.post(input=TEXT, language="de", response_format=form, stream_format="sse", speech_marks=True)
        events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]

    assert told([event for event in events if event["type"] == "speech.mark"]) == MARKS
    assert {event["type"] for event in events} == {"speech.mark", "speech.audio.delta", "speech.audio.done"}
    sound = 0
    for event in events if form == "pcm" else []:
        sound += len(base64.b64decode(str(event.get("audio", ""))))
        assert event["type"] != "speech.mark" or event["sample"] * FORMAT.width >= sound


async def test_who_does_not_ask_gets_none_and_plain_audio_has_no_room_for_them() -> None:
    async with web() as it:
        plain = await it.post(input=TEXT, response_format="pcm", stream_format="sse")
        refused = await it.post(input=TEXT, response_format="pcm", speech_marks=True)

    assert "speech.mark" not in plain.text
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "speech_marks"
    assert "sse" in refused.json()["error"]["message"]


async def test_over_a_websocket_while_the_text_is_written() -> None:
    async with web(FakeEngine()) as it, connect(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream") as socket:
        for marks in (True, False):
            await socket.send(json.dumps({"type": "session.config", "voice": "builtin-de", "speech_marks": marks}))
            for at in range(0, len(TEXT), 6):
                await socket.send(json.dumps({"type": "input.text", "text": TEXT[at : at + 6]}))
            await socket.send(json.dumps({"type": "input.done"}))
            messages: list[dict[str, object]] = []
            sound = 0
            async with asyncio.timeout(10):
                while not messages or messages[-1]["type"] != "session.done":
                    message = await socket.recv()
                    if isinstance(message, bytes):
                        sound += len(message)
                        continue
                    messages.append(json.loads(message))
                    if messages[-1]["type"] == "speech.mark":
                        assert int(str(messages[-1]["sample"])) * FORMAT.width >= sound
            found = [message for message in messages if message["type"] == "speech.mark"]
            assert told(found) == (MARKS if marks else [])
