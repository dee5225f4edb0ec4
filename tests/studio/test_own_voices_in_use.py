"""What voices and mapping say reaches the engine: style, language, pronunciations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness import FakeEngine
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Limits
from wyoming_qwen3tts.speech.engine import AudioStream
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.text.lexicon import LexiconFolder
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.mapping import STYLES, MappingFile


class Listener(FakeEngine):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[SpeechRequest] = []
        self.languages: list[str] = []

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        self.asked.append(request)
        async with super().speak(request) as audio:
            yield audio


def grandma() -> list[Voice]:
    return [Voice(VoiceName("Grandma"), "Grandma", tuple(LANGUAGES), "fake", "clone:Grandma", kind="clone")]


async def asked(folder: Path, text: str, options: SpeechOptions) -> tuple[SpeechRequest, str, str]:
    """The request that reached the engine, the text of it, and the language of the reply."""
    engine = Listener()
    speakers = [Voice(VoiceName(f"ryan-{c}"), "", (c,), "fake", "ryan", takes_instruct=True) for c in LANGUAGES]
    mapping = MappingFile(folder / "voices.yaml").current
    catalog = VoiceCatalog([*engine.voices(), *speakers], grandma, mapping=mapping)
    service = SpeechService(engine, catalog, Limits(), slots=1, lexicon=LexiconFolder(folder))
    service.load()
    await service.loaded()
    async with service.speak(service.whole_text(text), options) as speech:
        assert [pcm async for pcm in speech]
        language = speech.stats.language
    await service.close()
    return engine.asked[0], engine.requests[0][1][0], language


async def test_a_style_reaches_the_engine_and_a_wish_is_stronger(tmp_path: Path) -> None:
    request, _, _ = await asked(tmp_path, "Good night.", SpeechOptions("ryan-whisper-en"))
    other, _, _ = await asked(tmp_path, "Good night.", SpeechOptions("ryan-whisper-en", instruct="Shout."))

    assert request.instruct == STYLES["whisper"].style.instruct
    assert other.instruct == "Shout."


@pytest.mark.parametrize(
    ("text", "language"), [("Das Licht in der Küche ist an.", "de"), ("The light in the kitchen is on.", "en")]
)
async def test_a_clone_that_is_named_speaks_the_language_of_the_text(text: str, language: str, tmp_path: Path) -> None:
    _, _, spoken = await asked(tmp_path, text, SpeechOptions("grandma"))

    assert spoken == language


async def test_the_lexicon_of_a_language_and_of_a_region_are_heard(tmp_path: Path) -> None:
    (tmp_path / "voices.yaml").write_text("languages: {en: {lexicon: home}, en-GB: {lexicon: britain}}\n")
    (tmp_path / "home.txt").write_text("Sonos = Home\n")
    (tmp_path / "britain.txt").write_text("Sonos = Britain\n")
    (tmp_path / "en.txt").write_text("Sonos = English\n")
    text = "The Sonos is on and the light is off."

    heard = [(await asked(tmp_path, text, SpeechOptions(language=tag)))[1] for tag in ("en", "en-GB", "en-US", None)]

    assert [line.split()[1] for line in heard] == ["Home", "Britain", "Home", "Home"]
