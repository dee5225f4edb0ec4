"""Who Qwen3-TTS was published with, and what languages are called."""

from __future__ import annotations

from functools import cache

from babel.core import Locale, UnknownLocaleError

BUILTIN = "builtin"
#: The nine speakers of Qwen3-TTS-CustomVoice, each with the languages it was born to (from the model card). A home's
#: configuration may name them while no GPU is there to speak as them.
QWEN_SPEAKERS: dict[str, tuple[str, ...]] = {
    "aiden": ("en",), "dylan": ("zh",), "eric": ("zh",), "ono_anna": ("ja",), "ryan": ("en",),
    "serena": ("zh",), "sohee": ("ko",), "uncle_fu": ("zh",), "vivian": ("zh",),
}  # fmt: skip
NAMES = {
    "de": "Deutsch", "en": "English", "es": "Español", "fr": "Français", "it": "Italiano",
    "ja": "日本語", "ko": "한국어", "pt": "Português", "ru": "Русский", "zh": "中文",
}  # fmt: skip
#: Who speaks a language when nobody was named: a native where there is one.
MAPPED = dict.fromkeys(NAMES, "ryan") | {"ja": "ono_anna", "ko": "sohee", "zh": "vivian"}


@cache
def name_of(code: str) -> str:
    """What a language calls itself, of an added one as CLDR says; its code where nobody says."""
    if code in NAMES:
        return NAMES[code]
    try:
        name = Locale.parse(code).get_language_name(code)
    except (UnknownLocaleError, ValueError):
        return code
    return name[0].upper() + name[1:] if name else code
