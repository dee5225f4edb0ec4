"""Every unit that Home Assistant knows is read in ten languages: after numbers of all kinds, and alone."""

import re

import pytest

from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.normalization.normalize import normalize
from wyoming_qwen3tts.text.tracked_text import TrackedText

from .home_assistant_units import SYMBOLS

# What may be left of a symbol: the words of a language that are written like it.
SAID_AS_WRITTEN = {"bar", "ppm", "ppb", "Beaufort", "UV", "index", "UV index", "bit", "Bit", "var", "Var", "vars"}
LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f²³/·.]*")
VOWEL = re.compile(r"[aeiouyáéíóúàèìòùâêîôûäöüãõ]", re.IGNORECASE)
LEAD = {
    "en": "The value is now",
    "de": "Der Wert ist jetzt",
    "fr": "La valeur est maintenant",
    "es": "El valor es ahora",
    "it": "Il valore adesso",
    "pt": "O valor agora",
    "ru": "Значение теперь",
    "zh": "数值现在",
    "ja": "値は今",
    "ko": "값은 지금",
}
MILLION = {
    "en": "million",
    "de": "Millionen",
    "fr": "millions de",
    "es": "millones de",
    "it": "milioni di",
    "pt": "milhões de",
    "ru": "млн",
    "zh": "万",
    "ja": "万",
    "ko": "만",
}
# Symbols that may be words where no number stands before them.
MAY_BE_WORDS = set(
    "VA W MW A V MV m K s min h d w y in ft mi oz J cal bar B MB GB TB PB EB ZB YB GJ MJ TW CCF MCF L g st ac ha gal kn"
    " ° % var varh bit UV|index Pa lx rpm yd inHg inH₂O fl.|oz. cbar mvar kvar nmi mm/d p/m³".replace("|", " ").split()
) | {"UV index", "fl. oz.", "Beaufort", "dB"}


def left_over(spoken: str, language: str) -> list[str]:
    """Words of a spoken text that are symbols still."""
    words = LATIN_WORD.findall(spoken)
    if language in ("ru", "zh", "ja", "ko"):
        return [word for word in words if word not in SAID_AS_WRITTEN]
    return [word for word in words if len(word) > 1 and not VOWEL.search(word) and word not in SAID_AS_WRITTEN]


def spoken_value(value: str, language: str) -> str:
    lead = LEAD[language]
    text = TrackedText(f"{lead} {value}.")
    normalize(text, language)
    return text.finished().removeprefix(lead).strip(" .。")


def is_read(spoken: str, symbol: str, language: str) -> bool:
    """Whether neither the symbol nor a sign of it is left."""
    if symbol not in SAID_AS_WRITTEN and re.search(rf"(?<!\w){re.escape(symbol)}(?!\w)", spoken):
        return False
    return not left_over(spoken, language) and not re.search(r"[°%/²³μµ⋅·₂]", spoken)


@pytest.mark.parametrize("amount", ["1", "2", "5", "21", "12.5", "-3", "3–5", "1/2", "million"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_unit_of_home_assistant_is_read_after_a_number(language: str, amount: str) -> None:
    written = f"2 {MILLION[language]}" if amount == "million" else amount
    answers = {symbol: spoken_value(f"{written} {symbol}", language) for symbol in SYMBOLS}

    assert not {symbol: spoken for symbol, spoken in answers.items() if not is_read(spoken, symbol, language)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_unit_of_home_assistant_is_read_alone(language: str) -> None:
    answers = {symbol: spoken_value(f": {symbol}", language) for symbol in SYMBOLS if symbol not in MAY_BE_WORDS}

    assert not {symbol: spoken for symbol, spoken in answers.items() if not is_read(spoken, symbol, language)}
