"""Every symbol has words in every language that has the symbol."""

import re
from itertools import product

import pytest

from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.normalization.grammars import grammar
from wyoming_qwen3tts.text.normalization.grammars.grammar import Number
from wyoming_qwen3tts.text.normalization.unit_symbol import PER_SYMBOLS, SYMBOLS, SYMBOLS_BY_LANGUAGE
from wyoming_qwen3tts.text.spoken import explain

# Babel answers with CLDR's key where CLDR has no words; other scripts must not fall back to English ones.
RAW_KEY = re.compile(
    r"\b(?:[a-z]+-)?(?:piece|ofhg|millimeterhg|permille|dbm|rpm)\b|\b[a-z]+-(?:kilo|mega|milli|square|centi|giga)"
)
ENGLISH = re.compile(r"[a-z]{4,}")


def units(language: str) -> set[str]:
    return {*SYMBOLS.values(), *SYMBOLS_BY_LANGUAGE[language].values()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_unit_has_words(language: str) -> None:
    for unit, amount in product(units(language), ("1", "2", "5")):
        spoken = grammar(language).quantity(Number(amount), unit)

        assert amount in spoken
        assert not RAW_KEY.search(spoken), spoken
        assert language not in ("ru", "ja", "ko", "zh") or not ENGLISH.search(spoken), spoken


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rate_has_words(language: str) -> None:
    for per in PER_SYMBOLS.values():
        assert grammar(language).quantity(Number("5"), f"volume-liter per {per}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_currency_has_words_for_one_and_for_cents(language: str) -> None:
    speech = grammar(language)

    for code, number in product(
        speech.currencies, (Number("1"), Number("2", "50"), Number("0", "05"), Number("3", "125"))
    ):
        assert not re.search(r"[.,$€]", speech.money(number, code))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_a_year_and_every_minute_of_a_day_can_be_said(language: str) -> None:
    speech = grammar(language)

    for day, month in product(range(1, 32), range(1, 13)):
        assert speech.date(day, month, "2026", "")
    for hour, minute in product(range(25), range(60)):
        assert speech.clock(hour, minute, None, "")
        assert speech.clock(hour, minute, 1, "pm" if 0 < hour < 13 else "")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "1",
        "2",
        "7",
        "11",
        "21",
        "1.5",
        "1,5",
        "-3",
        "+3",
        "±3",
        "1,234",
        "1.234",
        "1 234",
        "007",
        "3-5",
        "3–5",
        "½",
        "3/4",
    ],
)
def test_any_number_with_any_symbol_can_be_said(language: str, amount: str) -> None:
    symbols = [
        *SYMBOLS,
        *SYMBOLS_BY_LANGUAGE[language],
        "€",
        "$",
        "kWh/m²",
        "€/kWh",
        "$/gal",
        "km/h",
        "",
        "th",
        "º",
        "ª",
        "er",
        "-й",
        ".",
        "x",
        "Mio.",
    ]

    for symbol in symbols:
        answer = explain(f"Xyz {amount} {symbol} abc, {amount}{symbol} def.", language)

        assert "\ue000" not in answer["spoken"]
        assert "abc" in answer["spoken"]
