"""The home's ``voices.yaml``, watched while nobody speaks: the log answers whoever saves it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.harness import until
from wyoming_qwen3tts.app.voices_file import watch_voices
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.util.tasks import cancel_and_wait
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.mapping import MappingFile
from wyoming_qwen3tts.voices.speakers import BUILTIN


@asynccontextmanager
async def watched(path: Path) -> AsyncIterator[VoiceCatalog]:
    voices = [Voice(VoiceName(f"{BUILTIN}-{code}"), BUILTIN, (code,), "builtin", BUILTIN) for code in ("de", "en")]
    catalog = VoiceCatalog(voices, mapping=MappingFile(path).current)
    watching = asyncio.create_task(watch_voices(catalog, path.parent / "lexicon", 0.01))
    try:
        yield catalog
    finally:
        await cancel_and_wait(watching)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("languages:\n  de: bultin\n", "line 2, languages.de.voice: there is no voice 'bultin' (nearest: builtin)"),
        ("languages:\n  de-AT: granny\n", "line 2, languages.de-at.voice: there is no voice 'granny'"),
        ("styles:\n  soft:\n    voices: [granny]\n", "line 3, styles.soft.voices: there is no voice 'granny'"),
        ("languages:\n  de:\n    lexicon: home\n", "line 3, languages.de.lexicon: there is no "),
        ("languages:\n  de: 5\n", "is not taken, what was in force before stays: line 2: languages.de: must be"),
        ("languages: {de: ryan}\n", "voices.yaml is in force: 1 languages"),
    ],
)  # fmt: skip
async def test_what_is_saved_is_told_without_a_request(
    content: str, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "voices.yaml"
    async with watched(path):
        await asyncio.sleep(0.02)
        assert not caplog.records
        path.write_text(content)
        await until(lambda: told in caplog.text)
        seen = len(caplog.records)
        await asyncio.sleep(0.1)

    assert len(caplog.records) == seen, "it is said once"
    assert str(path) in caplog.text


async def test_what_was_in_force_before_stays_and_a_file_that_goes_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "voices.yaml"
    path.write_text("languages: {de: ryan}\n")
    async with watched(path) as catalog:
        good = catalog.mapping()
        path.write_text("languages: {de: [}\n")
        await until(lambda: "is not taken" in caplog.text)
        kept = catalog.mapping()
        path.unlink()
        await until(lambda: "is gone" in caplog.text)

    assert kept is good
    assert "is in force" not in caplog.text, "what is there at the start is no news"
