"""Who Qwen3-TTS was published with, and what languages are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

from babel.core import Locale, UnknownLocaleError

from ..speech.languages import ADDED, normalize_tag

BUILTIN = "builtin"
#: The nine speakers of Qwen3-TTS-CustomVoice, each with the languages it was born to (from the model card). A home's
#: configuration may name them while no GPU is there to speak as them.
QWEN_SPEAKERS: dict[str, tuple[str, ...]] = {
    "aiden": ("en",), "dylan": ("zh",), "eric": ("zh",), "ono_anna": ("ja",), "ryan": ("en",),
    "serena": ("zh",), "sohee": ("ko",), "uncle_fu": ("zh",), "vivian": ("zh",),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who one of them is, as the model card says it. Their character in words is the page's."""

    gender: Literal["woman", "man"]
    native: str  # the language
    age: Literal["young", "old"] | None = None  # where the card tells


SPEAKERS = {
    "aiden": Speaker("man", "en"), "dylan": Speaker("man", "zh", "young"), "eric": Speaker("man", "zh"),
    "ono_anna": Speaker("woman", "ja"), "ryan": Speaker("man", "en"), "serena": Speaker("woman", "zh", "young"),
    "sohee": Speaker("woman", "ko"), "uncle_fu": Speaker("man", "zh", "old"), "vivian": Speaker("woman", "zh", "young"),
}  # fmt: skip
NAMES = {
    "de": "Deutsch", "en": "English", "es": "Español", "fr": "Français", "it": "Italiano",
    "ja": "日本語", "ko": "한국어", "pt": "Português", "ru": "Русский", "zh": "中文",
}  # fmt: skip
#: Who speaks a language when nobody was named: a native where there is one.
MAPPED = dict.fromkeys(NAMES, "ryan") | {"ja": "ono_anna", "ko": "sohee", "zh": "vivian"}


def languages_of(names: Iterable[str]) -> dict[str, str]:
    """Code -> name, of those languages of a checkpoint's table that can be asked for here: the ten, and others that are
    named by their code or in English as CLDR does. Dialects cannot be asked for by name."""
    found: dict[str, str] = {}
    for name in names:
        code = None if "dialect" in name else normalize_tag(name) or _by_english_name().get(name.casefold())
        if code is not None:
            found.setdefault(code, name)
    return found


@cache
def _by_english_name() -> dict[str, str]:
    known = Locale("en").languages
    return {known[code].casefold(): code for code in ADDED if code in known}


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
