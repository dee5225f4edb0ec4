"""The built-in voice: real speech in ten languages, and never a silent reply."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from tests.harness import until
from wyoming_qwen3tts.audio.loudness import integrated_lufs, true_peak_db
from wyoming_qwen3tts.audio.pcm import from_pcm
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.builtin.espeak import Espeak, _parse_wav
from wyoming_qwen3tts.errors import EngineDown, EngineError
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import Phase
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.voice import VoiceName

LINES = {
    "de": "Die Waschmaschine ist fertig, und draußen regnet es noch immer.",
    "en": "The washing machine is done, and it is still raining outside.",
    "es": "La lavadora ha terminado y fuera todavía está lloviendo.",
    "fr": "La machine à laver a terminé et dehors il pleut toujours.",
    "it": "La lavatrice ha finito e fuori sta ancora piovendo.",
    "ja": "せんたくがおわりました。そとはまだあめがふっています。",
    "ko": "세탁이 끝났고 밖에는 아직 비가 오고 있습니다.",
    "pt": "A máquina de lavar terminou e lá fora ainda está a chover.",
    "ru": "Стирка закончена, а на улице всё ещё идёт дождь.",
    "zh": "洗衣机已经洗好了,外面还在下雨。",
}


@pytest.fixture
async def engine() -> AsyncIterator[BuiltinEngine]:
    engine = BuiltinEngine()
    await engine.start()
    yield engine
    await engine.close()


async def speech(engine: BuiltinEngine, *texts: str, language: str = "en", voice: str | None = None) -> bytes:
    async def segments() -> AsyncIterator[Segment]:
        for text in texts:
            yield Segment(text, language)

    wanted = next(v for v in engine.voices() if v.name == VoiceName(voice or f"builtin-{language}"))
    async with engine.speak(SpeechRequest(segments(), wanted)) as audio:
        return b"".join([pcm async for pcm in audio])


@pytest.mark.parametrize("language", LINES)
async def test_every_language_is_audible_at_one_level_and_of_plausible_length(
    engine: BuiltinEngine, language: str
) -> None:
    samples = from_pcm(await speech(engine, LINES[language], language=language))

    assert 2.0 < len(samples) / FORMAT.rate < 8.0
    assert integrated_lufs(samples, FORMAT.rate) == pytest.approx(-16, abs=1.5)
    assert true_peak_db(samples) < -1.5
    assert (np.abs(samples) > 0.02).mean() > 0.3  # speech, not a beep and silence


@pytest.mark.parametrize("text", ["洗衣机好了", "Стирка закончена", "세탁이 끝났습니다", "おわりました"])
async def test_a_text_that_hibari_answers_with_nothing_is_spoken_all_the_same(engine: BuiltinEngine, text: str) -> None:
    assert np.abs(from_pcm(await speech(engine, text, language="en"))).max() > 0.1


async def test_what_nobody_can_read_is_an_error_not_a_silent_reply(engine: BuiltinEngine) -> None:
    with pytest.raises(EngineError, match="no sound"):
        await speech(engine, "\u0301\u0301", language="de")


async def test_the_same_text_always_sounds_the_same(engine: BuiltinEngine) -> None:
    first = await speech(engine, "Nothing changes here.")
    await speech(engine, "Something else entirely is said in between, and it is longer.")

    assert await speech(engine, "Nothing changes here.") == first


async def test_two_sentences_have_a_pause_between_them(engine: BuiltinEngine) -> None:
    both = len(await speech(engine, "The first one.", "The second one."))
    alone = len(await speech(engine, "The first one.")) + len(await speech(engine, "The second one."))

    tail = len(FORMAT.silence(0.15))
    assert both - (alone - tail) == pytest.approx(len(FORMAT.silence(0.25)), abs=len(FORMAT.silence(0.02)))


async def test_a_listener_who_leaves_ends_the_work(engine: BuiltinEngine) -> None:
    """The event loop stays free, and the reply costs no more than the segment in work."""

    async def endless() -> AsyncIterator[Segment]:
        while True:
            yield Segment("One more sentence of a reply that never ends.", "de")

    voice = engine.voices()[0]
    async with asyncio.timeout(5), engine.speak(SpeechRequest(endless(), voice)) as audio:
        await anext(aiter(audio))


async def test_speaking_does_not_hold_the_event_loop(engine: BuiltinEngine) -> None:
    turns = 0
    speaking = asyncio.create_task(speech(engine, *["A sentence of some length, spoken in a thread of its own."] * 10))
    while not speaking.done():
        await asyncio.sleep(0.001)
        turns += 1

    assert len(await speaking)
    assert turns > 10 * 5  # far more than the sentences' own comings and goings


@pytest.mark.parametrize("text", ["-v de --help", "[[hello", "<speak>", "$(reboot)", "A" * 220, "word\\n"])
async def test_a_text_is_never_an_option_nor_a_notation(engine: BuiltinEngine, text: str) -> None:
    assert np.abs(from_pcm(await speech(engine, text, language="de"))).max() > 0.1


async def test_without_hibari_espeak_speaks_english(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ImportError("No module named 'hibari'")

    monkeypatch.setattr("wyoming_qwen3tts.engine.builtin.hibari._load", broken)
    engine = BuiltinEngine()
    await engine.start()
    samples = from_pcm(await speech(engine, LINES["en"]))
    await engine.close()

    assert engine.status.phase is Phase.READY
    assert np.abs(samples).max() > 0.1
    assert "espeak-ng speaks English instead" in caplog.text


async def test_without_espeak_hibari_speaks_what_is_latin_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    engine = BuiltinEngine()
    await engine.start()
    german = from_pcm(await speech(engine, LINES["de"], language="de"))
    with pytest.raises(EngineError, match="apt install espeak-ng"):
        await speech(engine, LINES["ru"], language="ru")
    await engine.close()

    assert np.abs(german).max() > 0.1


async def test_without_any_voice_the_engine_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError

    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("wyoming_qwen3tts.engine.builtin.hibari._load", broken)
    engine = BuiltinEngine()
    await engine.start()
    with pytest.raises(EngineDown):
        await speech(engine, LINES["en"])
    await engine.close()

    assert engine.status.phase is Phase.FAILED


async def test_when_hibari_breaks_on_a_text_espeak_speaks_it(
    engine: BuiltinEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(text: str, seed: int) -> None:
        raise IndexError(text)

    engine._hibari._model = breaks

    assert len(await speech(engine, "A text that breaks it.")) > 10_000
    assert "espeak-ng takes over" in caplog.text


def espeak_is(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another program stand in for espeak-ng."""
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("sleep 60", "espeak-ng did not end"),
        ("exit 3", "espeak-ng failed: exit code 3"),
        ("echo oops >&2; exit 1", "espeak-ng failed: oops"),
        ("echo no wav", "not a WAV"),
        ("yes", "more than 16,777,216 bytes"),
    ],
)
async def test_an_espeak_that_hangs_or_fails_is_an_error_of_this_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    espeak_is(f"cat > /dev/null\n{script}", tmp_path, monkeypatch)

    with pytest.raises(EngineError, match=message):
        await Espeak(1, timeout_s=0.3 if "sleep" in script else 20).speak("hello", "de", 24_000, len)


@pytest.mark.parametrize("script", ["exec yes", "yes", "yes & sleep 60"])
async def test_a_listener_who_leaves_at_any_moment_gives_the_place_of_espeak_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """With the pipe full, the end of a killed espeak-ng was never seen, and its place was lost for ever."""
    espeak_is(script, tmp_path, monkeypatch)
    espeak = Espeak(2)
    for _ in range(15):
        speaking = asyncio.create_task(espeak.speak("hello", "de", 24_000, len))
        await asyncio.sleep(0.012)
        speaking.cancel()
        done, _ = await asyncio.wait({speaking}, timeout=1.5)
        assert done

    assert espeak._line.free == 2


async def test_the_place_is_given_back_too_when_a_grandchild_holds_the_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has left the group, so that no kill reaches it."""
    escape = "import os, time; os.fork() and os._exit(0); os.setsid(); open('here', 'w').close(); time.sleep(5)"
    espeak_is(f'cd {tmp_path}; {sys.executable} -c "{escape}"; exec sleep 60', tmp_path, monkeypatch)
    espeak = Espeak(1)
    speaking = asyncio.create_task(espeak.speak("hello", "de", 24_000, len))
    await until((tmp_path / "here").exists)

    speaking.cancel()
    done, _ = await asyncio.wait({speaking}, timeout=1.5)

    assert done
    assert espeak._line.free == 1


async def test_who_waits_too_long_for_a_place_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    espeak_is("exec sleep 60", tmp_path, monkeypatch)
    espeak = Espeak(1, timeout_s=0.2)
    await espeak._line.acquire("", 1)

    with pytest.raises(EngineError, match=r"busy with other texts for 0\.2 s"):
        await espeak.speak("hello", "de", 24_000, len)

    assert espeak._line.free == 0


def test_a_wav_of_another_shape_is_refused() -> None:
    header = bytearray(44)
    header[:4], header[36:40] = b"RIFF", b"data"
    header[22], header[34] = 2, 16

    with pytest.raises(EngineError, match="2 channels"):
        _parse_wav(bytes(header))
