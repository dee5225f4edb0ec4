"""What clients of OpenAI and of other speech servers send, and what they get for it."""

from __future__ import annotations

import io
from typing import Any

import httpx
import openai
import pytest
import soundfile
from openai import AsyncOpenAI
from pydantic import ValidationError

from tests.harness import TONE
from tests.servers.http.web import SPEECH, Web, web
from wyoming_qwen3tts.servers.http.foreign_fields import IGNORED
from wyoming_qwen3tts.servers.http.names import MODELS, language_of
from wyoming_qwen3tts.service.reply import Reply
from wyoming_qwen3tts.settings import Http, Settings

KEYS: Any = ("cook:secret-of-the-house",)
PAGE = "https://chat.example.org"


def official(it: Web, **how: Any) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{it.url}/v1", api_key="secret-of-the-house", max_retries=0, **how)


# -- voices


@pytest.mark.parametrize("voice", ["nobody", "builtn-de", "x" * 300, "../../etc/passwd", {"id": "nobody"}, "漢字"])
async def test_an_unknown_voice_is_an_invalid_value_and_three_that_are_there_are_named(voice: Any) -> None:
    async with web() as it, official(it) as client:
        with pytest.raises(openai.BadRequestError) as refused:
            await client.audio.speech.create(model="tts-1", voice=voice, input="Hello.")
        error = refused.value
        names = [found.name for found in it.service.catalog.all()]

    assert error.param == "voice"
    if voice == "x" * 300:  # no name is so long
        return
    assert error.code == "invalid_value"
    assert sum(name in error.message for name in names) == 3
    assert voice != "builtn-de" or "builtin-de" in error.message
    assert "`" not in error.message


# -- fields

IGNORED_BODIES: list[dict[str, Any]] = [
    {"task_type": "CustomVoice", "max_new_tokens": 2048, "initial_codec_chunk_frames": 4},  # vLLM-Omni
    {"lang_code": "a", "return_download_link": False, "volume_multiplier": 1.0},  # Kokoro-FastAPI
    {"normalization_options": {"normalize": True}},  # groxaxo
    {"backend": "openai"},  # LibreChat
    {"user": "me", "temperature": 0.9, "top_p": 1, "extra_params": {"top_k": 5}},
    {"task_type": 7, "user": ["anything"]},
]


@pytest.mark.parametrize("more", IGNORED_BODIES, ids=str)
async def test_fields_of_other_servers_are_ignored_and_named(more: dict[str, Any]) -> None:
    async with web() as it, official(it) as client:
        reply = await client.audio.speech.with_raw_response.create(
            model="tts-1", voice="builtin-de", input="Hallo.", response_format="pcm", extra_body=more
        )

        assert reply.headers["x-tts-ignored"] == ", ".join(more)
        assert it.engine.requests == [("builtin-de", ["Hallo."])]


async def test_all_fields_of_other_servers_at_once_may_be_sent_and_none_is_ours() -> None:
    body: dict[str, Any] = {"input": "Hello.", **dict.fromkeys(IGNORED, 1)}
    async with web() as it:
        reply = await it.post(**body)

        assert reply.status_code == 200
        assert set(reply.headers["x-tts-ignored"].split(", ")) == IGNORED


async def test_nothing_is_said_of_ignored_fields_where_there_are_none() -> None:
    async with web() as it:
        assert "x-tts-ignored" not in (await it.post(input="Hello.")).headers


async def test_speaker_and_instruct_are_voice_and_instructions() -> None:
    async with web() as it:
        reply = await it.post(input="Hallo.", speaker="builtin-de", instruct="softly", voice=None)

        assert reply.status_code == 200
        assert "x-tts-ignored" not in reply.headers
        assert it.engine.requests[0][0] == "builtin-de"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"ref_audio": "https://x.y/z.wav"}, "ref_audio"),
        ({"ref_text": "Hello"}, "ref_text"),
        ({"speaker_embedding": [0.1]}, "speaker_embedding"),
        ({"ref_audio": None, "ref_text": False, "speaker_embedding": None}, None),
    ],
)
async def test_what_would_choose_another_voice_is_refused_with_what_to_do(
    more: dict[str, Any], field: str | None
) -> None:
    async with web() as it:
        reply = await it.post(input="Hello.", **more)

        assert reply.status_code == (200 if field is None else 400)
        if field is not None:
            assert reply.json()["error"]["param"] == field
            assert "POST /v1/audio/voices" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("wrong", "right"), [("vioce", "voice"), ("inptu", "input"), ("formt", None), ("sped", "speed")]
)
async def test_a_misspelt_field_of_ours_is_refused_with_the_right_name(wrong: str, right: str | None) -> None:
    async with web() as it:
        error = (await it.post(input="Hello.", **{wrong: "x"})).json()["error"]

        assert error["param"] == wrong
        assert right is None or f"{right!r}" in error["message"]


OURS = [
    "model",
    "voice",
    "instructions",
    "speed",
    "language",
    "seed",
    "feed",
    "normalize",
    "ssml",
    "volume",
    "chime",
    "response_format",
    "stream_format",
    "stream",
    "keep_alive",
]


@pytest.mark.parametrize("field", OURS)
async def test_null_is_absent(field: str) -> None:
    body: dict[str, Any] = {"input": "Hello.", field: None}
    async with web() as it:
        reply = await it.post(**body)

        assert reply.status_code == 200
        assert reply.headers["content-type"] == "audio/mpeg"


async def test_null_is_no_text() -> None:
    async with web() as it:
        reply = await it.post(input=None)

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "input")


@pytest.mark.parametrize(("form", "kind"), [("MP3", "audio/mpeg"), (" Wav ", "audio/wav"), ("FLAC", "audio/flac")])
async def test_a_format_may_be_written_in_capitals(form: str, kind: str) -> None:
    async with web() as it:
        assert (await it.post(input="Hello.", response_format=form)).headers["content-type"] == kind


@pytest.mark.parametrize(("chars", "status"), [(4096, 200), (4097, 400)])
async def test_instructions_may_be_as_long_as_openai_says(chars: int, status: int) -> None:
    async with web() as it:
        reply = await it.post(input="Hello.", instructions="a" * chars)

        assert reply.status_code == status


# -- models


@pytest.mark.parametrize(
    ("model", "language"),
    [
        ("Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice", None),
        ("hosted_vllm/Qwen/Qwen3-TTS-12Hz-0.6B-Base", None),
        ("qwen3-tts-flash", None),
        ("qwen3-tts-flash-2025-11-27", None),
        ("tts-1-1106", None),
        ("tts-1-hd-1106", None),
        ("gpt-4o-mini-tts-2025-12-15", None),
        ("openai/tts-1", None),
        ("openai:tts-1-hd", None),
        ("openai/tts-1-de", "de"),
        ("tts-1-de", "de"),
        ("TTS-1", None),
        ("kokoro", None),
        ("Kokoro-82M", None),
        ("speaches-ai/Kokoro-82M-v1.0-ONNX", None),
        ("piper", None),
        ("eleven_multilingual_v2", None),
        ("chatterbox-turbo", None),
        ("kokoro-fr", "fr"),
        ("", None),
        ("  ", None),
    ],
)
async def test_models_of_other_names_are_this_one(model: str, language: str | None) -> None:
    assert language_of(model) == language
    async with web() as it:
        assert (await it.post(input="Hello.", model=model)).status_code == 200
        listed = [found["id"] for found in (await it.client.get("/v1/models")).json()["data"]]

        assert model == "tts-1-de" or model not in listed


@pytest.mark.parametrize(("model", "near"), [("tts-2", "tts-1"), ("tts-1-xx", "tts-1"), ("qwen3-tts-xx", "qwen3-tts")])
async def test_a_model_that_nobody_knows_is_not_found(model: str, near: str) -> None:
    async with web() as it, official(it) as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.audio.speech.create(model=model, voice="alloy", input="Hello.")
        assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
        assert near in refused.value.message


async def test_open_webui_finds_the_models() -> None:
    async with web() as it:
        found = (await it.client.get("/v1/audio/models")).json()

        assert [model["id"] for model in found["models"]] == [model["id"] for model in found["data"]] == list(MODELS)
        assert (await it.client.get("/v1/models/Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice")).status_code == 200


# -- too long


@pytest.mark.parametrize("chars", [8_001, 70_000, 200_000])
async def test_a_text_that_is_too_long_is_the_inputs_fault(chars: int) -> None:
    async with web() as it:
        reply = await it.post(input="a" * chars)

        assert reply.status_code == 413
        assert reply.json()["error"]["param"] == "input"


async def test_a_text_that_is_too_long_without_a_length_is_the_inputs_fault_too() -> None:
    async def body() -> Any:
        yield b'{"input": "'
        for _ in range(100):
            yield b"a" * 1000
        yield b'"}'

    async with web() as it:
        reply = await it.client.post(SPEECH, content=body(), headers={"Content-Type": "application/json"})

        assert (reply.status_code, reply.json()["error"]["param"]) == (413, "input")


# -- watchdogs

WATCHED = ["/health", "/health/", "/health/live", "/health/ready", "/v1/models", "/v1/models/", "/metrics"]


@pytest.mark.parametrize("path", WATCHED)
async def test_watchdogs_may_ask_by_head(path: str) -> None:
    async with web() as it:
        asked, headed = await it.client.get(path), await it.client.head(path)

        assert (asked.status_code, headed.status_code) == (200, 200)
        assert headed.content == b""
        assert headed.headers["content-type"] == asked.headers["content-type"]


async def test_health_needs_no_key_and_everything_else_does() -> None:
    async with web(settings=Settings(http=Http(api_keys=KEYS))) as it, httpx.AsyncClient(base_url=it.url) as anybody:
        found = {path: (await anybody.head(path)).status_code for path in WATCHED}

    assert found == {path: 200 if path.startswith("/health") else 401 for path in WATCHED}


# -- addresses


@pytest.mark.parametrize(
    ("path", "right"),
    [
        ("/audio/speech", "/v1/audio/speech"),
        ("/v1/v1/audio/speech", "/v1/audio/speech"),
        ("/api/v1/audio/speech", "/v1/audio/speech"),
        ("/models", "/v1/models"),
        ("/v1/health", "/health"),
        ("/v1/nothing", None),
    ],
)
async def test_a_wrong_base_url_is_told_the_right_address(path: str, right: str | None) -> None:
    async with web() as it:
        reply = await it.post(path, input="Hello.")
        message = reply.json()["error"]["message"]

        assert reply.status_code == 404
        assert (f"is {right}." in message) if right else ("/docs" in message)


async def test_a_slash_at_the_end_just_works() -> None:
    async with web() as it:
        assert (await it.post(f"{SPEECH}/", input="Hello.")).status_code == 200


# -- pages of other sites


def allowing(*origins: str, keys: Any = ()) -> Settings:
    return Settings(http=Http(origins=origins, api_keys=keys))


@pytest.mark.parametrize("path", [SPEECH, "/v1/models", "/v1/nothing"])
async def test_a_page_that_is_listed_may_ask_and_is_told_errors_too(path: str) -> None:
    async with web(settings=allowing(PAGE, keys=KEYS)) as it:
        for headers in ({}, {"Authorization": "Bearer wrong-key"}):
            reply = await it.client.get(path, headers={"Origin": PAGE, **headers})
            assert reply.headers["access-control-allow-origin"] == PAGE
            assert reply.headers["vary"] == "Origin"
            assert "X-TTS-Voice" in reply.headers["access-control-expose-headers"]


async def test_a_browser_asks_first_without_a_key() -> None:
    async with web(settings=allowing(PAGE, keys=KEYS)) as it, httpx.AsyncClient(base_url=it.url) as browser:
        asked = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        reply = await browser.options(SPEECH, headers=asked)
        stranger = await browser.options(SPEECH, headers={**asked, "Origin": "https://evil.example"})
        spoken = await it.client.post(SPEECH, json={"input": "Hello."}, headers={"Origin": PAGE})

    assert reply.status_code == 204
    assert reply.headers["access-control-allow-origin"] == PAGE
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert {"Authorization", "Content-Type"} <= set(reply.headers["access-control-allow-headers"].split(", "))
    assert reply.headers["vary"] == "Origin"
    assert spoken.status_code == 200
    assert stranger.status_code == 403
    assert "access-control-allow-origin" not in stranger.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://chat.example.org", f"{PAGE}:8443", "null", f"{PAGE}.evil.example"]
)
async def test_a_page_that_is_not_listed_is_refused(origin: str) -> None:
    for settings in (Settings(), allowing(PAGE)):
        async with web(settings=settings) as it:
            reply = await it.client.post(SPEECH, json={"input": "Hello."}, headers={"Origin": origin})

            assert reply.status_code == 403
            assert "http.origins" in reply.json()["error"]["message"]
            assert "access-control-allow-origin" not in reply.headers


async def test_without_origins_nothing_is_said_of_them() -> None:
    async with web() as it:
        reply = await it.post(input="Hello.")

        assert not {"vary", "access-control-allow-origin"} & set(reply.headers)


async def test_every_page_may_be_let_in_where_there_are_keys() -> None:
    async with web(settings=allowing("*", keys=KEYS)) as it:
        reply = await it.client.get("/v1/models", headers={"Origin": "https://any.example"})

        assert reply.headers["access-control-allow-origin"] == "https://any.example"


@pytest.mark.parametrize(
    "origins", ["*", "chat.example.org", f"{PAGE}/", f"{PAGE}/app", "ftp://x.example", "https://", "null"]
)
def test_an_origin_is_as_browsers_send_it(origins: str) -> None:
    with pytest.raises(ValidationError, match="api_keys" if origins == "*" else "must look like"):
        Http(origins=origins)  # type: ignore[arg-type]  # as typed by people


def test_origins_may_be_a_list_as_typed() -> None:
    assert Http(origins=f"{PAGE}, HTTP://192.168.1.2:3000").origins == (PAGE, "http://192.168.1.2:3000")  # type: ignore[arg-type]


async def test_a_page_that_is_listed_may_open_a_websocket() -> None:
    from tests.servers.http.routers.test_websocket import heard, send, talking, text

    async with web(settings=allowing(PAGE)) as it, talking(it, origin=PAGE) as socket:
        await send(socket, text("Hello."), "input.done")
        assert (await heard(socket))[0][-1]["type"] == "session.done"


# -- lengths


def length_in(form: str, body: bytes) -> int | None:
    """Samples, as a reader that needs to know them finds them; None where the format has no place for it."""
    return len(soundfile.read(io.BytesIO(body))[0]) if form in ("wav", "flac") else None


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "opus", "pcm"])
async def test_a_text_of_one_segment_that_is_made_in_one_go_has_its_length(form: str) -> None:
    async with web() as it:
        reply = await it.post(input="Hello there.", response_format=form)

        assert int(reply.headers["content-length"]) == len(reply.content)
        assert length_in(form, reply.content) in (None, 3 * len(TONE) // 2)


async def never(_: Reply) -> bool:
    return False


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "pcm"])
async def test_a_recording_has_its_length_in_every_format(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reply, "is_one_segment", never)  # which would be reason enough
    async with web() as it:
        speak = it.service.speak

        def from_recording(*asked: Any) -> Any:
            from contextlib import asynccontextmanager

            @asynccontextmanager
            async def marked() -> Any:
                async with speak(*asked) as reply:
                    reply.stats.is_cached = True
                    yield reply

            return marked()

        it.service.speak = from_recording  # type: ignore[method-assign,assignment]
        reply = await it.post(input="Hello there. It is warm outside, and dry.", response_format=form)

        assert int(reply.headers["content-length"]) == len(reply.content)
        assert length_in(form, reply.content) in (None, (3 + 6) * len(TONE) // 2)


async def test_what_is_still_being_made_has_none() -> None:
    async with web() as it:
        several = await it.post(
            input="The first sentence is here. And here comes the second one.", response_format="wav"
        )

        assert "content-length" not in several.headers
