"""Text that is still being written, through vLLM-Omni's WebSocket (0.32.0rc1, and 0.30 as far as it goes)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from tests.engine.remote.speech_server import TONE, LiveSocket, speech_server
from tests.engine.remote.test_engine import remote, speech
from tests.harness import until
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine
from wyoming_qwen3tts.errors import EngineError, TextStalled
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import Phase
from wyoming_qwen3tts.speech.request import Feed, SpeechRequest
from wyoming_qwen3tts.speech.segment import PLAIN_TURN, OpenSegment, Segment

PIECES = ("The light ", "in the kitchen, ", "is on.")
DONE = {"type": "session.done", "utterance_index": 0, "total_sentences": 1}


class Written:
    """A segment whose pieces a test hands out; ``fails`` ends it instead."""

    def __init__(self, *pieces: str, language: str = "en", fails: Exception | None = None) -> None:
        self.language, self.turn, self.fails = language, PLAIN_TURN, fails
        self.starts_paragraph = False
        self._pieces, self._given, self._more = pieces, 0, asyncio.Event()

    def write(self, pieces: int = 100) -> None:
        self._given += pieces
        self._more.set()

    async def __aiter__(self) -> AsyncIterator[str]:
        for at, piece in enumerate(self._pieces):
            await self._until_given(at)
            yield piece
        await self._until_given(len(self._pieces))
        if self.fails is not None:
            raise self.fails

    async def _until_given(self, at: int) -> None:
        while self._given <= at:
            self._more.clear()
            await self._more.wait()

    async def whole(self) -> Segment:
        return Segment("".join([piece async for piece in self]), self.language)


def written(*pieces: str, **how: Any) -> Written:
    """All of it at once."""
    segment = Written(*(pieces or PIECES), **how)
    segment.write()
    return segment


def asking(engine: RemoteEngine, *parts: Segment | OpenSegment, **more: Any) -> SpeechRequest:
    async def segments() -> AsyncIterator[Segment | OpenSegment]:
        for part in parts:
            yield part

    ryan = next(voice for voice in engine.voices() if voice.name == f"ryan-{parts[0].language}")
    return SpeechRequest(segments(), ryan, is_stream=True, **more)


def start(at: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "type": "audio.start",
        "utterance_index": 0,
        "sentence_index": at,
        "sentence_text": "x",
        "format": "pcm",
        **more,
    }


def done(at: int = 0, *, error: bool = False) -> dict[str, Any]:
    return {"type": "audio.done", "utterance_index": 0, "sentence_index": at, "total_bytes": 1, "error": error}


NATIVE = {"sample_rate": 24_000, "channels": 1}


class Commits:
    """A server of 0.32: each piece is spoken as it comes, in a part of its own."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def __call__(self, socket: LiveSocket, config: dict[str, Any]) -> None:
        while (message := await socket.read()) is not None:
            if message["type"] == "input.done":
                await socket.send(DONE)
                continue
            at = len(self.heard)
            self.heard.append(message["text"])
            await socket.send(start(at, **NATIVE), TONE[:1001], TONE[1001:], done(at))


def says(*messages: dict[str, Any] | bytes) -> Any:
    """These, when the text is complete."""

    async def live(socket: LiveSocket, config: dict[str, Any]) -> None:
        while (message := await socket.read()) is not None:
            if message["type"] == "input.done":
                await socket.send(*messages)

    return live


def refuses(words: str) -> Any:
    """At once, and hangs up: as it does with a session that it cannot serve."""

    async def live(socket: LiveSocket, config: dict[str, Any]) -> None:
        await socket.send({"type": "error", "message": words})

    return live


async def test_sound_comes_while_the_text_is_still_written_and_it_is_asked_as_vllm_omni_understands_it() -> None:
    segment, server_side = Written(*PIECES), Commits()
    async with speech_server() as server, remote(server, key="secret") as engine:
        server.live = server_side
        async with engine.speak(asking(engine, segment, seed=7, instruct="Whisper.")) as audio:
            segment.write(1)
            first = await anext(audio)
            heard_so_far = list(server_side.heard)
            segment.write()
            rest = b"".join([pcm async for pcm in audio])

    assert heard_so_far == [PIECES[0]]
    assert first + rest == TONE * 3 + FORMAT.silence(0.15)
    assert server_side.heard == list(PIECES)
    assert server.bodies == []
    assert server.sessions == [
        {
            "type": "session.config", "text_input_mode": "commitment", "voice": "ryan", "language": "English",
            "task_type": "CustomVoice", "response_format": "pcm", "stream_audio": True, "seed": 7,
            "instructions": "Whisper.",
        }
    ]  # fmt: skip
    assert all(b"Bearer secret" in headers for headers in server.headers)


@pytest.mark.parametrize(
    ("parts", "feed", "sessions", "posts"),
    [
        ([written(language="zh")], "hybrid", 1, 0),
        ([written(language="de")], "hybrid", 0, 1),  # it reads English and Chinese
        ([written(), written()], "hybrid", 1, 1),  # the second one is written while the first one plays
        ([written(), written()], "live", 2, 0),
        ([written(), written()], "sentence", 0, 2),
        ([Segment("Whole.", "en"), Segment("Too.", "en")], "live", 0, 2),
    ],
)
async def test_what_is_spoken_while_it_is_written(
    parts: list[Segment | OpenSegment], feed: Feed, sessions: int, posts: int
) -> None:
    async with speech_server() as server, remote(server, feed=feed) as engine:
        server.live = says(start(**NATIVE), TONE, done(), DONE)
        for part in parts:
            if isinstance(part, Written):
                part.write()
        assert await speech(engine, asking(engine, *parts)) == TONE * len(parts)

    assert (len(server.sessions), len(server.bodies)) == (sessions, posts)


async def test_030_which_waits_for_the_end_of_the_text_and_names_no_channels_is_understood() -> None:
    async with speech_server() as server, remote(server) as engine:
        server.live = says({**start(), "sample_rate": 24_000}, TONE, {"type": "audio.done", "total_bytes": 1}, DONE)

        assert await speech(engine, asking(engine, written())) == TONE


@pytest.mark.parametrize(
    "words",
    [
        "text_input_mode='commitment' is not supported by the configured TTS model",
        "text_input_mode='commitment' requires language='Chinese' or language='English'",
        "",
    ],
    ids=["other model", "other language", "no WebSocket"],
)
async def test_a_server_that_cannot_read_live_is_asked_by_the_sentence_from_then_on(words: str) -> None:
    async with speech_server() as server, remote(server) as engine:
        server.live = refuses(words) if words else None
        for _ in range(2):
            assert await speech(engine, asking(engine, written())) == TONE

    assert len(server.sessions) == (1 if words else 0)
    assert sum(b"/v1/audio/speech/stream" in headers for headers in server.headers) == 1
    assert [body["input"] for body in server.bodies] == ["".join(PIECES)] * 2


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (24_000, 2), (48_000, 2), (16_000, 1)])
async def test_rate_and_channels_are_read(rate: int, channels: int) -> None:
    seconds = 0.5
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    raw = np.repeat((wave * 32767).astype("<i2"), channels).tobytes()
    pieces = [raw[at : at + 1001] for at in range(0, len(raw), 1001)]
    async with speech_server() as server, remote(server) as engine:
        server.live = says(start(sample_rate=rate, channels=channels), *pieces, done(), DONE)
        pcm = np.frombuffer(await speech(engine, asking(engine, written())), "<i2") / 32767

    assert len(pcm) == round(24_000 * seconds)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(pcm)) / 24_000)
    assert np.abs(pcm - wanted)[240:-240].max() < 0.003


LENGTH = "Generation failed for utterance 0, sentence 0: codec budget exhausted (finish_reason=length)"
BROKEN: dict[str, tuple[list[dict[str, Any] | bytes], str]] = {
    "ended by length": (
        [start(**NATIVE), TONE, {"type": "error", "message": LENGTH, "partial_audio": True, "action": "discard"}],
        "codec budget exhausted",
    ),
    "error in the end": ([start(**NATIVE), TONE, done(error=True), DONE], "broke off before the end of the text"),
    "no sound": ([start(), done(), DONE], "no sound"),
    "odd": ([start(**NATIVE), TONE[:101], done(), DONE], "within a sample"),
    "unplayable": ([start(sample_rate=0, channels=1), TONE, done(), DONE], "0 Hz and 1 channels"),
    "rate as text": ([start(sample_rate="24000", channels=1), TONE], "cannot be played"),
    "six channels": ([start(sample_rate=24_000, channels=6), TONE], "6 channels"),
    "not an object": ([["audio.start"]], "not JSON"),  # type: ignore[list-item]
    "endless": ([start(**NATIVE), *[TONE * 100] * 8, done(), DONE], "does not stop speaking"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_not_whole_is_an_error_and_never_an_end(name: str) -> None:
    messages, words = BROKEN[name]
    async with speech_server() as server, remote(server) as engine:
        server.live = says(*messages)
        with pytest.raises(EngineError) as failed:
            await speech(engine, asking(engine, written()))

    assert words in str(failed.value)


async def broken_connection(socket: LiveSocket, config: dict[str, Any]) -> None:
    await socket.read()
    await socket.send(start(**NATIVE), TONE)


async def test_a_connection_that_breaks_ends_the_reply_with_an_error() -> None:
    async with speech_server() as server, remote(server) as engine:
        server.live = broken_connection
        with pytest.raises(EngineError, match="connection broke"):
            await speech(engine, asking(engine, written()))


async def test_what_fails_before_its_first_sound_is_spoken_by_the_next_server() -> None:
    async with speech_server() as bad, speech_server() as good, remote(bad, good, open_s=60) as engine:
        bad.live, good.live = says({"type": "error", "message": LENGTH}), says(start(**NATIVE), TONE, done(), DONE)

        assert await speech(engine, asking(engine, written())) == TONE
        assert await speech(engine, asking(engine, written())) == TONE

    assert (len(bad.sessions), len(good.sessions)) == (1, 2)


async def test_a_slow_writer_is_no_stall_and_a_silent_server_is() -> None:
    segment = Written(*PIECES)
    async with speech_server() as server, remote(server, stall_s=0.05) as engine:
        server.live = Commits()
        speaking = asyncio.create_task(speech(engine, asking(engine, segment)))
        for _ in range(4):
            await asyncio.sleep(0.08)
            segment.write(1)
        assert await speaking == TONE * 3

        server.live = says()
        with pytest.raises(EngineError, match=r"nothing came for 0\.05 s"):
            await speech(engine, asking(engine, written()))


async def test_a_text_that_breaks_off_is_told() -> None:
    async with speech_server() as server, remote(server) as engine:
        server.live = Commits()
        with pytest.raises(TextStalled):
            await speech(engine, asking(engine, written(fails=TextStalled("quiet"))))


async def test_leaving_closes_the_socket_and_leaves_no_task() -> None:
    gone = asyncio.Event()

    async def live(socket: LiveSocket, config: dict[str, Any]) -> None:
        await socket.read()
        await socket.send(start(**NATIVE), TONE)
        while await socket.read() is not None:
            pass
        gone.set()

    segment = Written(*PIECES)
    async with speech_server() as server, remote(server, stall_s=60) as engine:
        server.live = live
        async with engine.speak(asking(engine, segment)) as audio:
            segment.write(1)
            await anext(audio)
        await asyncio.wait_for(gone.wait(), 5)
        await until(lambda: not any(other.outstanding_s for other in engine.servers()))


async def test_how_long_it_will_sound_is_reckoned_as_soon_as_it_is_written() -> None:
    """Until then it counts for three seconds, so that the next sentences would go to the wrong server."""
    pieces = "The light in the kitchen is on, ", "and so are those in the garden and in the hall."
    segment = Written(*pieces)
    async with speech_server() as server, remote(server, stall_s=60) as engine:
        server.live = Commits()
        async with engine.speak(asking(engine, segment)) as audio:
            segment.write(1)
            await anext(audio)
            (ticket,) = engine._router.servers[0].tickets
            assert ticket.expected_s == 3.0
            segment.write()
            await until(lambda: ticket.expected_s == len("".join(pieces)) / 15)


async def test_a_newer_server_is_tried_again_when_it_is_back() -> None:
    async with speech_server() as server, remote(server, open_s=0) as engine:
        assert await speech(engine, asking(engine, written())) == TONE
        server.live = says(start(**NATIVE), TONE, done(), DONE)
        engine._router.leave_alone(engine._router.servers[0], "restarted")
        await until(lambda: engine.status.phase is Phase.READY)

        assert await speech(engine, asking(engine, written())) == TONE

    assert len(server.sessions) == 1
