"""The page's doctor is the command's, with the settings of the server that runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wyoming_qwen3tts
from wyoming_qwen3tts.app.examination import Examination
from wyoming_qwen3tts.errors import Busy, SpeechError
from wyoming_qwen3tts.settings import Settings, sources

I18N = Path(wyoming_qwen3tts.__file__).parent / "web" / "i18n"
CHANGED = {
    "data_dir": "/tmp/somewhere",
    "zeroconf": False,
    "engine": {"kind": "remote", "urls": "http://a:1,http://b:2", "api_key": "psst", "slots": 9, "patience_s": 0.75},
    "http": {"api_keys": "hall:open-sesame,a-second-key", "hosts": "voice.example.org"},
    "voices": {"languages": "nl,pl", "cloning": True},
    "mqtt": {"password": "12345", "port": 8883},
}


def test_a_child_that_is_given_the_settings_as_variables_has_the_same_ones() -> None:
    settings = Settings.model_validate(CHANGED)

    assert sources.load({}, sources.as_variables(settings)) == settings
    assert sources.as_variables(Settings()) == {}


@given(st.booleans(), st.floats(0.5, 60), st.lists(st.sampled_from(["nl", "pl", "cs"]), unique=True))
def test_so_it_has_whatever_they_are(is_on: bool, patience_s: float, languages: list[str]) -> None:
    wanted = {"zeroconf": is_on, "engine": {"patience_s": patience_s}, "voices": {"languages": languages}}
    settings = Settings.model_validate(wanted)

    assert sources.load({}, sources.as_variables(settings)) == settings


def by_command(folder: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "wyoming_qwen3tts", "doctor", "--json", *flags(folder)]
    done = subprocess.run(command, capture_output=True, check=False, env=dict(os.environ))
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def flags(folder: Path) -> list[str]:
    uris = ["--wyoming.uri", "tcp://127.0.0.1:0", "--http.uri", "off", "--voices.languages", "nl"]
    return [*uris, "--data-dir", str(folder)]


def without_numbers(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Memory and disk are others' too."""
    return [check | {"detail": re.sub(r"[\d.,]+", "#", check["detail"])} for check in checks]


async def test_it_says_what_the_command_says(tmp_path: Path) -> None:
    wanted = {"wyoming": {"uri": "tcp://127.0.0.1:0"}, "http": {"uri": "off"}, "voices": {"languages": "nl"}}
    settings = Settings.model_validate({**wanted, "data_dir": tmp_path})

    found = await Examination(settings)()

    assert without_numbers(found) == without_numbers(by_command(tmp_path))
    for code in ("en", "de", "ja"):
        words = json.loads((I18N / f"{code}.json").read_text(encoding="utf-8"))
        labels = {f"check.{re.sub('[^a-z]+', '-', check['check'].lower())}" for check in found}
        assert labels <= words.keys()


async def test_one_that_goes_on_is_not_begun_again(tmp_path: Path) -> None:
    examination = Examination(Settings(data_dir=tmp_path))
    await examination._going.acquire()

    with pytest.raises(Busy, match="already"):
        await examination()


async def test_a_child_that_says_nothing_is_an_error_in_words(tmp_path: Path) -> None:
    examination = Examination(Settings(data_dir=tmp_path))
    examination._environment["QWEN3TTS_NONSENSE"] = "1"

    with pytest.raises(SpeechError, match="There is no setting for the environment variable"):
        await examination()
