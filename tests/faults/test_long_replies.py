"""Findings 17, 23, 24: a reply ends properly at the limit of its sound; a break is heard; what could not be loaded
keeps nobody waiting."""

from __future__ import annotations

import json

import pytest
from websockets.asyncio.client import connect as websocket

from tests.harness import FakeEngine, kinds, pcm, serving, start, synthesize
from tests.harness import chunk as text_chunk
from tests.servers.http.web import SPEECH, web
from wyoming_qwen3tts.audio.encode import MEDIA_TYPES
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.text.language import detect
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

FRAMES = 25  # two seconds
LIMIT_S = FRAMES * 0.08


def words(frames: int) -> str:
    """A sentence for which the fake engine makes so many frames."""
    return "a" * (5 * (frames - 1)) + "."


@pytest.mark.parametrize(("frames", "is_noted"), [(FRAMES - 1, False), (FRAMES, False), (FRAMES + 1, True), (90, True)])
@pytest.mark.parametrize("streaming", [False, True])
async def test_over_wyoming_it_ends_at_the_limit_with_a_proper_end(
    caplog: pytest.LogCaptureFixture, frames: int, is_noted: bool, streaming: bool
) -> None:
    caplog.set_level("INFO")
    async with serving(reply_audio_s=LIMIT_S) as server:
        wire = await server.connect()
        end = "synthesize-stopped" if streaming else "audio-stop"
        text = words(frames)
        await wire.send(*([start(), text_chunk(text), "synthesize-stop"] if streaming else [synthesize(text)]))
        events = await wire.until(end, "error")

        assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop"] + ["synthesize-stopped"] * streaming
        assert len(pcm(events)) == min(frames, FRAMES) * FORMAT.frame_bytes
        assert server.engine.speaking == 0
        lines = [r.message for r in caplog.records if "by fake" in r.message]
        assert ["minutes of sound, see limits.reply_audio_s" in line for line in lines] == [is_noted]


async def test_pauses_count_as_well_as_speech() -> None:
    engine = BuiltinEngine()
    await engine.start()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(reply_audio_s=12), slots=1)
    text = service.whole_text('a.<break time="9s"/>' * 5)
    async with service.speak(text, SpeechOptions("builtin-en", ssml=True)) as reply:
        heard = sum([len(pcm) async for pcm in reply])
    await service.close()

    assert FORMAT.seconds(heard) == 12


@pytest.mark.parametrize("form", [form for form in MEDIA_TYPES if form != "aac"])
async def test_in_every_format_the_end_is_proper(form: str) -> None:
    async with web(limits={"reply_audio_s": LIMIT_S}) as it:
        longest = await it.post(input=words(FRAMES), response_format=form)
        longer = await it.post(input=words(FRAMES + 40), response_format=form)

        assert (longest.status_code, longer.status_code) == (200, 200)
        if form != "opus":  # the number of its stream is drawn by lot
            head = {"wav": 44, "flac": 42}.get(
                form, 0
            )  # it tells the length, where that was known before the first byte
            assert longer.content[head:] == longest.content[head:]
        assert len(longer.content) == len(longest.content)


async def test_over_a_websocket_it_ends_at_the_limit() -> None:
    async with web(limits={"reply_audio_s": LIMIT_S}) as it:
        async with websocket(it.url.replace("http", "ws") + f"{SPEECH}/stream") as socket:
            await socket.send(json.dumps({"type": "input.text", "text": words(90)}))
            await socket.send(json.dumps({"type": "input.done"}))
            heard, told = 0, []
            while "session.done" not in told:
                message = await socket.recv()
                if isinstance(message, bytes):
                    heard += len(message)
                else:
                    told.append(json.loads(message)["type"])

        assert heard == FRAMES * FORMAT.frame_bytes
        assert told == ["audio.start", "audio.done", "session.done"]


# -- finding 23


@pytest.mark.parametrize(
    ("ssml", "seconds"),
    [
        ('<break time="2s"/>', 2),
        ('<speak><break time="500ms"/> <break time="1s"/></speak>', 1.5),
        ("<speak></speak>", 0.1),
        ('<break time="99s"/>' * 400, LIMIT_S),
    ],
)
@pytest.mark.parametrize("voice", [None, "builtin-fr"])
async def test_a_break_alone_is_a_silence_of_its_length(ssml: str, seconds: float, voice: str | None) -> None:
    async with serving(reply_audio_s=LIMIT_S) as server:
        data = {"voice": {"name": voice}} if voice else {}
        events = await server.speak(ssml, text_format="ssml", **data)
        heard = pcm(events)

        assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop"]
        assert FORMAT.seconds(len(heard)) == pytest.approx(seconds)
        assert not any(heard)
        assert not server.engine.requests


# -- finding 24


async def test_what_tells_languages_apart_cannot_be_loaded_and_nobody_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise OSError("The file of the model cannot be read.")

    monkeypatch.setattr(detect, "warm", broken)
    async with serving() as server:
        assert kinds(await server.speak("Ich möchte das Licht nicht einschalten."))[-1] == "audio-stop"
        assert server.engine.requests[0][0] == "builtin-de"  # by its small words
    assert "could not be loaded" in caplog.text


async def test_a_part_that_does_not_come_is_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wyoming_qwen3tts.service.service._LOADING_S", 0.05)
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=1)  # `load` is never called
    async with service.speak(service.whole_text("Hello there."), SpeechOptions()) as reply:
        assert [pcm async for pcm in reply]
    await service.close()


def test_without_its_model_a_language_is_told_by_script_and_small_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "_identifier", lambda: None)

    assert detect.detect("Приве́т, как дела?") == "ru"
    assert detect.detect("Xylophon brummt gemütlich.", fallback="de") == "de"
    assert detect.detect("Zzyx qwrt vbnm.", fallback="it") == "it"
