"""Names to voices, and the order in which Home Assistant lists them."""

from __future__ import annotations

import logging

import pytest

from wyoming_qwen3tts.errors import UnknownVoice
from wyoming_qwen3tts.speakers import MAPPED, QWEN_SPEAKERS
from wyoming_qwen3tts.speech import Voice, VoiceName
from wyoming_qwen3tts.text.language import LANGUAGES
from wyoming_qwen3tts.voices import VoiceCatalog


def voices(*speakers: str, engine: str = "qwen3") -> list[Voice]:
    return [Voice(VoiceName(f"{s}-{c}"), s, (c,), engine, s) for s in speakers for c in LANGUAGES]


BUILTIN = VoiceCatalog(voices("builtin", engine="builtin"))
FULL = VoiceCatalog([*voices("builtin", engine="builtin"), *voices(*QWEN_SPEAKERS)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_mapped_voice_of_a_language_is_the_first_of_its_list(language: str) -> None:
    """Home Assistant sorts by label and takes the first one for a new assistant."""
    listed = sorted((voice for voice in FULL.all() if language in voice.languages), key=lambda voice: voice.label)

    assert listed[0].speaker == MAPPED[language]
    assert listed[0] == FULL.for_language(language)
    assert listed[-1].speaker == "builtin"


@pytest.mark.parametrize(("language", "native"), [("en", {"ryan", "aiden"}), ("ja", {"ono_anna"}), ("ko", {"sohee"})])
def test_natives_are_listed_before_all_others(language: str, native: set[str]) -> None:
    listed = sorted((voice for voice in FULL.all() if language in voice.languages), key=lambda voice: voice.label)

    assert {voice.speaker for voice in listed[: len(native)]} == native


@pytest.mark.parametrize(
    ("name", "language", "expected"),
    [
        ("ryan-en", None, "ryan-en"),
        ("RYAN-EN", None, "ryan-en"),
        (" uncle_fu-zh ", None, "uncle_fu-zh"),
        ("Vivian", "de", "vivian-de"),
        ("builtin", "fr-CA", "builtin-fr"),
        (None, "German", "ryan-de"),
        (None, "ja_JP", "ono_anna-ja"),
        ("Vivian", None, None),
        (None, None, None),
        (None, "auto", None),
    ],
)
def test_a_voice_is_found_by_any_of_its_names(name: str | None, language: str | None, expected: str | None) -> None:
    found = FULL.find(name, language)

    assert (found and found.name) == expected


def test_a_qwen_speaker_is_spoken_by_the_built_in_voice_where_it_must_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    catalog = VoiceCatalog(voices("builtin", engine="builtin"))

    found = [catalog.find("ryan-de"), catalog.find("ryan-de"), catalog.find("Sohee", "ko"), catalog.find("sohee")]

    assert [voice and voice.name for voice in found] == ["builtin-de", "builtin-de", "builtin-ko", None]
    assert len(caplog.records) == 2


@pytest.mark.parametrize("name", ["ryna-en", "../x", "a/b", "", "x" * 65, "ryan-xx", "bob"])
def test_a_name_that_nobody_has_is_unknown(name: str) -> None:
    if not name:
        assert FULL.find(name) is None
        return
    with pytest.raises(UnknownVoice):
        FULL.find(name)


def test_the_nearest_names_are_offered() -> None:
    with pytest.raises(UnknownVoice, match="ryan-en"):
        FULL.find("ryna-en")


def test_a_new_clone_is_found_without_a_restart_and_speaks_the_language_that_is_asked() -> None:
    clones: list[Voice] = []
    catalog = VoiceCatalog(voices("builtin", engine="builtin"), lambda: clones)
    clones.append(Voice(VoiceName("Grandma"), "Grandma", tuple(LANGUAGES), "qwen3", "Grandma"))

    assert catalog.all()[-1].name == "Grandma"
    assert (found := catalog.find("grandma", "de")) is not None
    assert found.language == "de"
