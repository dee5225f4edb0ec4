"""The grammars of the ten languages, and the generic one of all others; each is made when it is first spoken."""

from functools import cache
from importlib import import_module

from .generic import generic
from .grammar import Grammar

_CLASSES = {
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "pt": "Portuguese",
    "ru": "Russian",
    "zh": "Chinese",
}


@cache
def grammar(language: str) -> Grammar:
    """How ``language``, one of our ten codes, or of the added ones, speaks numbers."""
    if language not in _CLASSES:
        return generic(language)
    module = import_module(f"{__name__}.{language}")
    made: Grammar = getattr(module, _CLASSES[language])()
    return made
