"""Names to voices, and the order in which Home Assistant lists them."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from wyoming_qwen3tts.errors import UnknownVoice
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Style, Voice, VoiceName
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.mapping import STYLES, parse
from wyoming_qwen3tts.voices.speakers import MAPPED, QWEN_SPEAKERS


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


# -- the home's mapping


def home(
    text: str, *, own: list[Voice] | None = None, speakers: tuple[str, ...] = tuple(QWEN_SPEAKERS)
) -> VoiceCatalog:
    everybody = [*voices("builtin", engine="builtin"), *voices(*speakers)]
    mapping = parse(text)
    return VoiceCatalog(everybody, lambda: own or [], mapping=lambda: mapping)


def own_voice(name: str = "Grandma") -> Voice:
    return Voice(VoiceName(name), name, tuple(LANGUAGES), "qwen3", f"clone:{name}", kind="clone")


def first_of(catalog: VoiceCatalog, language: str) -> Voice:
    return min((voice for voice in catalog.all() if voice.language == language), key=lambda voice: voice.label)


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("vivian", "vivian-de"),
        ("Vivian-DE", "vivian-de"),
        ("{voice: serena, style: whisper}", "serena-whisper-de"),
        ("{style: announcer}", "ryan-announcer-de"),
        ("grandma", "Grandma-de"),
        ("{voice: Grandma, style: whisper}", "Grandma-whisper-de"),
        ("builtin", "builtin-de"),
    ],
)
def test_the_mapping_decides_who_speaks_a_language_and_who_is_first_in_its_list(entry: str, name: str) -> None:
    catalog = home(f"languages: {{de: {entry}}}", own=[own_voice()])

    assert catalog.for_language("de").name == name
    assert first_of(catalog, "de").name == name
    assert catalog.find(name) == catalog.for_language("de")
    assert catalog.for_language("fr").name == "ryan-fr"


def test_the_mapped_speed_and_words_count_also_where_the_voice_is_named() -> None:
    catalog = home("languages: {de: {voice: ryan, speed: 1.2, instruct: Warmly.}}")

    assert (found := catalog.find("ryan-de")) is not None
    assert found.style == Style("Warmly.", 1.2)
    assert (other := catalog.find("ryan-fr")) is not None
    assert other.style == Style()


def test_a_region_has_a_voice_of_its_own_where_it_is_asked_for() -> None:
    catalog = home("languages: {pt-BR: {voice: vivian, speed: 1.1}, pt: serena}")

    found = [catalog.find(None, tag) for tag in ("pt-BR", "pt_br", "pt-PT", "Portuguese")]

    assert [voice and voice.name for voice in found] == ["vivian-pt", "vivian-pt", "serena-pt", "serena-pt"]
    assert found[0] is not None
    assert found[0].style.speed == 1.1


def test_a_mapping_that_names_nobody_says_so_once_and_the_language_is_spoken_as_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    mappings = [parse("languages: {de: vivian}"), parse("languages: {de: granny, fr: serena}")]
    now = [mappings[0]]
    catalog = VoiceCatalog([*voices("builtin"), *voices(*QWEN_SPEAKERS)], mapping=lambda: now[0])
    before = catalog.for_language("de").name
    now[0] = mappings[1]

    after = [catalog.for_language(code).name for code in ("de", "fr", "de")]

    assert before == "vivian-de"
    assert after == ["vivian-de", "serena-fr", "vivian-de"]
    assert len(caplog.records) == 1
    assert "voices.yaml, line 1, languages.de.voice: there is no voice 'granny' (nearest: " in caplog.text


def test_a_mapped_voice_that_is_cloned_later_speaks_from_then_on() -> None:
    own: list[Voice] = []
    mapping = parse("languages: {de: grandma}")
    catalog = VoiceCatalog(voices("builtin", "ryan"), lambda: own, mapping=lambda: mapping)
    before = catalog.for_language("de").name
    own.append(own_voice())

    assert (before, catalog.for_language("de").name) == ("ryan-de", "Grandma-de")


def test_a_mapped_speaker_whose_model_is_away_is_no_mistake(caplog: pytest.LogCaptureFixture) -> None:
    catalog = home("languages: {de: vivian, en: {voice: ryan, style: whisper}}", speakers=())

    assert [catalog.for_language(code).name for code in ("de", "en")] == ["builtin-de", "builtin-en"]
    assert not caplog.records


def test_styles_are_listed_with_the_mapped_voices_and_found_with_anybody() -> None:
    catalog = home("languages: {de: vivian}", own=[own_voice()])
    listed = {voice.name for voice in catalog.all() if voice.language == "de" and "-whisper-" in voice.name}

    assert listed == {"vivian-whisper-de"}
    for name, language, expected in [
        ("serena-whisper-fr", None, "serena-whisper-fr"),
        ("Serena-Whisper", "fr", "serena-whisper-fr"),
        ("grandma-whisper", None, "Grandma-whisper"),
    ]:
        found = catalog.find(name, language)
        assert found is not None
        assert found.name == expected
        assert found.style == Style(STYLES["whisper"].style.instruct, volume=0.6)
    assert catalog.find("serena-whisper") is None
    assert catalog.speaker_of("serena-whisper") == "serena-whisper"
    assert catalog.speaking("serena-whisper", "it").name == "serena-whisper-it"


@pytest.mark.parametrize(
    ("spread", "count"), [("mapped", 10), ("all", 90), ("none", 0), ("[Ryan, vivian]", 20), ("[nobody]", 0)]
)
def test_a_style_is_listed_with_whom_the_mapping_says(spread: str, count: int) -> None:
    catalog = home(f"styles: {{slow: {{speed: 0.8, voices: {spread}}}, whisper: off, announcer: off}}")

    assert sum("-slow-" in voice.name for voice in catalog.all()) == count
    assert len(catalog.all()) == 100 + count


def test_a_style_of_words_alone_is_listed_only_where_the_model_follows_them() -> None:
    text = "styles: {sad: {instruct: Sadly.}, whisper: off, announcer: off}"
    mapping = parse(text)
    able = [replace(voice, takes_instruct=True) for voice in voices("ryan")]

    assert len(VoiceCatalog([*voices("builtin"), *able], mapping=lambda: mapping).all()) == 30
    assert len(VoiceCatalog([*voices("builtin"), *voices("ryan")], mapping=lambda: mapping).all()) == 20


def test_natives_come_before_styles_and_those_before_the_built_in_voice() -> None:
    listed = sorted((voice for voice in FULL.all() if voice.language == "ja"), key=lambda voice: voice.label)

    assert listed[0].name == "ono_anna-ja"
    assert [voice.name for voice in listed[-3:]] == ["ono_anna-announcer-ja", "ono_anna-whisper-ja", "builtin-ja"]


def test_nobody_may_be_called_like_a_voice_that_there_is() -> None:
    taken = home("", own=[own_voice()]).taken()

    assert {"ryan", "ryan-de", "ryan-whisper", "ryan-whisper-de", "grandma", "builtin"} <= taken


def test_the_list_is_the_same_object_until_something_changes() -> None:
    own: list[Voice] = []
    catalog = VoiceCatalog(voices("builtin"), lambda: own)
    first = catalog.all()

    assert catalog.all() is first
    own.append(own_voice())
    assert catalog.all() is not first


def test_a_voice_that_cannot_speak_here_says_what_is_missing() -> None:
    catalog = VoiceCatalog(voices("builtin"), why_mute=lambda name: "Add the model." if name == "grandma" else None)

    with pytest.raises(UnknownVoice, match="Add the model") as refused:
        catalog.find("Grandma")
    assert refused.value.field == "voice"


def test_a_checkpoint_with_speakers_of_its_own_speaks_by_default() -> None:
    catalog = VoiceCatalog([*voices("builtin", engine="builtin"), *voices("karl", "berta")])

    assert {catalog.for_language(code).speaker for code in LANGUAGES} == {"berta"}
