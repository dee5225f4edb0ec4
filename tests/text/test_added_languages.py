"""Languages that a home adds to the ten: the generic grammar, where sentences end, which language a text is in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from wyoming_qwen3tts.speech.languages import ADDED, LANGUAGES, normalize_tag
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.language.detect import detect
from wyoming_qwen3tts.text.spoken import explain

LINES: Final = [
    tuple(row.split("\t"))
    for row in (Path(__file__).parent / "added.tsv").read_text(encoding="utf-8").splitlines()
    if not row.startswith("#")
]
HOMES: Final = {
    "cs": ("Dveře jsou otevřené.", "Světlo v kuchyni je zapnuto."),
    "da": ("Døren er åben.", "Lyset i køkkenet er tændt."),
    "el": ("Η πόρτα είναι ανοιχτή.", "Το φως στην κουζίνα άναψε."),
    "fi": ("Ovi on auki.", "Keittiön valo on päällä."),
    "hi": ("दरवाज़ा खुला है।", "रसोई की बत्ती जल रही है।"),
    "nl": (
        "De deur is open.",
        "Het licht in de keuken is aan.",
        "Het is 21,5 °C.",
        "De wasmachine is klaar.",
        "Goedemorgen",
    ),
    "pl": ("Drzwi są otwarte.", "Światło w kuchni jest włączone.", "Temperatura wynosi 21,5 °C."),
    "sv": ("Dörren är öppen.", "Lampan i köket är tänd.", "Klockan är 14:30."),
    "tr": ("Kapı açık.", "Mutfak ışığı açıldı.", "Sıcaklık 21,5 °C."),
    "uk": ("Двері відчинені.", "Світло увімкнено.", "Температура 21 градус."),
}
TEN: Final = {
    "de": ("Die Tür ist offen.", "Das Licht in der Küche ist an.", "In der Garage ist Licht."),
    "en": ("The door is open.", "The light in the kitchen is on.", "It is 21 degrees.", "Timer set for ten minutes."),
    "es": ("La puerta está abierta.",),
    "fr": ("La porte est ouverte.", "Il est midi."),
    "it": ("La porta è aperta.",),
    "ja": ("ドアが開いています。",),
    "pt": ("A porta está aberta.",),
    "ru": ("Дверь открыта.", "Свет включён."),
    "zh": ("门开着。",),
}


@pytest.mark.parametrize(("language", "written", "spoken"), LINES, ids=[f"{row[0]}: {row[1]}" for row in LINES])
def test_a_line_is_spoken_in_the_words_of_cldr(language: str, written: str, spoken: str) -> None:
    assert explain(written, language, added=(language,))["spoken"] == spoken


@pytest.mark.parametrize("language", HOMES)
@pytest.mark.parametrize("fallback", ["en", "own"])
def test_a_home_with_one_more_language_is_understood_in_both(language: str, fallback: str) -> None:
    known = language if fallback == "own" else "en"

    assert {line: detect(line, None, known, (language,)) for line in HOMES[language]} == dict.fromkeys(
        HOMES[language], language
    )
    told = {line: detect(line, None, known, (language,)) for lines in TEN.values() for line in lines}
    assert told == {line: code for code, lines in TEN.items() for line in lines}


def test_a_home_with_many_more_languages_tells_them_apart() -> None:
    added = tuple(HOMES)
    wrong = [
        (code, line, found)
        for code, lines in HOMES.items()
        for line in lines
        if (found := detect(line, None, "en", added)) != code
    ]

    assert wrong == []


def test_a_word_of_any_language_is_in_the_languages_of_the_home() -> None:
    assert detect("OK", None, "nl", ("nl",)) == "nl"
    assert detect("21", None, "nl", ("nl",)) == "nl"
    assert detect("OK", None, "de", ("nl",)) == "de"


@pytest.mark.parametrize(
    ("language", "written", "spoken"), LINES[::3], ids=[f"{row[0]}: {row[1]}" for row in LINES[::3]]
)
def test_a_text_that_arrives_letter_by_letter_is_the_same(language: str, written: str, spoken: str) -> None:
    whole, pieces = explain(written, added=(language,)), explain(list(written), added=(language,))

    assert (pieces["segments"], pieces["language"]) == (whole["segments"], whole["language"])


def test_sentences_end_where_they_do_in_that_language() -> None:
    text = "Dhr. Jansen belde om 9:05. Bijv. morgen wordt het warmer. Het is 21. De deur is dicht."

    assert explain(text, "nl", added=("nl",))["segments"] == [
        "De heer Jansen belde om 9 uur 5.", "Bijvoorbeeld morgen wordt het warmer.", "Het is 21. De deur is dicht.",
    ]  # fmt: skip


def test_a_reply_that_began_in_one_of_the_ten_stays_there() -> None:
    """Its voice may be the model's, which speaks no other."""
    text = "The light in the kitchen is on. De deur van de garage is nog open. Het is buiten koud."
    front_end = FrontEnd(added=("nl",))

    assert {segment.language for segment in front_end.add(text) + front_end.close()} <= set(LANGUAGES)


def test_a_language_that_the_home_has_not_is_not_told() -> None:
    answer = explain("Het licht in de keuken is aan, en de deur is open.")

    assert answer["language"] in LANGUAGES


@pytest.mark.parametrize("code", sorted(ADDED))
def test_every_language_that_can_be_added_has_a_grammar_that_breaks_on_nothing(code: str) -> None:
    text = (
        "x -21,5 °C, 14:30 (9:00-17:00), 3 kg, 25 %, %5, € 12,50/kWh, 1. 2e 3:a, 31.02.2026, 2026-02-30, 1.234,5, ½ & √"
    )

    spoken = explain(f"{text}.", code, added=(code,))["spoken"]

    assert "21" in spoken
    assert "00" not in spoken.replace("17:00", "").replace("9:00", ""), "a date that does not exist was made one"
    assert normalize_tag(f"{code}-XX") == code
