"""What Home Assistant's client does, through the real `wyoming` library: `wyoming-ha.md` section 2, line by line."""

from __future__ import annotations

import asyncio

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

from tests.harness import TONE, FakeEngine, Server, serving
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.speech.audio_format import FORMAT


async def events(server: Server, *send: Event, last: str) -> list[Event]:
    """What the library's own client receives after ``send``, up to ``last``."""
    received = []
    async with AsyncTcpClient("127.0.0.1", server.door.port) as client:
        for event in send:
            await client.write_event(event)
        while event := await client.read_event():
            received.append(event)
            if event.type == last:
                break
    return received


async def test_describe_names_one_installed_program_with_every_voice() -> None:
    async with serving() as server:
        received = await events(server, Describe().event(), last="info")
    info = Info.from_event(received[0])
    program = info.tts[0]

    assert len(info.tts) == 1
    assert (program.name, program.installed, program.supports_synthesize_streaming) == ("qwen3-tts", True, True)
    assert {voice.name for voice in program.voices} == {
        f"builtin-{c}" for c in ["de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "zh"]
    }
    assert all(voice.installed and voice.languages and voice.description for voice in program.voices)
    german = next(voice for voice in program.voices if voice.name == "builtin-de")
    assert german.languages == ["de", "de-DE", "de-AT", "de-CH"]


async def test_a_plain_request_is_start_chunks_stop() -> None:
    async with serving() as server:
        received = await events(server, Synthesize("Hello there.").event(), last="audio-stop")
    start = AudioStart.from_event(received[0])
    chunks = [AudioChunk.from_event(event) for event in received[1:-1]]

    assert (start.rate, start.width, start.channels) == (24_000, 2, 1)
    assert {(c.rate, c.width, c.channels) for c in chunks} == {(24_000, 2, 1)}
    assert all(len(c.audio) % 2 == 0 and len(c.audio) <= 4 * FORMAT.frame_bytes for c in chunks)
    assert AudioStop.is_type(received[-1].type)


async def test_a_reply_of_a_language_model_is_one_start_many_chunks_one_stop_and_stopped() -> None:
    text = "The kitchen light is on. The window in the hall is open. Shall I close it?"
    voice = SynthesizeVoice(name="builtin-en")
    async with serving() as server:
        received = await events(
            server,
            SynthesizeStart(voice=voice).event(),
            *[SynthesizeChunk(text[i : i + 3]).event() for i in range(0, len(text), 3)],
            Synthesize(text, voice=voice).event(),
            SynthesizeStop().event(),
            last="synthesize-stopped",
        )
        spoken = server.engine.requests[0][1]
    types = [event.type for event in received]

    assert types.count("audio-start") == types.count("audio-stop") == 1
    assert types[0] == "audio-start"
    assert types[-2:] == ["audio-stop", "synthesize-stopped"]
    assert SynthesizeStopped.is_type(received[-1].type)
    assert " ".join(spoken) == text


async def test_silence_goes_out_while_the_text_pauses_and_is_counted_apart() -> None:
    told: list[RequestStats] = []
    async with serving() as server, AsyncTcpClient("127.0.0.1", server.door.port) as client, asyncio.timeout(5):
        server.service.observe(told.append)
        await client.write_event(SynthesizeStart(voice=SynthesizeVoice(name="builtin-en")).event())
        await client.write_event(SynthesizeChunk("Let me look that up. ").event())
        silent = 0
        while silent < 3:
            event = await client.read_event()
            assert event is not None
            silent += AudioChunk.is_type(event.type) and not any(AudioChunk.from_event(event).audio)
        await client.write_event(SynthesizeChunk("It is sunny.").event())
        await client.write_event(SynthesizeStop().event())
        while event is not None and not SynthesizeStopped.is_type(event.type):
            event = await client.read_event()
        assert server.engine.requests[0][1] == ["Let me look that up.", "It is sunny."]

    assert told[0].audio_bytes == len(TONE) * 8
    assert told[0].silence_bytes >= 3 * len(FORMAT.silence(0.1))


async def test_the_cuts_of_the_text_never_change_what_is_spoken() -> None:
    text = "It is 21.5 degrees, Dr. Smith said at 9 a.m. on Monday. Next: 1. milk 2. bread\nAnd that was it"
    async with serving() as server:
        for size in (1, 2, 7, 30, len(text)):
            await events(
                server,
                SynthesizeStart().event(),
                *[SynthesizeChunk(text[i : i + size]).event() for i in range(0, len(text), size)],
                SynthesizeStop().event(),
                last="synthesize-stopped",
            )
        spoken = [texts for _, texts in server.engine.requests]

    assert all(texts == spoken[0] for texts in spoken)


async def test_the_language_is_told_from_the_text_when_no_voice_is_named() -> None:
    """Home Assistant never sends it."""
    async with serving() as server:
        for text in (
            "Die Waschmaschine ist fertig und die Wäsche kann aufgehängt werden.",
            "The washing machine is done and the laundry can be hung up.",
            "La machine à laver est terminée et le linge peut être étendu.",
            "La lavadora ha terminado y la ropa se puede tender.",
            "La lavatrice ha finito e i panni si possono stendere.",
            "A máquina de lavar terminou e a roupa pode ser estendida.",
            "Стирка закончена, бельё можно развешивать.",
            "洗衣机已经洗好了。",
            "洗濯が終わりました。",
            "세탁이 끝났습니다.",
            "OK",
        ):
            await events(server, Synthesize(text).event(), last="audio-stop")
        voices = [voice for voice, _ in server.engine.requests]

    assert voices == [f"builtin-{c}" for c in ["de", "en", "fr", "es", "it", "pt", "ru", "zh", "ja", "ko", "en"]]


async def test_a_qwen_speaker_is_spoken_by_the_built_in_voice_of_its_language() -> None:
    async with serving() as server:
        for name in ("ryan-de", "Vivian", "UNCLE_FU-zh", "BUILTIN-FR"):
            await events(server, Synthesize("OK then.", voice=SynthesizeVoice(name=name)).event(), last="audio-stop")

        assert [voice for voice, _ in server.engine.requests] == [
            "builtin-de",
            "builtin-en",
            "builtin-zh",
            "builtin-fr",
        ]


async def test_ping_is_answered_while_speaking() -> None:
    async with serving() as server:
        server.engine.release.clear()
        async with AsyncTcpClient("127.0.0.1", server.door.port) as client:
            await client.write_event(Synthesize("A sentence in progress.").event())
            await client.write_event(Ping(text="still there?").event())
            received = [await client.read_event() for _ in range(2)]

    pongs = [event for event in received if event and Pong.is_type(event.type)]
    assert Pong.from_event(pongs[0]).text == "still there?"


async def test_describe_is_answered_at_once_while_four_are_spoken_to() -> None:
    """P2: 99 of 100 times the four hear only a few frames more until then."""
    engine = FakeEngine()
    async with serving(engine) as server:
        talking = [asyncio.create_task(server.speak("A rather long sentence. " * 300)) for _ in range(4)]
        frames = []
        while not all(task.done() for task in talking):
            made = engine.frames_made
            await events(server, Describe().event(), last="info")
            frames.append(engine.frames_made - made)
        await asyncio.gather(*talking)

    assert sorted(frames)[int(len(frames) * 0.99)] < 100


async def test_an_error_says_what_to_do_and_then_the_connection_ends() -> None:
    async with serving() as server:
        received = await events(server, Synthesize("Hi.", voice=SynthesizeVoice(name="bob")).event(), last="never")

    assert [event.type for event in received] == ["error"]
    assert received[0].data["code"] == "unknown-voice"
    assert "bob" in received[0].data["text"]


async def test_ssml_tags_are_not_read_aloud() -> None:
    async with serving() as server:
        await events(
            server,
            Event(
                "synthesize", {"text": "<speak>Hello <break time='1s'/> world &amp; all</speak>", "text_format": "ssml"}
            ),
            last="audio-stop",
        )

        assert " ".join(server.engine.requests[0][1]) == "Hello world and all"
