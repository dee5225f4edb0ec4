"""``voices.yaml``: what it may say, what is said about its mistakes, and that the last good one stays in force."""

from __future__ import annotations

import logging
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
        ("languages: [de", "no YAML"),
        ("languages: {xx: ryan}", "'xx' is none of de, en"),
        ("languages: {de: {voice: ryan, sped: 2}}", "languages.de.sped"),
        ("languages: {de: {speed: 3}}", r"languages\.de\.speed: .*less than or equal to 2"),
        ("languages: {de: 7}", r"languages\.de"),
        ("languages: {de: {style: shout}}", "there is no style 'shout', only announcer, whisper"),
        ("languages: {de: {lexicon: ../../etc/passwd}}", r"languages\.de\.lexicon"),
        ("styles: {Loud: {volume: 1}}", r"styles\.Loud"),
        ("styles: {loud: {volume: 2}}", r"styles\.loud\.volume"),
        ("voices: {de: ryan}", "voices: Extra inputs"),
        ("- de", "valid dictionary"),
        ("[" * 5_000, "no YAML"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_its_place(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse(text)

    assert "\n" not in str(refused.value)


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
