"""``POST /v1/audio/speech``: what comes back, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.harness import TONE, FakeEngine
from tests.servers.http.web import SPEECH, request, web
from wyoming_qwen3tts.audio.wav import UNKNOWN_LENGTH, wav_header
from wyoming_qwen3tts.servers.http.names import VOICES, stands_for
from wyoming_qwen3tts.service.admission import Permit
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.reply import Reply
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.voices.speakers import QWEN_SPEAKERS


async def test_pcm_is_the_engines_own_and_the_headers_say_who_speaks() -> None:
    async with web() as it:
        reply = await it.post(input="Hello there.", voice="builtin-de", response_format="pcm")

        assert reply.content == TONE * 3
        assert reply.headers["content-type"] == "audio/pcm"
        assert reply.headers["x-tts-engine"] == "fake"
        assert reply.headers["x-tts-voice"] == "builtin-de"
        assert it.engine.requests == [("builtin-de", ["Hello there."])]


async def test_wav_starts_with_a_header_that_leaves_the_length_open() -> None:
    async with web() as it:
        reply = await it.post(input="The first sentence is here. And a second.", response_format="wav")

        assert reply.content == wav_header(UNKNOWN_LENGTH) + TONE * (6 + 3)
        assert reply.headers["content-type"] == "audio/wav"


async def test_sound_is_sent_while_the_rest_is_still_being_made() -> None:
    class HaltsOnce(FakeEngine):
        async def _frames(self, wanted: SpeechRequest) -> Any:
            async for pcm in super()._frames(wanted):
                if self.frames_made == 1:
                    self.release.clear()
                yield pcm

    async with web(engine=HaltsOnce()) as it:
        body = {"input": "Hello there, this takes a while.", "response_format": "pcm"}
        async with it.client.stream("POST", SPEECH, json=body) as reply:
            first = await anext(reply.aiter_raw())

            assert first == TONE
            assert it.engine.frames_made == 1
            it.engine.release.set()


async def test_a_recording_is_sent_as_a_wav_that_says_how_long_it_is() -> None:
    async with web() as it:
        speak = it.service.speak

        @asynccontextmanager
        async def from_the_cache(
            text: TextStream, options: SpeechOptions, permit: Permit | None = None
        ) -> AsyncIterator[Reply]:
            async with speak(text, options, permit) as speech:
                speech.stats.is_cached = True
                yield speech

        it.service.speak = from_the_cache  # type: ignore[method-assign]
        reply = await it.post(input="Hello there.", response_format="wav")

        assert reply.content == wav_header(3 * len(TONE)) + TONE * 3
        assert reply.headers["content-length"] == str(len(reply.content))


async def test_a_connection_serves_many_requests() -> None:
    async with web() as it:
        for _ in range(5):
            assert (await it.post(input="Hello there.")).status_code == 200

        assert it.door.connections == 1


async def test_a_text_without_a_word_is_a_moment_of_silence() -> None:
    """An error would fail the whole pipeline of an assistant whose model answered with an emoji."""
    async with web() as it:
        reply = await it.post(input="😀", response_format="pcm")

        assert reply.content == bytes(4800)
        assert not it.engine.requests


async def test_what_fails_in_the_middle_of_events_is_told_as_the_last_event() -> None:
    """The response ends as it should: of one that is cut a browser drops what was not read yet, the reason too."""
    async with web(engine=FakeEngine(fail_at=2)) as it:
        told: list[RequestStats] = []
        it.service.observe(told.append)
        wire = await it.wire()
        await wire.send(request({"input": "Hello there.", "stream_format": "sse", "response_format": "pcm"}))
        everything = await wire.reader.read()
        it.engine._fail_at = None

        assert b'"type":"error"' in everything
        assert b"The scripted fault." in everything
        assert b"speech.audio.done" not in everything
        assert everything.endswith(b"0\r\n\r\n")
        assert [stats.error is not None for stats in told] == [True]  # it counts as what failed


async def test_one_of_our_own_voices_may_be_called_like_openais() -> None:
    class Alloyed(FakeEngine):
        def voices(self) -> tuple[Voice, ...]:
            return (*super().voices(), Voice(VoiceName("Alloy"), "Alloy", ("de",), self.name, "alloy"))

    async with web(Alloyed()) as it:
        ours = await it.post(input="Hello.", voice="alloy")
        none = await it.post(input="Hello.", voice="default")

        assert ours.headers["x-tts-voice"] == "Alloy"
        assert none.headers["x-tts-voice"] == "builtin-en"


async def test_every_openai_voice_stands_for_a_speaker_that_was_published() -> None:
    assert {speaker for speaker in VOICES.values() if speaker} <= set(QWEN_SPEAKERS)
    ryan = Voice(VoiceName("ryan-en"), "Ryan", ("en",), "qwen3", "ryan")
    sohee = Voice(VoiceName("sohee-ko"), "Sohee", ("ko",), "qwen3", "sohee")
    assert (stands_for(ryan), stands_for(sohee)) == (["alloy", "echo"], ["alloy", "sage"])
