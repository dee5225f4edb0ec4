"""The home's own pronunciations reach what is spoken, without a restart."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from tests.harness import FakeEngine
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Limits
from wyoming_qwen3tts.text.lexicon import LexiconFolder
from wyoming_qwen3tts.voices.catalog import VoiceCatalog


async def test_a_changed_lexicon_is_heard_in_the_next_reply_and_its_mistakes_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=1, lexicon=LexiconFolder(tmp_path))

    async def spoken() -> list[str]:
        async with service.speak(service.whole_text("The Grünbeck is full."), SpeechOptions("builtin-en")) as audio:
            assert [pcm async for pcm in audio]
        return engine.requests[-1][1]

    before = await spoken()
    (tmp_path / "en.txt").write_text("Grünbeck = Greenbeck\na line without a sign\n")
    after = await spoken()
    await spoken()

    assert before == ["The Grünbeck is full."]
    assert after == ["The Greenbeck is full."]
    assert [record.message for record in caplog.records if "line 2" in record.message or ":2" in record.message]
    assert len(caplog.records) == 1


def test_spoken_shows_what_the_lexicon_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "lexicon"
    folder.mkdir()
    (folder / "all.txt").write_text("Sonos = Sohnoss\n")

    assert main(["spoken", "The Sonos is on.", "--language", "en", "--json", "--data-dir", str(tmp_path)]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer["spoken"] == "The Sohnoss is on."
    assert answer["changes"] == [{"rule": "lexicon", "from": "Sonos", "to": "Sohnoss"}]
