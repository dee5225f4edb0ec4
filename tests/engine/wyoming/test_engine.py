"""Another Wyoming server as an engine: who speaks, and what becomes of a reply when it misbehaves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from wyoming.event import Event

from tests.engine.wyoming.voice_server import (
    JOE,
    SPEAKS,
    STOP,
    TONE,
    Answer,
    VoiceServer,
    chunk,
    says,
    start,
    voice_server,
    voices,
)
from tests.harness import FakeEngine, until
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.wyoming.engine import WyomingEngine
from wyoming_qwen3tts.engine.wyoming.voices import server_info
from wyoming_qwen3tts.errors import EngineError, SpeechError
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import Phase
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.speech.wyoming_framing import encode_event
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.reader import SegmentReader
from wyoming_qwen3tts.util.backoff import Backoff
from wyoming_qwen3tts.util.instance import INSTANCE

TEXT = "The washing machine is done."
ERROR = b'{"type": "error", "data": {"text": "no such voice: The washing machine is done.", "code": "x"}}\n'


@asynccontextmanager
async def speaking_through(*servers: VoiceServer | tuple[str, int], **wanted: Any) -> AsyncIterator[WyomingEngine]:
    addresses = [server.address if isinstance(server, VoiceServer) else server for server in servers]
    options: dict[str, Any] = {"instance": "ours", "stall_s": 0.5, "backoff": lambda: Backoff(0.01, 0.02), **wanted}
    engine = WyomingEngine(addresses, **options)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


async def parts(*texts: str, language: str = "en") -> AsyncIterator[Segment]:
    for text in texts:
        yield Segment(text, language)


def asking(engine: Any, *texts: str, language: str = "en", **options: Any) -> SpeechRequest:
    segments = options.pop("segments", None) or parts(*(texts or (TEXT,)), language=language)
    voice = next((voice for voice in engine.voices() if voice.language == language), FakeEngine().voices()[0])
    return SpeechRequest(segments, voice, **options)


async def speech(engine: Any, request: SpeechRequest) -> bytes:
    async with engine.speak(request) as audio:
        return b"".join([pcm async for pcm in audio])


# -- who speaks


async def test_its_voices_are_those_that_the_server_tells() -> None:
    async with voice_server() as server, speaking_through(server) as engine:
        assert {(v.name, v.speaker, v.languages) for v in engine.voices()} == {
            ("en_US-joe-medium-en", "en_US-joe-medium", ("en",)),
            ("de_DE-eva_k-x_low-de", "de_DE-eva_k-x_low", ("de",)),
            ("de_DE-thorsten-medium-de", "de_DE-thorsten-medium", ("de",)),
        }


async def test_who_stands_in_offers_one_voice_a_language_the_preferred_one_or_the_middle_grade() -> None:
    async with voice_server() as server:
        async with speaking_through(server, is_stand_in=True) as engine:
            assert [voice.speaker for voice in engine.voices()] == ["en_US-joe-medium", "de_DE-thorsten-medium"]
        async with speaking_through(server, is_stand_in=True, preferred=["DE_de-eva_k-x_low"]) as engine:
            assert [voice.speaker for voice in engine.voices()] == ["en_US-joe-medium", "de_DE-eva_k-x_low"]


async def test_a_segment_of_another_language_is_spoken_by_a_voice_of_that() -> None:
    async with voice_server() as server, speaking_through(server) as engine:
        request = asking(engine, segments=parts("Guten Morgen.", language="de"))

        await speech(engine, request)

    assert server.asked[0].data["voice"] == {"name": "de_DE-thorsten-medium", "language": "de"}


async def test_where_the_server_lacks_a_voice_that_it_tells_of_the_next_one_speaks_the_whole_reply_and_is_named() -> (
    None
):
    info = voices(("en_US-amy-medium", ["en_US"]), ("en_US-joe-medium", ["en_US"]))
    async with voice_server(says(ERROR), SPEAKS, info=info) as server, speaking_through(server) as engine:
        async with engine.speak(asking(engine, "One thing.", "Another.", "A third.")) as audio:
            assert [pcm async for pcm in audio]
            spoken_by = audio.voice
        first, after = engine.voices()[0], engine.origin(engine.voices()[0])

    assert [event.data["voice"]["name"] for event in server.asked] == ["en_US-amy-medium", *["en_US-joe-medium"] * 3]
    assert spoken_by is not None
    assert (spoken_by.name, first.name) == ("en_US-joe-medium-en", "en_US-amy-medium-en")
    assert after is not None
    assert "joe" in after.identity


@pytest.mark.parametrize(
    ("texts", "named"),
    [
        ((Segment("One thing.", "en"), Segment("Noch etwas.", "de")), None),
        ((Segment("Noch etwas.", "de"), Segment("One thing.", "en")), "de_DE-thorsten-medium-de"),
    ],
    ids=["in the voice's language", "in another one"],
)
async def test_a_reply_of_two_languages_is_named_after_who_begins_it(
    texts: tuple[Segment, ...], named: str | None
) -> None:
    async def segments() -> AsyncIterator[Segment]:
        for text in texts:
            yield text

    async with (
        voice_server() as server,
        speaking_through(server) as engine,
        engine.speak(asking(engine, segments=segments())) as audio,
    ):
        assert [pcm async for pcm in audio]
        assert (audio.voice and audio.voice.name) == named

    assert {event.data["voice"]["language"] for event in server.asked} == {"en", "de"}


async def test_new_voices_show_up_and_a_server_that_is_away_takes_none_with_it() -> None:
    async with voice_server() as server, speaking_through(server, refresh_s=0.01) as engine:
        server.info = voices(("nl_NL-mls-medium", ["nl_NL"]))
        await until(lambda: [voice.language for voice in engine.voices()] == ["nl"])
        server.info = b"garbage\n"
        await until(lambda: engine.status.phase is Phase.FAILED)

        assert [voice.language for voice in engine.voices()] == ["nl"]
        assert "nl" in engine.mute_languages()


async def test_the_first_server_that_knows_a_language_speaks_it() -> None:
    english, dutch = voices(("joe", ["en"])), voices(("mls", ["nl", "en"]))
    async with (
        voice_server(info=english) as one,
        voice_server(info=dutch) as two,
        speaking_through(one, two) as engine,
    ):
        await speech(engine, asking(engine, "Good morning."))
        await speech(engine, asking(engine, "Goedemorgen.", language="nl"))

    assert (one.texts, two.texts) == (["Good morning."], ["Goedemorgen."])


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"asr": [{"name": "whisper"}]}, "it offers asr"),
        ({}, "it offers nothing"),
        ({"tts": "x"}, "it offers nothing"),
        ({"tts": [{"name": "x", "voices": []}]}, "none of its voices"),
        ({"tts": [{"voices": [{"name": 3}, {"name": "x", "languages": ["xx-YY", 7]}, 9]}]}, "none of its voices"),
    ],
    ids=["an ear", "nothing", "a word", "nobody", "nonsense"],
)
def test_what_is_no_voice_server_is_told_in_words(info: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        server_info(info)


async def test_a_server_that_is_ourselves_is_refused() -> None:
    info = voices(("ryan-en", ["en"]), instance=INSTANCE)
    async with voice_server(info=info) as server, speaking_through(server, instance=INSTANCE) as engine:
        assert engine.status.phase is Phase.FAILED
        assert "this very server" in engine.status.reason
        assert not engine.voices()


async def test_a_request_that_came_through_us_already_ends_here() -> None:
    info = voices(("ryan-en", ["en"]), instance="theirs")
    async with voice_server(info=info) as server, speaking_through(server) as engine:
        for via in (("ours",), ("theirs",)):
            with pytest.raises(EngineError):
                await speech(engine, asking(engine, via=via))
        assert not server.asked

        await speech(engine, asking(engine, via=("a third",)))

    assert server.asked[0].data["via"] == ["a third", "ours"]


# -- what is heard


@pytest.mark.parametrize(
    ("rate", "width", "channels"),
    [(22_050, 2, 1), (8_000, 2, 2), (16_000, 2, 1), (48_000, 2, 2), (24_000, 1, 1), (24_000, 4, 1), (24_000, 2, 1)],
)
async def test_any_rate_width_and_channels_become_ours(rate: int, width: int, channels: int) -> None:
    wave = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)  # a second
    ints = {1: (wave * 100 + 128).astype(np.uint8), 2: (wave * 10_000).astype("<i2"), 4: (wave * 2**29).astype("<i4")}
    pcm = np.repeat(ints[width], channels).tobytes()
    cut = [chunk(pcm[i : i + 1_001]) for i in range(0, len(pcm), 1_001)]  # within samples
    answer = says(start(rate, width, channels), *cut, STOP)
    async with voice_server(answer) as server, speaking_through(server) as engine:
        heard = np.frombuffer(await speech(engine, asking(engine)), "<i2").astype(float)

    tone = heard[: FORMAT.rate]
    assert len(heard) == pytest.approx(1.15 * FORMAT.rate, rel=0.01)
    spectrum = np.abs(np.fft.rfft(tone))
    assert np.argmax(spectrum) == 440
    assert spectrum[430:451].sum() > 0.9 * spectrum[1:].sum() / 1.5


async def test_the_next_sentence_is_asked_for_while_this_one_plays() -> None:
    async with (
        voice_server() as server,
        speaking_through(server) as engine,
        engine.speak(asking(engine, "One.", "Two.", "Three.")) as audio,
    ):
        await anext(audio)
        await until(lambda: server.texts[:2] == ["One.", "Two."])
        rest = b"".join([pcm async for pcm in audio])

    assert server.texts == ["One.", "Two.", "Three."]
    assert FORMAT.seconds(len(rest)) > 3 * 6 * 0.2


async def test_connections_are_used_again_and_one_that_was_closed_meanwhile_costs_nothing() -> None:
    async with voice_server() as server, speaking_through(server) as engine:
        for _ in range(3):
            await speech(engine, asking(engine))
        assert server.connections == 1
        server.hang_up()

        assert await speech(engine, asking(engine))
        assert server.connections == 2


async def test_a_text_that_is_still_being_written_is_sent_as_it_comes() -> None:
    stopped = encode_event(Event("synthesize-stopped"))
    info = voices(("joe", ["en"]), streaming=True)
    answer = says(start(), *[chunk()] * 6, STOP, stopped)
    async with voice_server(answer, info=info) as server, speaking_through(server) as engine:
        text = TextStream(limit_chars=1000, idle_s=5)
        reader = SegmentReader(text, FrontEnd(language="en"))
        speaking = asyncio.create_task(speech(engine, asking(engine, segments=reader, is_stream=True)))
        for word in TEXT.split(" "):
            text.add(f"{word} ")
            await asyncio.sleep(0.001)
        text.close()
        pcm = await speaking

    kinds = [event.type for event in server.asked]
    assert FORMAT.seconds(len(pcm)) > 1
    assert kinds[0] in ("synthesize-start", "synthesize")
    written = "".join(str(e.data["text"]) for e in server.asked if "text" in e.data)
    assert written.strip() == TEXT


# -- what goes wrong


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(hangs=True), "nothing came for 0.5 s"),
        (says(start(), hangs=True), "nothing came for 0.5 s"),
        (says(start(), chunk(), hangs=True), "nothing came for 0.5 s"),
        (says(start(), chunk(), hangs_up=True), "hung up"),
        (says(start(), chunk()[:40], hangs_up=True), "hung up within an event"),
        (says(start(), b"\x00\xff garbage\n", hangs_up=True), "does not speak Wyoming"),
        (says(start(rate=10_800), chunk(b"\x01"), STOP), "within a sample"),
        (says(start(rate=260_000_000), chunk(), STOP), "260000000 Hz"),
        (says(start(rate="fast"), chunk(), STOP), "'fast' Hz"),
        (says(start(channels=77), chunk(), STOP), "77 channels"),
        (says(start(width=3), chunk(), STOP), "3 bytes"),
        (says(start(), STOP), "no sound"),
        (says(STOP), "no sound"),
        (says(ERROR), "complaint repeats the text"),
        (says(start(), *[chunk(TONE * 100)] * 6, STOP), "does not stop speaking"),
        (says(*[b'{"type": "ping"}\n'] * 50, hangs=True), "nothing came for 0.5 s"),
    ],
    ids=["mute", "begins", "stalls", "dies", "dies inside", "garbles", "half a sample", "a rate that is none",
         "a rate of words", "a choir", "odd samples", "empty", "only an end", "refuses", "endless", "chatters"],
)  # fmt: skip
async def test_what_is_not_whole_is_an_error_in_words(answer: Answer, words: str) -> None:
    async with voice_server(answer) as server, speaking_through(server) as engine:
        with pytest.raises(EngineError) as failed:
            await speech(engine, asking(engine))

    assert words in str(failed.value)
    assert "washing" not in str(failed.value)


@pytest.mark.parametrize("length", range(0, 700, 37))
async def test_cut_at_any_byte_a_reply_is_whole_in_one_voice_or_ends_with_an_error(length: int) -> None:
    whole = start() + chunk(TONE[:200]) + chunk(TONE[:200]) + STOP
    async with voice_server(says(whole[:length], hangs_up=True)) as server, speaking_through(server) as theirs:
        builtin = FakeEngine()
        engine = FailoverEngine(theirs, builtin, patience_s=5)
        async with engine.speak(asking(theirs)) as audio:
            heard = bytearray()
            try:
                async for pcm in audio:
                    heard += pcm
            except SpeechError:
                assert audio.engine == "wyoming"
                assert heard
            else:
                assert (audio.engine == "fake") == bool(builtin.frames_made)
                assert audio.engine == "fake" or length >= len(whole)


async def test_a_server_that_failed_is_not_asked_to_speak_until_it_answers_again() -> None:
    async with voice_server(says(start(), chunk(), hangs_up=True), SPEAKS) as server:
        async with speaking_through(server, backoff=lambda: Backoff(60, 60)) as engine:
            with pytest.raises(EngineError):
                await speech(engine, asking(engine))
            assert engine.status.phase is Phase.FAILED
            with pytest.raises(EngineError):
                await speech(engine, asking(engine))
            assert len(server.asked) == 1
        async with speaking_through(server) as engine:
            assert await speech(engine, asking(engine))


async def test_a_language_that_it_would_not_speak_is_left_alone_and_the_others_are_not() -> None:
    async with voice_server(says(ERROR), says(ERROR), SPEAKS) as server, speaking_through(server) as engine:
        with pytest.raises(EngineError):
            await speech(engine, asking(engine, "Hallo.", language="de"))

        assert set(engine.mute_languages()) == {"de"}
        assert engine.status.can_speak
        assert await speech(engine, asking(engine))


async def test_one_that_is_not_there_stops_nobody() -> None:
    async with voice_server() as server:
        port = server.port
    async with voice_server() as server, speaking_through(("127.0.0.1", port), server) as engine:
        assert engine.status.phase is Phase.DEGRADED
        assert await speech(engine, asking(engine))


async def test_whoever_leaves_hangs_up() -> None:
    async with voice_server(says(start(), chunk(), hangs=True)) as server, speaking_through(server) as engine:
        async with engine.speak(asking(engine)) as audio:
            await anext(audio)
            assert server.open
        await until(lambda: len(server.open) == 0)


# -- in the place of a model

PIPER = os.environ.get("PIPER_SERVER")  # HOST:PORT of a wyoming-piper with an English voice: script/piper-server


@pytest.mark.skipif(not PIPER, reason="no PIPER_SERVER=HOST:PORT; start one with script/piper-server 10299")
async def test_a_real_piper_speaks_english_and_the_built_in_voice_what_it_has_no_voice_for() -> None:
    host, _, port = str(PIPER).rpartition(":")
    async with speaking_through((host, int(port)), is_stand_in=True, stall_s=10) as theirs:
        engine = FailoverEngine(Loading(), FailoverEngine(theirs, FakeEngine(), patience_s=5))
        await engine.start()

        assert await heard_from(engine, "en") == ("wyoming", "en_US-joe-medium-en")
        assert (await heard_from(engine, "de"))[0] == "fake"
        assert FORMAT.seconds(len(await speech(theirs, asking(theirs, TEXT, "It is warm outside.")))) > 2


class Loading(FakeEngine):
    name = "model"

    def voices(self) -> tuple[Any, ...]:
        return ()

    def __init__(self) -> None:
        super().__init__()
        self.status = self.status.__class__(Phase.LOADING)


async def heard_from(engine: FailoverEngine, language: str) -> tuple[str, str]:
    voice = Voice(VoiceName(f"ryan-{language}"), "Ryan", (language,), "model", "ryan")
    request = SpeechRequest(parts(TEXT, language=language), voice)
    async with engine.speak(request) as audio:
        async for _ in audio:
            pass
        return audio.engine, audio.voice.name if audio.voice else ""


async def test_while_the_model_loads_the_stand_in_speaks_what_it_knows_and_the_built_in_voice_the_rest() -> None:
    info = voices(("en_US-joe-medium", ["en_US"]))
    async with voice_server(info=info) as server, speaking_through(server, is_stand_in=True) as theirs:
        builtin = FakeEngine()
        engine = FailoverEngine(Loading(), FailoverEngine(theirs, builtin))
        await engine.start()

        assert await heard_from(engine, "en") == ("wyoming", "en_US-joe-medium-en")
        assert await heard_from(engine, "de") == ("fake", "builtin-de")
        assert server.texts == [TEXT]
        assert engine.status.fallback == "wyoming"


async def test_where_the_stand_in_is_away_the_built_in_voice_speaks() -> None:
    async with voice_server(info=JOE) as server, speaking_through(server, is_stand_in=True) as theirs:
        engine = FailoverEngine(Loading(), FailoverEngine(theirs, FakeEngine(), patience_s=0.2))
        await engine.start()
        server.answers = [says(hangs=True)]

        assert await heard_from(engine, "en") == ("fake", "builtin-en")
        assert "en" in theirs.mute_languages() or not theirs.status.can_speak or server.asked
