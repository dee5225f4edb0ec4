"""Live text over WebSocket: sound while the text is being written."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.harness import TONE, FakeEngine, until
from tests.servers.http.web import Web, web
from wyoming_qwen3tts.settings import Http, Settings


@asynccontextmanager
async def talking(it: Web, **how: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream", **how) as socket:
        yield socket


async def send(socket: ClientConnection, *messages: dict[str, Any] | str) -> None:
    """Messages, or bare types."""
    for message in messages:
        await socket.send(json.dumps({"type": message} if isinstance(message, str) else message))


def text(words: str) -> dict[str, Any]:
    return {"type": "input.text", "text": words}


async def heard(socket: ClientConnection, until_type: str = "session.done") -> tuple[list[dict[str, Any]], bytes]:
    """The messages up to one of a type, and the sound between them."""
    messages: list[dict[str, Any]] = []
    sound = b""
    async with asyncio.timeout(5):
        while not messages or messages[-1]["type"] != until_type:
            message = await socket.recv()
            if isinstance(message, bytes):
                sound += message
            else:
                messages.append(json.loads(message))
    return messages, sound


async def test_text_in_pieces_becomes_one_utterance_in_vllm_omnis_messages() -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, {"type": "session.config", "voice": "builtin-de", "response_format": "pcm"})
        await send(socket, text("Gu"), text("ten Tag."), "input.done")
        messages, sound = await heard(socket)

        assert [message["type"] for message in messages] == ["audio.start", "audio.done", "session.done"]
        assert messages[0] | {"engine": "fake"} == messages[0]
        assert (messages[0]["format"], messages[0]["sample_rate"], messages[0]["voice"]) == (
            "pcm",
            24_000,
            "builtin-de",
        )
        assert messages[1]["total_bytes"] == len(sound)
        assert sound == TONE * 3
        assert it.engine.requests == [("builtin-de", ["Guten Tag."])]


async def test_sound_comes_before_the_text_has_ended() -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, text("The first sentence is here. And the rest"))
        await heard(socket, "audio.start")
        spoken = it.engine.requests[0][1][:]
        await send(socket, text(" follows."), "input.done")
        await heard(socket)

        assert spoken == ["The first sentence is here."]
        assert it.engine.requests[0][1][-1] == "And the rest follows."


async def test_silence_goes_out_while_the_text_pauses_through_the_encoder_too() -> None:
    for form in ("pcm", "mp3"):
        async with web() as it, talking(it) as socket:
            await send(
                socket, {"type": "session.config", "response_format": form}, text("The first sentence is here. ")
            )
            _, sound = await heard(socket, "audio.start")
            async with asyncio.timeout(5):
                for _ in range(12 if form == "mp3" else 7):  # frames, of which five at most are speech
                    sound += await socket.recv()  # type: ignore[operator]
            assert form != "pcm" or not any(sound[-len(TONE) :])
            assert set(it.engine.requests[0][1]) == {"The first sentence is here."}
            await send(socket, "input.done")
            await heard(socket)


async def test_a_socket_serves_several_utterances_also_while_one_is_spoken() -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, text("One."), "input.done", text("Two."), "input.done", "session.close")
        first, _ = await heard(socket)
        second, _ = await heard(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

        assert (first[-1]["utterance_index"], second[-1]["utterance_index"]) == (0, 1)
        assert [words for _, words in it.engine.requests] == [["One."], ["Two."]]
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000


async def test_cancel_stops_within_a_frame_and_the_socket_speaks_on() -> None:
    async with web() as it, talking(it) as socket:
        it.engine.release.clear()
        await send(socket, text("A long sentence that nobody wants to hear to its end."), "input.done")
        await send(socket, text("Neither this."), "input.done")
        await until(lambda: it.engine.speaking)
        await send(socket, "input.cancel")
        await it.engine.idle(within_frames=0)
        cancelled, _ = await heard(socket)
        it.engine.release.set()
        await send(socket, text("But this."), "input.done")
        messages, sound = await heard(socket)

        assert cancelled[-1]["cancelled"] is True
        assert messages[-1]["cancelled"] is False
        assert [words for _, words in it.engine.requests][-1] == ["But this."]
        assert sound == TONE * 2
        assert len(it.engine.requests) == 2


async def test_a_cancel_with_nothing_to_cancel_is_answered_too() -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, "input.cancel")
        messages, _ = await heard(socket)

        assert messages == [{"type": "session.done", "cancelled": True}]


async def test_a_client_that_leaves_costs_nothing_more() -> None:
    async with web() as it:
        it.engine.release.clear()
        async with talking(it) as socket:
            await send(socket, text("A long sentence that nobody wants to hear to its end."), "input.done")
            await until(lambda: it.engine.speaking)
            socket.transport.abort()

        await it.engine.idle(within_frames=0)


WRONG: dict[str, str | bytes] = {
    "not JSON": "{",
    "nested": "[" * 50_000,
    "a list": "[]",
    "binary": b"\0\0",
    "no type": "{}",
    "an unknown type": '{"type": "input.sing"}',
    "text that is none": '{"type": "input.text", "text": 7}',
    "an unknown voice": '{"type": "session.config", "language": "xx"}',
    "an unknown field": '{"type": "session.config", "vioce": "x"}',
    "an unknown format": '{"type": "session.config", "response_format": "ogg"}',
}


async def test_wrong_messages_are_told_and_the_socket_stays() -> None:
    async with web() as it, talking(it) as socket:
        for name, message in WRONG.items():
            await socket.send(message)
            messages, _ = await heard(socket, "error")
            assert messages[0]["message"], name
            assert messages[0]["error"]["code"], name
        await send(socket, text("Still there."), "input.done")
        messages, _ = await heard(socket)

        assert messages[-1]["type"] == "session.done"


async def test_a_client_that_is_always_wrong_is_closed() -> None:
    async with web() as it, talking(it) as socket:
        for _ in range(16):
            await socket.send("{")
            await socket.recv()
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


async def test_an_utterance_that_fails_is_told_and_the_next_one_is_spoken() -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, {"type": "session.config", "voice": "nobody"}, text("Hello."), "input.done")
        failed, _ = await heard(socket)
        await send(socket, {"type": "session.config"}, text("Hello."), "input.done")
        spoken, _ = await heard(socket)

        assert [message["type"] for message in failed] == ["error", "session.done"]
        assert failed[0]["error"]["param"] == "voice"
        assert spoken[0]["type"] == "audio.start"


@pytest.mark.parametrize(
    "before", [[], [text("")], [{"type": "input.text", "text": 7}]], ids=["nothing", "empty", "wrong"]
)
async def test_an_utterance_without_text_is_answered_at_once(before: list[dict[str, Any]]) -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, *before, "input.done", text("Hello."), "input.done")
        empty, _ = await heard(socket)
        spoken, _ = await heard(socket)

        assert empty[-1] == {"type": "session.done", "utterance_index": 0, "cancelled": False, "total_sentences": 0}
        assert {message["utterance_index"] for message in spoken} == {1}
        assert spoken[-1]["total_sentences"] == 1


async def test_an_utterance_that_failed_while_it_was_written_is_answered_once() -> None:
    async with web(engine=FakeEngine(fail_at=0)) as it, talking(it) as socket:
        await send(socket, text("The first sentence is here. And "))
        failed, _ = await heard(socket)
        it.engine._fail_at = None
        await send(socket, "input.done", text("Hello."), "input.done")
        spoken, _ = await heard(socket)

        assert [message["type"] for message in failed] == ["error", "session.done"]
        assert {message["utterance_index"] for message in spoken} == {1}


CONFIGS: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"initial_codec_chunk_frames": 4, "task_type": "CustomVoice", "temperature": 0.9, "user": "me"}, None),
    ({"speed": None, "language": None, "seed": None, "feed": None, "normalize": None}, None),
    ({"vioce": "ryan"}, "vioce"),
    ({"speed": "fast"}, "speed"),
    ({"language": "xx"}, "language"),
    ({"model": "gpt-9"}, "model"),
    ({"ref_audio": "https://x.y/z.wav"}, "ref_audio"),
    ({"speed": 99, "vioce": "x", "language": "xx"}, "speed"),
]


@pytest.mark.parametrize(("more", "wrong"), CONFIGS, ids=str)
@pytest.mark.parametrize("voice", ["voice", "speaker"])
async def test_a_field_that_is_wrong_leaves_the_others_as_they_are(
    more: dict[str, Any], wrong: str | None, voice: str
) -> None:
    async with web() as it, talking(it) as socket:
        config = {"type": "session.config", voice: "builtin-de", "response_format": "WAV", **more}
        await send(socket, config, text("Guten Tag."), "input.done")
        messages, sound = await heard(socket)
        errors = [message for message in messages if message["type"] == "error"]

        assert [error["error"]["param"] for error in errors] == ([wrong] if wrong is not None else [])
        assert "vioce" not in more or "Did you mean 'voice'?" in errors[0]["message"]
        assert sound.startswith(b"RIFF")
        assert it.engine.requests[0][0] == "builtin-de"


async def test_too_much_text_and_too_many_utterances_are_refused() -> None:
    async with web(limits={"text_chars": 20, "utterances": 2}) as it, talking(it) as socket:
        it.engine.release.clear()
        await send(socket, text("a" * 15), text("b" * 15))
        too_long, _ = await heard(socket, "error")
        await send(socket, "input.done", text("Two."), "input.done", text("Three."))
        too_many, _ = await heard(socket, "error")
        it.engine.release.set()
        await heard(socket)
        await heard(socket)

        assert too_long[0]["error"]["code"] == "text-too-long"
        assert too_many[0]["error"]["code"] == "busy"


async def test_a_message_over_the_limit_ends_the_socket() -> None:
    async with web() as it, talking(it) as socket:
        await socket.send(json.dumps(text("a" * 140_000)))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_text_that_stalls_is_ended_and_an_idle_socket_closed() -> None:
    async with web(limits={"text_idle_s": 0.1, "idle_s": 0.3}) as it, talking(it) as socket:
        await send(socket, text("And then"))
        stalled, _ = await heard(socket)
        with pytest.raises(ConnectionClosed):
            await socket.recv()

        assert stalled[0]["error"]["code"] == "text-stalled"


async def test_a_browser_hands_its_key_over_as_a_protocol() -> None:
    settings = Settings(http=Http(api_keys=("phone:open-sesame",)))  # type: ignore[arg-type]  # as typed by people
    async with web(settings=settings) as it:
        clients: list[str] = []
        it.service.observe(lambda stats: clients.append(stats.client))
        protocols = ["openai-insecure-api-key.open-sesame", "realtime"]
        async with talking(it, subprotocols=protocols) as socket:
            await send(socket, text("Hello."), "input.done")
            await heard(socket)

            assert socket.subprotocol == "realtime"
        assert clients == ["phone"]


@pytest.mark.parametrize("form", ["mp3", "opus", "wav"])
async def test_other_formats_are_sent_too(form: str) -> None:
    async with web() as it, talking(it) as socket:
        await send(socket, {"type": "session.config", "response_format": form}, text("Hello."), "input.done")
        messages, sound = await heard(socket)

        assert messages[0]["format"] == form
        assert sound[:4] in (b"OggS", b"RIFF") or sound[0] == 0xFF


async def test_a_closing_door_lets_the_sentence_end_and_says_that_it_goes_away() -> None:
    engine = FakeEngine()
    async with web(engine=engine) as it, talking(it) as socket:
        engine.release.clear()
        await send(socket, text("The last sentence."))
        await until(lambda: it.service.replies)
        it.door._app.state.closing.set()
        engine.release.set()
        _, sound = await heard(socket)
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()

        assert len(sound) == len(TONE) * 4
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
