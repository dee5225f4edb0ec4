"""Numbers, dates, units and signs -> words. The order of the rules is the design's (6.5)."""

import re
from functools import cache
from typing import Final

from ..tracked_text import TrackedText
from . import addresses, dates, money, numbers, symbols, times, units
from .grammars import grammar
from .grammars.grammar import Grammar, spell
from .rule import Rule, alternatives

_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"[\w\s.,;:!?'\"()’]*", re.ASCII)
_BLANKS = re.compile(r"\s+")
_BLANK_BEFORE = re.compile(r"\s(?=[,.;:!?](?:\s|$))|\s(?=[。！？、，；：])|(?<=[。！？、，；：])\s")
_EAST_ASIAN = "\u3040-\u30ff\u3400-\u9fff"
_EAST_ASIAN_BLANK = re.compile(
    rf"(?<=[{_EAST_ASIAN}]) (?=[{_EAST_ASIAN}\d\ue000-\ue009])|(?<=[\d\ue000-\ue009]) (?=[{_EAST_ASIAN}])"
)
_WEEKDAYS: Final = frozenset("Mo. Di. Mi. Do. Sa. So.".split())
_BEFORE_WEEKDAY = re.compile(r"\b(?:am|bis|von|vom|ab|und|jeden|nächsten)\s$", re.IGNORECASE)
_UNIT_LIKE: Final = frozenset("min мин вт г д кв st std sek".split())
_STREET = re.compile(r"(?<=[a-z] )St\.(?=\s+[a-z\d]|,|\s*$)")
_SAINT = re.compile(r"\bSt\.(?=\s+[A-Z])")
_WHOLE = re.compile(r"(?<![\w])\d{1,15}(?!\w)")
_RULESETS: Final = {
    "en": "spellout-cardinal",
    "zh": "spellout-cardinal",
    "ja": "spellout-cardinal",
    "ko": "spellout-cardinal-sinokorean",
}


def normalize(tracked: TrackedText, language: str, *, strict: bool = False) -> None:
    """Write out what the model would misread; ``strict`` writes out plain whole numbers too."""
    speech = grammar(language)
    tracked.capitals_start_sentences = language != "de"
    has_digit = bool(_DIGIT.search(tracked.text))
    for rule in _rules(language):
        if not rule.needs or (has_digit if rule.needs == "0" else any(sign in tracked.text for sign in rule.needs)):
            tracked.rewrite(rule.name, rule.pattern, rule.spoken)
    tracked.text = _BLANK_BEFORE.sub("", _BLANKS.sub(" ", tracked.text))
    if language in ("ja", "zh"):
        tracked.text = _EAST_ASIAN_BLANK.sub("", tracked.text)
    if strict:
        tracked.text = tracked.finished()
        ruleset = _RULESETS.get(speech.code, "spellout-cardinal-masculine")
        tracked.rewrite("number", _WHOLE, lambda match: spell(int(match[0]), speech.code, ruleset))


@cache
def _rules(language: str) -> tuple[Rule, ...]:
    speech = grammar(language)
    found = (
        addresses.rules(speech)
        + _abbreviation_rules(speech)
        + dates.rules(speech)
        + times.rules(speech)
        + numbers.marked_rules(speech)
    )
    for module in (money, units, numbers, symbols):
        found += module.rules(speech)
    return tuple(found)


def _abbreviation_rules(speech: Grammar) -> list[Rule]:
    if not speech.abbreviations:
        return []
    words = {
        key[0].upper() + key[1:]: word[0].upper() + word[1:] for key, word in speech.abbreviations.items()
    } | speech.abbreviations
    pattern = re.compile(rf"(?<![\w./])(?<![A-Z]\. )(?:{alternatives(words)})(?![\w])")

    def spoken(match: re.Match[str]) -> str | None:
        return _abbreviation(match, words)

    more = []
    if speech.code == "de":  # "Hauptstr. 5"
        more = [Rule("abbreviation", re.compile(r"(?<=[a-zäöüß])str\.(?=\s)"), "straße", ".")]
    elif speech.code == "en":
        more = [Rule("abbreviation", _STREET, "Street", "."), Rule("abbreviation", _SAINT, "Saint", ".")]
    return [
        *more,
        Rule("abbreviation", pattern, spoken, "./" if all("." in word or "/" in word for word in words) else ""),
    ]


def _abbreviation(match: re.Match[str], words: dict[str, str]) -> str | None:
    """The word in full; a full stop that also ended the sentence stays."""
    text, end = match.string, match.end()
    written = match[0]
    rest = text[end:]
    if len(written) <= 3 and not rest.strip():
        return None  # at the end of a text "so." and "no." are words
    if written in _WEEKDAYS and not (_BEFORE_WEEKDAY.search(text[: match.start()]) or re.match(r",?\s\d", rest)):
        return None  # "So. Jetzt geht es los."
    if written.casefold().strip(".") in _UNIT_LIKE and re.search(r"\d\s?$", text[: match.start()]):
        return None  # "5 min.", "760 Вт": a unit
    if re.match(r"\s+[A-ZÄÖÜ]\w*\s", rest) and written.casefold() in ("etc.", "usw.", "ecc."):
        return f"{words[written]}."
    return words[written]
