"""The official client drives every route, over a real socket."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.audio.speech_create_params import Voice as OpenAiVoice

from tests.engine.studio import by_text, studio
from tests.harness import TONE, FakeEngine
from tests.servers.http.studio import FakeStudio
from tests.servers.http.web import Web, web
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.servers.http.names import VOICES
from wyoming_qwen3tts.settings import Http, Settings, Voices


@asynccontextmanager
async def official(folder: Path, engine: Any = None, **how: Any) -> AsyncIterator[tuple[AsyncOpenAI, Web]]:
    """The client as people make it, but for the address."""
    keys: Any = ("cook:secret-word",)
    settings = Settings(voices=Voices(cloning=True), http=Http(api_keys=keys), data_dir=folder)
    async with (
        web(engine, settings, **how) as it,
        AsyncOpenAI(base_url=f"{it.url}/v1", api_key="secret-word", max_retries=2) as client,
    ):
        yield client, it


async def test_create_returns_the_whole_speech_in_every_format(tmp_path: Path) -> None:
    async with official(tmp_path) as (client, _):
        for form, start in {"mp3": b"\xff", "opus": b"OggS", "aac": b"\xff", "flac": b"fLaC", "wav": b"RIFF"}.items():
            speech = await client.audio.speech.create(
                model="tts-1",
                voice="alloy",
                input="Hello there.",
                response_format=form,  # type: ignore[arg-type]
            )
            assert speech.content.startswith(start), form
        pcm = await client.audio.speech.create(
            model="tts-1", voice="alloy", input="Hello there.", response_format="pcm"
        )

        assert pcm.content == TONE * 3


async def test_streaming_hands_over_the_first_frame_before_the_second_is_made(tmp_path: Path) -> None:
    class HaltsOnce(FakeEngine):
        async def _frames(self, request: Any) -> Any:
            async for pcm in super()._frames(request):
                if self.frames_made == 1:
                    self.release.clear()
                yield pcm

    async with official(tmp_path, HaltsOnce()) as (client, it):
        async with client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="coral", input="A sentence that takes a while.", response_format="pcm"
        ) as speech:
            pieces = speech.iter_bytes()
            first = await anext(pieces)
            made = it.engine.frames_made
            it.engine.release.set()
            rest = b"".join([piece async for piece in pieces])

        assert (len(first), made) == (len(TONE), 1)
        assert len(rest) == 6 * len(TONE)


async def test_events_carry_the_sound_and_end_with_the_usage(tmp_path: Path) -> None:
    async with official(tmp_path) as (client, _):
        async with client.audio.speech.with_streaming_response.create(
            model="gpt-4o-mini-tts", voice="marin", input="Hello there.", response_format="pcm", stream_format="sse"
        ) as speech:
            lines = [line async for line in speech.iter_lines() if line]

        events = [json.loads(line.removeprefix("data: ")) for line in lines]
        sound = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
        assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
        assert events[-1] == {
            "type": "speech.audio.done",
            "usage": {"input_tokens": 3, "output_tokens": 3, "total_tokens": 6},
        }
        assert sound == TONE * 3


async def test_all_of_openais_voices_speak_and_in_the_language_that_is_asked_for(tmp_path: Path) -> None:
    """Also the object form, and fields of our own by `extra_body`."""
    names = [name for part in get_args(OpenAiVoice) for name in get_args(part)]
    assert sorted(VOICES) == sorted(names)
    async with official(tmp_path) as (client, it):
        for name in names:
            await client.audio.speech.create(
                model="tts-1", voice=name, input="Guten Tag.", extra_body={"language": "de-AT"}, response_format="pcm"
            )
        await client.audio.speech.create(
            model="tts-1-fr", voice={"id": "echo"}, input="Bonjour.", response_format="pcm"
        )

        assert {voice for voice, _ in it.engine.requests[:-1]} == {"builtin-de"}
        assert it.engine.requests[-1][0] == "builtin-fr"


async def test_the_words_none_as_instructions_are_no_instructions(tmp_path: Path) -> None:
    """D9: Home Assistant's own OpenAI client sends them."""
    wishes: list[Any] = []

    class Listening(FakeEngine):
        async def _frames(self, request: Any) -> Any:
            wishes.append(request.instruct)
            async for pcm in super()._frames(request):
                yield pcm

    async with official(tmp_path, Listening()) as (client, _):
        for instructions in ("None", " ", "Whisper."):
            await client.audio.speech.create(model="tts-1", voice="alloy", input="Hi.", instructions=instructions)

    assert wishes[:3] == [None, None, "Whisper."]


async def test_a_wav_can_be_read_by_the_standard_library(tmp_path: Path) -> None:
    async with official(tmp_path) as (client, _):
        speech = await client.audio.speech.create(model="tts-1", voice="alloy", input="Hi.", response_format="wav")

    with wave.open(io.BytesIO(speech.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.readframes(10_000_000) == TONE


@pytest.mark.parametrize(
    ("how", "error", "code", "param"),
    [
        ({"voice": "nobody"}, openai.BadRequestError, "invalid_value", "voice"),
        ({"model": "gpt-5"}, openai.NotFoundError, "model_not_found", "model"),
        ({"input": ""}, openai.BadRequestError, "invalid-value", "input"),
        ({"speed": 9}, openai.BadRequestError, "invalid-value", "speed"),
        ({"input": "a " * 5_000}, openai.APIStatusError, "text-too-long", "input"),
        ({"extra_body": {"seeed": 1}}, openai.BadRequestError, "invalid-value", "seeed"),
    ],
    ids=["voice", "model", "empty", "speed", "long", "misspelt"],
)
async def test_errors_arrive_with_code_param_and_type_at_the_first_attempt(
    tmp_path: Path, how: Any, error: type[openai.APIStatusError], code: str, param: str
) -> None:
    async with official(tmp_path) as (client, it):
        with pytest.raises(error) as caught:
            await client.audio.speech.create(**({"model": "tts-1", "voice": "alloy", "input": "Hello."} | how))

        assert (caught.value.code, caught.value.param) == (code, param)
        assert caught.value.type in ("invalid_request_error", "not_found_error")
        assert caught.value.request_id
        assert not it.engine.requests


async def test_a_wrong_key_is_an_authentication_error(tmp_path: Path) -> None:
    async with official(tmp_path) as (client, _):
        with pytest.raises(openai.AuthenticationError) as caught:
            await client.with_options(api_key="wrong").models.list()

    assert caught.value.code == "invalid-api-key"


async def test_a_failed_speech_is_asked_for_once_and_a_busy_server_again(tmp_path: Path) -> None:
    """D8: each attempt costs the engine seconds; but whoever is told `Retry-After` may come again."""
    async with official(tmp_path, FakeEngine(fail_at=0)) as (client, it):
        with pytest.raises(openai.InternalServerError) as failed:
            await client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
        attempts = len(it.engine.requests)
        it.engine._fail_at = None

        assert failed.value.code == "engine-failed"
        assert attempts == 1

    async with official(tmp_path, slots=1, limits={"queue": 0}) as (client, it):
        it.engine.release.clear()
        first = asyncio.create_task(client.audio.speech.create(model="tts-1", voice="alloy", input="Hello."))
        await asyncio.sleep(0.05)
        reply = await it.post(input="And me?")
        it.engine.release.set()
        await first

        assert (reply.status_code, reply.headers["retry-after"], reply.headers["x-should-retry"]) == (503, "2", "true")
        assert reply.json()["error"]["code"] == "busy"


async def test_models_are_listed_and_found(tmp_path: Path) -> None:
    async with official(tmp_path) as (client, _):
        names = [model.id async for model in await client.models.list()]
        one = await client.models.retrieve("tts-1-hd-de")
        dated = await client.models.retrieve("gpt-4o-mini-tts-2025-12-15")
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("whisper-1")

    assert {"qwen3-tts", "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "tts-1-zh"} <= set(names)
    assert (one.id, dated.id) == ("tts-1-hd-de", "gpt-4o-mini-tts-2025-12-15")


async def test_the_tiny_model_speaks_to_the_official_client(tmp_path: Path) -> None:
    """The engine itself instead of a fake, on random weights: nobody understands a word."""
    folder = write_tiny_checkpoint(tmp_path / "model", "custom_voice")
    async with studio(folder, ends=by_text) as room:
        room_engine: Any = room.engine
        async with official(tmp_path, room_engine) as (client, _):
            async with client.audio.speech.with_streaming_response.create(
                model="qwen3-tts-en",
                voice="echo",
                input="The light is on.",
                response_format="pcm",
                extra_body={"seed": 1},
            ) as speech:
                sound = b"".join([piece async for piece in speech.iter_bytes()])
                who = speech.headers["x-tts-voice"], speech.headers["x-tts-engine"]
            mp3 = await client.audio.speech.create(model="tts-1", voice="nova", input="The light is on.")

    assert who == ("ryan-en", "qwen3")
    assert len(sound) > 10 * len(TONE)
    assert mp3.content[:1] == b"\xff"


async def test_a_custom_voice_is_made_from_a_consent_and_a_clip_spoken_and_deleted(tmp_path: Path) -> None:
    async with official(tmp_path, studio=FakeStudio()) as (client, it):
        consents = client.audio.voice_consents
        consent = await consents.create(name="Anna", language="de-AT", recording=("yes.wav", b"I agree", "audio/wav"))
        renamed = await consents.update(consent.id, name="Anna B.")
        listed = [one.id async for one in await consents.list(limit=1)]
        found = await consents.retrieve(consent.id)
        voice = await client.audio.voices.create(
            name="anna", consent=consent.id, audio_sample=("clip.wav", b"a voice", "audio/wav")
        )
        speech = await client.audio.speech.with_raw_response.create(
            model="gpt-4o-mini-tts", voice={"id": voice.id}, input="Hello."
        )
        gone = await client.audio.voices.delete(voice.id)
        forgotten = await consents.delete(consent.id)
        designed = await client.audio.voices.create(name="captain", type="prompt", prompt="An old sailor.")

    assert (renamed.name, listed, found.language) == ("Anna B.", [consent.id], "de-AT")
    assert (voice.object, voice.type) == ("audio.voice", "audio_sample")
    assert speech.headers["x-tts-voice"] == "anna"
    assert gone.deleted
    assert forgotten.deleted
    assert designed.type == "prompt"
    assert it.service.active == 0
