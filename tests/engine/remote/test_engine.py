"""Speech from other machines: vLLM-Omni's contract, and everything that can go wrong on the way (F30)."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.engine.remote.speech_server import TONE, Answer, SpeechServer, hangs, refuses, says, speech_server
from tests.engine.scripted import Scripted
from tests.harness import free_port, until
from wyoming_qwen3tts.app.build import build_engine
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine, Timing
from wyoming_qwen3tts.engine.remote.server import http_client
from wyoming_qwen3tts.errors import Busy, EngineDown, EngineError, SettingsError
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.util.backoff import Backoff


@asynccontextmanager
async def remote(*servers: SpeechServer | str, **options: Any) -> AsyncIterator[RemoteEngine]:
    options.setdefault("backoff", lambda: Backoff(0.01, 0.01, chance=lambda: 0.0))
    timing = Timing(**{name: options.pop(name) for name in list(options) if name.endswith("_s")})
    urls = [server if isinstance(server, str) else server.url for server in servers]
    engine = RemoteEngine(urls, sentence_pause_s=0, timing=timing, **options)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def segments(texts: Sequence[str]) -> AsyncIterator[Segment]:
    for text in texts:
        yield Segment(text, "de")


def asking(engine: RemoteEngine, *texts: str, name: str = "ryan-de", **more: Any) -> SpeechRequest:
    known: dict[str, Voice] = {voice.name: voice for voice in (*engine.voices(), *engine.clones())}
    return SpeechRequest(segments(texts or ("Guten Tag.",)), known[name], **more)


async def speech(engine: RemoteEngine, request: SpeechRequest) -> bytes:
    """Without the silence at the end."""
    async with engine.speak(request) as audio:
        pcm = b"".join([pcm async for pcm in audio])
    return pcm[: -len(FORMAT.silence(0.15))]


async def listen(engine: RemoteEngine, request: SpeechRequest, heard: list[bytes]) -> None:
    async with engine.speak(request) as audio:
        async for pcm in audio:
            heard.append(pcm)  # noqa: PERF401  what was heard before the error counts


def wav(samples: bytes, *, rate: int = 24_000, extra: bytes = b"") -> bytes:
    """As it is streamed: nobody knows yet how long it will be."""
    unknown = 0xFFFFFFFF
    described = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return (
        struct.pack("<4sI4s", b"RIFF", unknown, b"WAVE")
        + described
        + extra
        + struct.pack("<4sI", b"data", unknown)
        + samples
    )


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: x\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


def delta(pcm: bytes) -> dict[str, Any]:
    return {"type": "speech.audio.delta", "audio": base64.b64encode(pcm).decode(), "response_format": "pcm"}


DONE: dict[str, Any] = {"type": "speech.audio.done", "usage": {}}


async def test_it_is_asked_as_vllm_omni_understands_it() -> None:
    async with speech_server() as server, remote(server, key="secret") as engine:
        assert await speech(engine, asking(engine, seed=7, instruct="Whisper.")) == TONE

    assert server.bodies == [
        {
            "input": "Guten Tag.", "voice": "ryan", "language": "German", "task_type": "CustomVoice",
            "response_format": "pcm", "stream": True, "stream_format": "audio", "seed": 7, "instructions": "Whisper.",
        }
    ]  # fmt: skip
    assert all(b"Bearer secret" in headers for headers in server.headers)


@pytest.mark.parametrize("cut", [1, 3, 1001])
async def test_any_cut_of_the_samples_joins_again(cut: int) -> None:
    pieces = [TONE[at : at + cut] for at in range(0, 5000, cut)]
    async with (
        speech_server(says(*pieces, *[b"\x01"] * (len(b"".join(pieces)) % 2))) as server,
        remote(server) as engine,
        engine.speak(asking(engine)) as audio,
    ):
        packets = [pcm async for pcm in audio]

    assert all(len(pcm) % 2 == 0 and len(pcm) <= 4 * FORMAT.frame_bytes for pcm in packets[:-1])
    assert len(packets[0]) <= FORMAT.frame_bytes
    assert b"".join(packets).startswith(TONE[:5000])


@pytest.mark.parametrize("cut", [1, 7, 44, 4000])
async def test_a_wav_is_taken_without_its_header(cut: int) -> None:
    data = wav(TONE, extra=struct.pack("<4sI", b"LIST", 3) + b"abc\0")
    async with (
        speech_server(says(*[data[at : at + cut] for at in range(0, len(data), cut)], kind="audio/wav")) as server,
        remote(server) as engine,
    ):
        assert await speech(engine, asking(engine)) == TONE


async def test_server_sent_events_are_told_by_their_type() -> None:
    data = sse(delta(TONE[:1001]), delta(TONE[1001:]), DONE)
    answer = says(data[:50], data[50:], kind="text/event-stream; charset=utf-8")
    async with speech_server(answer) as server, remote(server) as engine:
        assert await speech(engine, asking(engine)) == TONE


BAD: dict[str, tuple[Answer, str]] = {
    "400": (refuses("400 Bad Request", {"error": {"message": "no such voice", "type": "x"}}), "400: no such voice"),
    "500": (refuses("500 Internal Server Error", {"detail": "CUDA is unwell"}), "500: CUDA is unwell"),
    "502": (refuses("502 Bad Gateway", "<html>"), "502: no reason given"),
    "truncated": (says(end=False), "the connection broke"),
    "HTML": (says(b"<html>", kind="text/html"), "text/html instead of speech"),
    "odd": (says(TONE[:101]), "within a sample"),
    "nothing": (says(), "no sound"),
    "wrong rate": (says(wav(TONE, rate=22_050), kind="audio/wav"), "22050 Hz"),
    "no WAV": (says(b"MThd" * 20, kind="audio/wav"), "a WAV that is none"),
    "half a WAV": (says(wav(b"")[:20], kind="audio/wav"), "within the header"),
    "WAV without format": (says(b"RIFF\0\0\0\0WAVEdata\0\0\0\0", kind="audio/wav"), "does not say what it holds"),
    "endless WAV header": (says(b"RIFF\0\0\0\0WAVEjunk\xff\xff\0\0" + bytes(5000), kind="audio/wav"), "no samples"),
    "event of an error": (
        says(sse({"type": "speech.audio.error", "error": {"message": "out of memory"}}), kind="text/event-stream"),
        "broke off: out of memory",
    ),
    "ended by length": (
        says(
            sse(
                delta(b""),
                {
                    "type": "speech.audio.error",
                    "error": {"message": "codec budget exhausted", "partial_audio": True, "action": "discard"},
                },
            ),
            kind="text/event-stream",
        ),
        "broke off: codec budget exhausted",
    ),
    "events without end": (says(sse({"type": "other"}), kind="text/event-stream"), "without the last one"),
    "event that is no JSON": (says(b"data: {\n\n", kind="text/event-stream"), "not JSON"),
    "event without base64": (
        says(sse({"type": "speech.audio.delta", "audio": "!"}), kind="text/event-stream"), "not base64",
    ),
    "event without a line's end": (says(b"data: " + b"x" * (9 << 20), kind="text/event-stream"), "too long"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_whatever_is_no_speech_is_an_error_in_words(name: str) -> None:
    answer, words = BAD[name]
    async with speech_server(answer) as server, remote(server) as engine:
        with pytest.raises(EngineError) as failed:
            await speech(engine, asking(engine))

    assert words in str(failed.value)
    assert server.url in str(failed.value)


async def test_a_server_that_is_busy_is_not_left_alone() -> None:
    busy = refuses("429 Too Many Requests", {"error": "queue is full"})
    async with speech_server(busy, says(TONE)) as server, remote(server) as engine:
        with pytest.raises(Busy):
            await speech(engine, asking(engine))
        assert await speech(engine, asking(engine)) == TONE


async def test_a_server_that_fails_is_left_alone_and_the_next_one_speaks() -> None:
    broken = refuses("500 Internal Server Error", {})
    async with speech_server(broken) as bad, speech_server() as good, remote(bad, good, open_s=60) as engine:
        for _ in range(3):
            assert await speech(engine, asking(engine)) == TONE
        assert engine.status == EngineStatus(Phase.DEGRADED, f"{bad.url}: it answered 500: no reason given")

    assert (len(bad.bodies), len(good.bodies)) == (1, 3)


async def test_with_nobody_left_it_says_so_at_once() -> None:
    async with speech_server(refuses("500 Internal Server Error", {})) as server, remote(server, open_s=60) as engine:
        with pytest.raises(EngineError, match="500"):
            await speech(engine, asking(engine))
        with pytest.raises(EngineDown, match="No remote engine is there"):
            await speech(engine, asking(engine))
        assert engine.status.phase is Phase.FAILED

    assert len(server.bodies) == 1


async def test_after_its_first_sound_a_reply_ends_with_an_error_and_nobody_else_goes_on() -> None:
    async with (
        speech_server(says(TONE, end=False)) as server,
        speech_server() as other,
        remote(server, other) as engine,
    ):
        heard: list[bytes] = []
        with pytest.raises(EngineError, match="connection broke"):
            await listen(engine, asking(engine), heard)

    assert heard
    assert TONE.startswith(b"".join(heard))
    assert not other.bodies


async def test_who_breaks_off_before_anything_can_be_heard_has_not_begun() -> None:
    """Listeners are sent a frame at the least."""
    almost = says(TONE[: FORMAT.frame_bytes - 2], end=False)
    async with speech_server(almost) as server, speech_server() as other, remote(server, other) as engine:
        assert await speech(engine, asking(engine)) == TONE


async def test_a_server_that_stalls_is_given_up() -> None:
    async with speech_server(hangs(TONE)) as server, remote(server, stall_s=0.05) as engine:
        with pytest.raises(EngineError, match=r"nothing came for 0\.05 s"):
            await speech(engine, asking(engine))


async def test_speech_without_end_is_given_up() -> None:
    minute = says(*[TONE * 100] * 8)
    async with speech_server(minute) as server, remote(server) as engine:
        with pytest.raises(EngineError, match="does not stop speaking"):
            await speech(engine, asking(engine))


async def test_leaving_closes_the_connection_at_once() -> None:
    async with speech_server(hangs(TONE)) as server, remote(server, stall_s=60) as engine:
        async with engine.speak(asking(engine)) as audio:
            await anext(aiter(audio))
        await asyncio.wait_for(server.left.wait(), 5)


async def test_the_next_sentence_is_asked_for_as_soon_as_one_plays_and_no_sooner() -> None:
    """At 80 % load first audio takes twice as long where sentences are asked for that nobody waits for yet."""
    may_sound = asyncio.Event()

    async def later(writer: asyncio.StreamWriter) -> None:
        await may_sound.wait()
        await says(TONE)(writer)

    texts = ("Eins.", "Zwei.", "Drei.", "Vier.", "Fünf.")
    async with (
        speech_server(later) as server,
        remote(server) as engine,
        engine.speak(asking(engine, *texts)) as audio,
    ):
        first = asyncio.ensure_future(anext(aiter(audio)))
        await until(lambda: server.bodies)
        await asyncio.sleep(0.02)
        assert [body["input"] for body in server.bodies] == ["Eins."]
        may_sound.set()
        await first
        await until(lambda: len(server.bodies) >= 2)
        await asyncio.sleep(0.02)
        assert [body["input"] for body in server.bodies] == ["Eins.", "Zwei."]


async def test_sentences_are_heard_in_their_order() -> None:
    tones = [bytes([n, n]) * 1000 for n in (1, 2, 3)]
    async with speech_server(*[says(tone) for tone in tones]) as server, remote(server) as engine:
        assert await speech(engine, asking(engine, "Eins.", "Zwei.", "Drei.")) == b"".join(tones)


async def test_uploaded_voices_are_spoken_as_clones() -> None:
    async with speech_server() as server, remote(server) as engine:
        assert [voice.name for voice in engine.clones()] == ["grandma"]

        await speech(engine, asking(engine, name="grandma", instruct="ignored by clones"))

    assert (server.bodies[0]["task_type"], server.bodies[0]["voice"]) == ("Base", "grandma")
    assert "instructions" not in server.bodies[0]


@pytest.mark.parametrize("answer", ['{"voices": ["default"]}', "[]", '{"uploaded_voices": [7, {"name": ""}]}'])
async def test_a_server_without_voices_of_its_own_adds_none(answer: str) -> None:
    async with speech_server() as server:
        server.voices = answer
        async with remote(server) as engine:
            assert engine.status.phase is Phase.READY
            assert engine.clones() == ()


async def test_servers_that_are_away_at_the_start_are_found_when_they_are_back() -> None:
    async with speech_server() as server:
        server.health = "503 Service Unavailable"
        async with remote(server, f"http://127.0.0.1:{free_port()}", "http://[bad") as engine:
            assert engine.status.phase is Phase.FAILED
            assert "its health is 503" in engine.status.reason
            server.health = "200 OK"
            await until(lambda: engine.status.phase is Phase.DEGRADED)

            assert await speech(engine, asking(engine)) == TONE


async def test_while_all_are_away_the_built_in_voice_speaks() -> None:
    fallback = Scripted("builtin")
    failover = FailoverEngine(RemoteEngine([f"http://127.0.0.1:{free_port()}"]), fallback)
    await failover.start()
    try:
        assert (failover.status.phase, failover.status.fallback) == (Phase.DEGRADED, "builtin")
        async with failover.speak(SpeechRequest(segments(["Hallo."]), failover.voices()[0])) as audio:
            assert b"".join([pcm async for pcm in audio])
    finally:
        await failover.close()


async def test_the_least_busy_server_is_asked() -> None:
    async with (
        speech_server(hangs(TONE)) as one,
        speech_server(hangs(TONE)) as two,
        remote(one, two) as engine,
        engine.speak(asking(engine)) as first,
        engine.speak(asking(engine)) as second,
    ):
        await anext(aiter(first))
        await anext(aiter(second))

    assert (len(one.bodies), len(two.bodies)) == (1, 1)


async def test_a_server_that_drains_gets_no_new_work_until_it_is_well_again() -> None:
    draining = refuses("503 Service Unavailable", {"detail": "draining"})
    async with speech_server(draining, says(TONE)) as one, speech_server() as two, remote(one, two) as engine:
        one.health = "503 Service Unavailable"
        for _ in range(3):
            assert await speech(engine, asking(engine)) == TONE
        assert (len(one.bodies), len(two.bodies)) == (1, 3)
        assert [(s.url, s.state, s.failed) for s in engine.servers()] == [
            (one.url, "draining", 0),
            (two.url, "well", 0),
        ]

        one.health = "200 OK"
        await until(lambda: engine.status.phase is Phase.READY)
        assert await speech(engine, asking(engine)) == TONE
        assert len(one.bodies) == 2


async def test_one_that_says_it_drains_is_known_before_anybody_waits_for_it() -> None:
    async with speech_server() as one, speech_server() as two, remote(one, two, probe_s=0.0) as engine:
        one.health_body = b'{"status": "draining"}'
        await until(lambda: engine.servers()[0].state == "draining")
        assert await speech(engine, asking(engine)) == TONE

    assert (len(one.bodies), len(two.bodies)) == (0, 1)


async def test_a_server_of_our_kind_that_is_busy_is_neither_broken_nor_draining() -> None:
    busy = refuses("503 Service Unavailable", {"error": {"code": "busy", "message": "Every place is taken."}})
    async with speech_server(busy) as one, speech_server() as two, remote(one, two) as engine:
        assert await speech(engine, asking(engine)) == TONE
        assert [server.state for server in engine.servers()] == ["well", "well"]


async def test_a_silent_server_is_hedged_and_the_loser_is_told_to_stop() -> None:
    async with (
        speech_server(hangs()) as slow,
        speech_server() as quick,
        remote(slow, quick, hedge_s=0.02, stall_s=60) as engine,
    ):
        assert await speech(engine, asking(engine)) == TONE
        await asyncio.wait_for(slow.left.wait(), 5)
        first, second = engine.servers()

    assert (first.asked, first.hedged, first.failed, first.outstanding_s) == (1, 1, 0, 0)
    assert (second.asked, second.hedged) == (1, 0)


async def test_without_hedging_a_silent_server_is_waited_for() -> None:
    async with speech_server(hangs()) as slow, speech_server() as quick, remote(slow, quick, stall_s=0.05) as engine:
        assert await speech(engine, asking(engine)) == TONE
        assert [(server.failed, server.hedged) for server in engine.servers()] == [(1, 0), (0, 0)]


async def test_a_hedge_that_fails_leaves_the_first_to_speak() -> None:
    tone = asyncio.Event()

    async def late(writer: asyncio.StreamWriter) -> None:
        await tone.wait()
        await says(TONE)(writer)

    async def broken(writer: asyncio.StreamWriter) -> None:
        await refuses("500 Internal Server Error", {})(writer)

    async with speech_server(late) as one, speech_server(broken) as two, remote(one, two, hedge_s=0.02) as engine:
        speaking = asyncio.create_task(speech(engine, asking(engine)))
        await until(lambda: engine.servers()[1].failed)
        tone.set()
        assert await speaking == TONE


async def test_an_uploaded_voice_is_asked_for_only_where_it_is() -> None:
    async with speech_server() as without, speech_server() as having:
        without.voices = "{}"
        async with remote(without, having) as engine:
            for _ in range(2):
                assert await speech(engine, asking(engine, name="grandma")) == TONE
            engine._router.leave_alone(engine._router.servers[1], "broken")
            voice = Voice(VoiceName("grandma"), "", ("de",), "remote", "grandma", "clone")
            with pytest.raises(EngineDown, match="that knows the voice grandma"):
                await speech(engine, SpeechRequest(segments(["Hallo."]), voice))

    assert (len(without.bodies), len(having.bodies)) == (0, 2)


async def test_the_loss_of_one_of_four_loses_no_reply_that_has_not_begun() -> None:
    dying = [says(end=False), refuses("500 Internal Server Error", {}), hangs()]
    for death in dying:
        async with (
            speech_server(death) as dead,
            speech_server() as b,
            speech_server() as c,
            speech_server() as d,
            remote(dead, b, c, d, stall_s=0.2, open_s=60) as engine,
        ):
            said = await asyncio.gather(*(speech(engine, asking(engine)) for _ in range(12)))
            assert said == [TONE] * 12


async def test_it_is_started_once_and_says_loading_before() -> None:
    async with speech_server() as server:
        engine = RemoteEngine([server.url])
        assert engine.status.phase is Phase.LOADING
        with pytest.raises(EngineDown, match="not started"):
            await speech(engine, asking(engine))
        await engine.start()
        await engine.start()
        await engine.close()

    assert len(server.headers) == 2


async def test_while_none_has_answered_yet_it_is_loading_and_nobody_is_warned_of_servers_not_asked() -> None:
    async with speech_server() as quick, speech_server() as slow:
        answer = asyncio.Event()
        serve = slow.serve

        async def late(*peer: Any) -> None:
            await answer.wait()
            await serve(*peer)

        listening = await asyncio.start_server(late, "127.0.0.1", 0)
        urls = [f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"]
        engine = RemoteEngine([*urls, quick.url])
        starting = asyncio.create_task(engine.start())
        await asyncio.sleep(0)
        assert engine.status == EngineStatus(Phase.LOADING)
        await until(lambda: engine.status == EngineStatus(Phase.READY))
        assert not starting.done()
        answer.set()
        await starting
        listening.close()
        await engine.close()


def test_remote_without_urls_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"engine\.urls is empty"):
        build_engine(load({"engine.kind": "remote"}, {}))
    engine = build_engine(load({"engine.kind": "remote", "engine.urls": "http://a:1, http://b:2/"}, {})).engine
    assert isinstance(engine, FailoverEngine)


async def test_who_leaves_while_an_answer_is_closed_leaves_it_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """httpcore would keep its connection, and the descriptor, for good."""
    closing, closed = asyncio.Event(), asyncio.Event()

    class Stream(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"speech"

        async def aclose(self) -> None:
            closing.set()
            await asyncio.sleep(0.01)
            closed.set()

    class Connection:
        is_open = True

        async def aclose(self) -> None:
            self.is_open = False

    connection = Connection()

    async def answer(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Stream(), request=request, extensions={"network_stream": connection})

    async def ask(*, whole: bool = True) -> None:
        async with http_client("", 1.0) as client, client.stream("POST", "http://127.0.0.1/") as response:
            if whole:
                await response.aread()

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", answer)
    asking = asyncio.create_task(ask())
    await closing.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert closed.is_set()
    assert connection.is_open  # the answer was read: another one may come through it

    await ask(whole=False)
    assert not connection.is_open
