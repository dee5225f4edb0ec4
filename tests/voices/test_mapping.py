"""``voices.yaml``: what it may say, what is said about its mistakes, and that the last good one stays in force."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Style
from wyoming_qwen3tts.voices.mapping import DEFAULT, FILE_BYTES_MAX, STYLES, MappedVoice, MappingFile, Preset, parse

EXAMPLE = ROOT / "config" / "voices.yaml"
FULL = """
languages:
  de: {voice: Grandma, style: bedtime, speed: 0.9, lexicon: grandma, instruct: Warmly.}
  pt_BR: vivian
styles:
  bedtime: {instruct: Low., speed: 0.9, volume: 0.5, chime: on, voices: [Ryan, vivian]}
  whisper: off
"""


def test_everything_that_can_be_said_is_understood() -> None:
    mapping = parse(FULL)

    assert mapping.languages["de"] == MappedVoice("Grandma", "bedtime", "Warmly.", 0.9, "grandma")
    assert mapping.styles["bedtime"] == Preset(Style("Low.", 0.9, 0.5, True), ("ryan", "vivian"))
    assert set(mapping.styles) == {"announcer", "bedtime"}


@pytest.mark.parametrize(
    ("tag", "voice"),
    [
        ("pt-BR", "vivian"),
        ("Portuguese-BR", "vivian"),
        ("pt_br", "vivian"),
        ("pt", "ryan"),
        ("pt-PT", "ryan"),
        ("Portuguese", "ryan"),
        ("de", None),
    ],
)
def test_a_region_is_looked_up_before_its_language(tag: str, voice: str | None) -> None:
    entry = parse("languages: {pt-BR: vivian, portuguese: ryan}").entry(tag)

    assert (entry and entry.voice) == voice


def test_the_lexicon_of_a_region_counts_where_it_was_asked_for() -> None:
    mapping = parse("languages: {pt: {lexicon: home}, pt-BR: {lexicon: brasil}, de: ryan}")

    assert mapping.lexicons() == mapping.lexicons("de") == mapping.lexicons("pt-PT") == {"pt": "home"}
    assert mapping.lexicons("pt-BR") == {"pt": "brasil"}


def test_the_example_is_the_default_and_each_of_its_comments_can_be_taken_away() -> None:
    text = EXAMPLE.read_text()
    defaults, _, rest = text.partition("## Everything")

    assert parse(text).languages == {}
    assert parse(text).styles == STYLES
    assert set(parse(defaults.replace("\n#  ", "\n  ")).languages) == set(LANGUAGES)
    said = parse("languages:\n" + rest.split("\n", 1)[1].replace("\n#  ", "\n  ").replace("#  de:", "  de:", 1))
    assert said.languages["de"].lexicon == "grandma"
    assert said.styles["bedtime"].voices == "mapped"
    assert {name: said.styles[name] for name in STYLES} == STYLES


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("languages: [de", r"no YAML: line 1, column 15: expected ',' or '\]', but got the end of the file"),
        ("languages:\n\tde: ryan", "no YAML: line 2, column 1: there is a tab: YAML wants spaces"),
        ("[" * 5_000, "no YAML: it is nested too deeply"),
        ("language:\n  de: ryan", "line 1: language: there is no such key. Did you mean languages?"),
        ("voices: {de: ryan}", "line 1: voices: there is no such key, only languages, styles"),
        ("- de", "it must hold languages: and styles:, such as languages: {de: ryan}"),
        ("languages: 5", "line 1: languages: must hold its entries below it, such as de: ryan"),
        ("languages: {" + ", ".join(f"x{n}: ryan" for n in range(201)) + "}", "languages: has too many entries"),
        ("languages: {xx: ryan}", "line 1: languages: 'xx' is none of de, en"),
        ("languages:\n  no: ryan", "line 2: YAML takes the key no for no text. Put it in quotes: 'no':"),
        ("languages:\n  de: ryan\n  de: anna", "line 3: languages.de is there twice, first in line 2"),
        ("languages:\n  de: ryan\n\n  German: anna", "line 4: languages.German is there twice, first in line 2"),
        ("languages:\n  de: 7", "line 2: languages.de: must be a voice, such as de: ryan, or voice: ryan and more"),
        ("languages: {de: {voice: ryan, sped: 2}}", "languages.de.sped: there is no such key. Did you mean speed?"),
        (
            "languages:\n  de:\n    speed: 3",
            "line 3: languages.de.speed: must be a number from 0.5 to 2, such as speed",
        ),
        ("languages: {de: {voice: 5}}", "languages.de.voice: must be the name of a voice, such as voice: ryan"),
        ("languages: {de: {instruct: ''}}", "languages.de.instruct: must be one line of text, such as instruct: Speak"),
        ("languages: {de: {style: shout}}", "there is no style 'shout', only announcer, whisper"),
        ("languages: {de: {lexicon: ../../etc/passwd}}", "languages.de.lexicon: must be a file's name without .txt"),
        ("styles:\n  Soft Voice: {volume: 1}", "line 2: styles.Soft Voice: a style's name has .*, such as soft_voice"),
        ("styles: {soft: 5}", "styles.soft: must hold instruct, speed, volume and so on, such as soft: {volume: 0.6}"),
        ("styles: {loud: {volume: 2}}", "styles.loud.volume: must be a number above 0, up to 1, such as volume: 0.6"),
        ("styles: {loud: {chime: maybe}}", "styles.loud.chime: must be on or off"),
        ("styles: {loud: {voices: bob}}", r"styles.loud.voices: must be mapped, all, none, or names such as \[ryan"),
        ("styles: {loud: {sentence_pause_s: 9}}", "styles.loud.sentence_pause_s: must be seconds from 0 to 5"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_place_and_an_example(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.sub(r"(?<![\\.])([.{}?])(?!\*)", r"\\\1", why)) as refused:
        parse(text)

    assert "\n" not in str(refused.value)
    assert not re.search(r"unicode string|Input|valid \w|pattern|\bdict|\bstr\b", str(refused.value))


def test_a_changed_file_is_read_and_a_broken_one_leaves_the_last_good_one_in_force(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    path = tmp_path / "voices.yaml"
    file = MappingFile(path)
    none = file.current()
    path.write_text("languages: {de: vivian}\n")
    first = file.current()
    path.write_text("languages: {de: vivian, oops\n")
    broken = [file.current() for _ in range(3)]
    path.write_text("languages: {de: serena}  # again\n")
    mended = file.current()
    path.unlink()

    assert none is file.current() is DEFAULT
    assert first.languages["de"].voice == "vivian"
    assert broken == [first] * 3
    assert mended.languages["de"].voice == "serena"
    assert len(caplog.records) == 1
    assert str(path) in caplog.text


@pytest.mark.parametrize("content", [b"\xff\xfe broken", b"#" * (FILE_BYTES_MAX + 1)])
def test_a_file_that_is_no_text_or_too_large_is_not_taken(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "voices.yaml").write_bytes(content)

    assert MappingFile(tmp_path / "voices.yaml").current() is DEFAULT
    assert "is not taken" in caplog.text


def test_a_folder_in_the_place_of_the_file_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "voices.yaml").mkdir()

    file = MappingFile(tmp_path / "voices.yaml")

    assert file.current() is file.current() is DEFAULT
    assert len(caplog.records) == 1


def test_a_file_below_a_file_is_not_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "home").write_text("")

    file = MappingFile(tmp_path / "home" / "voices.yaml")

    assert file.current() is file.current() is DEFAULT
    assert len(caplog.records) == 1
