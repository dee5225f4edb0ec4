"""Which of our ten languages a text is in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import cache
from typing import Any

#: ISO 639-1 code -> (the model's own name, regional tags that people put into Home Assistant)
LANGUAGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "de": ("german", ("de-DE", "de-AT", "de-CH")),
    "en": ("english", ("en-US", "en-GB", "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-ZA")),
    "es": ("spanish", ("es-ES", "es-MX", "es-AR", "es-CL", "es-CO", "es-US")),
    "fr": ("french", ("fr-FR", "fr-BE", "fr-CA", "fr-CH")),
    "it": ("italian", ("it-IT", "it-CH")),
    "ja": ("japanese", ("ja-JP",)),
    "ko": ("korean", ("ko-KR",)),
    "pt": ("portuguese", ("pt-BR", "pt-PT")),
    "ru": ("russian", ("ru-RU",)),
    "zh": ("chinese", ("zh-CN", "zh-TW", "zh-HK", "zh-Hans", "zh-Hant")),
}
_LATIN = ("de", "en", "es", "fr", "it", "pt")
_LETTERS_TO_TELL = 20  # below that py3langid guesses; `text-and-features.md` 6.4: every miss was a short text


def normalize_tag(tag: str) -> str | None:
    """``de``, ``de-DE``, ``de_AT`` or ``German`` as ``de``; None for a language that is not ours."""
    word = tag.strip().lower().replace("_", "-")
    base = word.split("-", 1)[0]
    if base in LANGUAGES:
        return base
    return next((code for code, (name, _) in LANGUAGES.items() if name == word), None)


def script_language(text: str) -> str | None:
    """The language that the script alone gives away (ja, ko, ru, zh), or None for Latin, other scripts and no
    letters."""
    seen: Counter[str] = Counter()
    for char in text:
        if char.isalpha():
            seen[unicodedata.name(char, "?").split(" ", 1)[0]] += 1
    if not seen:
        return None
    if seen["HIRAGANA"] + seen["KATAKANA"]:
        return "ja"
    script = seen.most_common(1)[0][0]
    return {"HANGUL": "ko", "CYRILLIC": "ru", "CJK": "zh"}.get(script)


def detect(text: str, fallback: str) -> str:
    """The text's language if it can be told, else ``fallback``."""
    by_script = script_language(text)
    if by_script == "zh" and fallback == "ja":
        return "ja"  # a title or a name in kanji alone, in a Japanese home
    if by_script:
        return by_script
    if sum(char.isalpha() for char in text) < _LETTERS_TO_TELL:
        return fallback
    code, _ = _identifier().classify(text)
    return str(code)


def warm() -> None:
    """Load the identifier's tables (about a second), off the path to the first audio."""
    _identifier()


@cache
def _identifier() -> Any:  # py3langid carries no types
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # import takes a second: not at start

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(list(_LATIN))
    return identifier
