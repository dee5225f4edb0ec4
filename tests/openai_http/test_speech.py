"""``POST /v1/audio/speech``: what comes back, and when."""

from __future__ import annotations

from typing import Any

from tests.harness import TONE, FakeEngine
from tests.openai_http.web import SPEECH, web
from wyoming_qwen3tts.audio.wav import UNKNOWN_LENGTH, wav_header
from wyoming_qwen3tts.speech import SpeechRequest


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
        reply = await it.post(input="Hello there.", response_format="wav")

        assert reply.content == wav_header(UNKNOWN_LENGTH) + TONE * 3
        assert reply.headers["content-type"] == "audio/wav"


async def test_sound_is_sent_while_the_rest_is_still_being_made() -> None:
    class HaltsOnce(FakeEngine):
        async def _frames(self, request: SpeechRequest) -> Any:
            async for pcm in super()._frames(request):
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
