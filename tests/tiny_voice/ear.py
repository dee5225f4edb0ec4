"""A machine ear: what Whisper tiny.en makes of speech, and how many of the words are wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from tests.ear import errors, whisper
from wyoming_qwen3tts.audio.pcm import Samples

from .sentences import ONES, TENS

_RATE = 16_000
_NUMBERS = {word: str(value) for value, word in enumerate(ONES)}
_NUMBERS |= {word: str(10 * value) for value, word in enumerate(TENS, 2)}


def word_errors(wanted: Sequence[str], heard: Sequence[str]) -> float:
    """The share of words that were left out, put in or changed, over all sentences."""
    wrong = sum(errors(words(other), words(one)) for one, other in zip(wanted, heard, strict=True))
    return wrong / max(1, sum(len(words(one)) for one in wanted))


def words(text: str) -> list[str]:
    """Lower case without punctuation; numbers in digits, tens and ones added, as they are said."""
    text = text.lower().replace("%", " percent ").replace("°", " degrees ")
    found: list[str] = []
    for word in re.findall(r"[a-z']+|\d+", text):
        number = _NUMBERS.get(word, word)
        if found and _is_tens(found[-1]) and number in _NUMBERS.values() and 0 < int(number) < 10:
            found[-1] = str(int(found[-1]) + int(number))
        else:
            found.append(number)
    return found


def _is_tens(word: str) -> bool:
    return word in _NUMBERS.values() and int(word) >= 20


def hear(samples: Samples, rate: int = 24_000) -> str:
    """What was said, as far as the ear can tell."""
    import samplerate

    wide = np.pad(np.asarray(samples, np.float32), (rate // 4, rate // 2))
    narrow = samplerate.resample(wide, _RATE / rate, "sinc_fastest")
    segments, _ = whisper().transcribe(narrow, language="en", beam_size=1, condition_on_previous_text=False)
    return " ".join(segment.text for segment in segments)
