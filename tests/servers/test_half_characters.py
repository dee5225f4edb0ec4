"""Text that was cut between the two halves of a character is spoken whole, at every door."""

from __future__ import annotations

import json

import pytest

from tests.harness import STOP, chunk, kinds, serving, start
from tests.servers.http.routers.test_websocket import heard, send, talking
from tests.servers.http.routers.test_websocket import text as ws_text
from tests.servers.http.web import web
from wyoming_qwen3tts.announcements.announcement import Announcement
from wyoming_qwen3tts.announcements.payload import parse_say
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.util.surrogates import join_halves

WHOLE = "Good 😀 morning 🎉🎉 house, 今日は 𠮷野家!"
UNITS = WHOLE.encode("utf-16-le", "surrogatepass")
HALVES = "".join(chr(int.from_bytes(UNITS[at : at + 2], "little")) for at in range(0, len(UNITS), 2))
"""``WHOLE`` as JavaScript holds it."""


def test_the_halves_of_a_text_are_joined() -> None:
    assert len(HALVES) > len(WHOLE)
    assert join_halves(HALVES) == (WHOLE, "")
    assert join_halves(WHOLE) == (WHOLE, "")


@pytest.mark.parametrize(
    ("text", "rest", "half"),
    [
        ("a\ud83d", "a", "\ud83d"),
        ("\ude00a", "a", ""),
        ("a\ud83db", "ab", ""),
        ("\ud83d\ud83d\ude00", "😀", ""),
        ("\ud83d\ud83d", "", "\ud83d"),
        ("", "", ""),
    ],
)
def test_a_half_that_is_alone_becomes_nothing(text: str, rest: str, half: str) -> None:
    assert join_halves(text) == (rest, half)


@pytest.mark.parametrize("at", range(len(HALVES) + 1))
async def test_a_stream_may_be_cut_anywhere(at: int) -> None:
    text = TextStream(limit_chars=1000, idle_s=5)
    text.add(HALVES[:at])
    text.add(HALVES[at:])
    text.close()

    assert "".join([piece async for piece in text]) == WHOLE
    assert text.chars == len(WHOLE)


async def test_a_stream_may_be_cut_everywhere_and_a_half_at_its_end_is_nothing() -> None:
    text = TextStream(limit_chars=1000, idle_s=5)
    for unit in HALVES + "\ud83d":
        text.add(unit)
    text.close()

    assert "".join([piece async for piece in text]) == WHOLE


PIECES = ["Good \ud83d", "\ude00 morning, and a \ud83d", " whole \ude00day."]
SPOKEN = ["Good morning, and a whole day."]


async def test_over_the_websocket() -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, *map(ws_text, PIECES), "input.done")
        messages, _ = await heard(socket)

        assert [message["type"] for message in messages] == ["audio.start", "audio.done", "session.done"]
        assert it.engine.requests[0][1] == SPOKEN


async def test_over_wyoming() -> None:
    async with serving() as server:
        wire = await server.connect()
        pieces = [
            json.dumps({"type": "synthesize-chunk", "data": {"text": piece}}).encode() + b"\n" for piece in PIECES
        ]
        await wire.send(start(voice={"name": "builtin-en"}), *pieces, STOP)
        assert kinds(await wire.until("synthesize-stopped", "error"))[-1] == "synthesize-stopped"
        one = json.dumps({"type": "synthesize", "data": {"text": "".join(PIECES), "voice": {"name": "builtin-en"}}})
        await wire.send(one.encode() + b"\n")
        assert kinds(await wire.until("audio-stop", "error"))[-1] == "audio-stop"

        assert [texts for _, texts in server.engine.requests] == [SPOKEN, SPOKEN]


async def test_half_a_character_where_no_text_is_breaks_no_answer() -> None:
    async with serving() as server:
        wire = await server.connect()
        await wire.send(b'{"type": "ping", "data": {"text": "\\ud83d"}}\n', b'{"type": "\\ud83d"}\n')
        pong = await wire.read()
        await wire.send(start(voice={"name": "\ud83d"}), chunk("Hello."), STOP)

        assert pong is not None
        assert pong.type == "pong"
        assert await wire.error() == "unknown-voice"


async def test_over_http() -> None:
    async with web() as it:
        body = json.dumps({"input": "".join(PIECES), "voice": "builtin-en", "instructions": "soft \ud83d"})
        reply = await it.client.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})

        assert reply.status_code == 200
        assert it.engine.requests[0][1] == SPOKEN


def test_over_mqtt() -> None:
    said = parse_say(json.dumps({"text": "".join(PIECES)}).encode(), 1000)

    assert isinstance(said, Announcement)
    assert said.text == "Good 😀 morning, and a  whole day."
