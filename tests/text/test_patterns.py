"""No pattern of the front-end takes more than linear time: eight times the text is about eight times the work."""

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

import wyoming_qwen3tts.text
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.normalization.normalize import _rules

SHORT, TIMES = 500, 8
NOTICED_S = 0.01  # below this the clock tells nothing
SEEDS = [
    *("0", "1.", "1,", "1 ", "1:", "1-", "1/", "12 3 ", "a", "a.", "a-", "a ", "A.", "A", "_", "*", "*a", "**a", " "),
    "\n",
    *("<", "<a ", "<a", "[", "](", "[a](b", "`", "|", "-", "- ", "#", "&", "&amp", "(", '"', "'", "x", "/", "@", "a@"),
    *("://", "http://", "www.", "+49 ", "1:1:", "$", "1$", "°", "今", "あ", "가", "é", "\u0301", ".", "?", "!", "…"),
    *("=", "٣", "𝟘"),
    *("<-", "~", "1~", "½", "²", "I", "X.", "<|", "<think ", "</", "1.1.", "1,1,", "1e", "%", "1 %", "M"),
    *("1 000 ", "km/"),
    *("\t", " \n", "a_", "_a", "<!--", "-->", "1st ", "am 3. "),
]  # fmt: skip
# Only ever matched at a given place, so they are measured there.
ANCHORED = {
    *("front_end._PLAIN", "language.detect._ONE_WORD", "sentences.full_stop._LIST_NUMBER", "sentences.splitter._TAG"),
    *("sentences.line_break._MARKED_LINE", "sentences.splitter._BREAK_NEXT", "tracked_text._NEXT_SENTENCE"),
    "normalization.grammars.de._FEMININE",
}


def patterns() -> dict[str, re.Pattern[str]]:
    """Every compiled pattern of the front-end's modules, and those of the rules of each language."""
    package, found = wyoming_qwen3tts.text, {}
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            for at, pattern in enumerate(_within(value)):
                found[f"{module.name.removeprefix(package.__name__)[1:]}.{name}{at or ''}"] = pattern
    for language in LANGUAGES:
        for at, rule in enumerate(_rules(language)):
            found[f"{language} {rule.name} {at}"] = rule.pattern
    return {name: pattern for pattern, name in {pattern: name for name, pattern in reversed(found.items())}.items()}


def _within(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _within(part)


def _spent(name: str, pattern: re.Pattern[str], text: str) -> float:
    started = time.process_time()
    if name in ANCHORED:
        pattern.match(text)
    else:
        for _ in pattern.finditer(text):
            pass
    return time.process_time() - started


PATTERNS = patterns()


@pytest.mark.timing
@pytest.mark.parametrize("name", PATTERNS)
def test_a_pattern_takes_linear_time(name: str) -> None:
    pattern = PATTERNS[name]
    for seed in SEEDS:
        short, long = (f"{(seed * length)[:length]}\x01" for length in (SHORT, SHORT * TIMES))
        if _spent(name, pattern, long) > NOTICED_S:
            grown = min(_spent(name, pattern, long) for _ in range(3))
            first = min(_spent(name, pattern, short) for _ in range(3))
            assert grown < NOTICED_S or grown < 3 * TIMES * first, f"{seed!r}: {first:.6f} s, then {grown:.6f} s"


@pytest.mark.parametrize("name", sorted(ANCHORED))
def test_a_pattern_that_is_only_matched_in_place_is_there(name: str) -> None:
    assert name in PATTERNS
