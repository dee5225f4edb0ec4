"""Numbers, dates, units and signs -> words. The order of the rules is the design's (6.5)."""

import re
from functools import cache
from typing import Final

from ..tracked_text import TrackedText
from . import addresses, dates, durations, generic_rules, money, numbers, roman, symbols, times, units, weekdays
from .context import text_before
from .grammars import grammar
from .grammars.generic import Generic
from .grammars.grammar import Grammar, spell
from .grammars.shortened import BEFORE_FIGURES, MORE, TITLES
from .rule import Rule, alternatives

_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"[\w\s.,;:!?'\"()’]*", re.ASCII)
_BLANKS = re.compile(r"\s+")
_BLANK_BEFORE = re.compile(r"\s(?=[,.;:!?](?:\s|$))|\s(?=[。！？、，；：])|(?<=[。！？、，；：])\s")
_EAST_ASIAN = "\u3040-\u30ff\u3400-\u9fff"
_EAST_ASIAN_BLANK = re.compile(
    rf"(?<=[{_EAST_ASIAN}]) (?=[{_EAST_ASIAN}\d\ue000-\ue009])|(?<=[\d\ue000-\ue009]) (?=[{_EAST_ASIAN}])"
)
_UNIT_LIKE: Final = frozenset("min мин вт г д кв см м с st std sek".split())
_STREET = re.compile(r"(?<=[a-z] )St\.(?=\s+[a-z\d]|,|\s*$)")
_SAINT = re.compile(r"\bSt\.(?=\s+[A-Z])")
# Signs that look alike: Home Assistant writes μ with the Greek letter, sensors and keyboards differ in the others.
_ALIKE: Final = str.maketrans("μΩKÅ˚‐‑﹣﹪∕∼˜〜⋅∙", "µΩKÅ°---%/~~~··")
_LETTERED = re.compile(
    r"(?:vitamin|grup|plan|letr|clas|tip|zon|líne|opci|bloq|secci|part|categor|витамин|групп|план|част|класс)\w*\s$",
    re.IGNORECASE,
)
# Words whose reading depends on more than the next word; what follows them closely is not settled.
LOOKS_AHEAD: Final = re.compile(
    rf"(?<![\w])(?:{alternatives(weekdays.short_names())}"
    r"|[IVXL]{2,6}e?|[VX]|Me|St|Ste|Gal|Ave|Rd|Blvd|Ln|Hwy|[Ss]ono le)(?![\w])|[\u00bc-\u00be\u2150-\u215e]"
)
_BARE_TIMES = re.compile(r"(?<=[1-9\d])(?<!\b0)[x×](?=\d)")  # "10x10 ft"
_BARE_POINT = re.compile(r"(?<![\w.,:/)\]-])\.(?=\d)")  # ".5 cups"
_NAME = r"(?=\s[A-ZÀ-ÝА-ЯЁ])"
# "123 Main St", "on Fifth Ave": a road behind its name.
_ROADS: Final = {"St": "Street", "Ave": "Avenue", "Rd": "Road", "Blvd": "Boulevard", "Ln": "Lane", "Hwy": "Highway"}
_ROAD = re.compile(rf"(?<=[a-z] )(?:{'|'.join(_ROADS)})(?=[,;!?]|\s(?![A-Z])|\s*$)")
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
    if language != "el":  # where μ is a letter like others
        tracked.text = tracked.text.translate(_ALIKE)
    tracked.capitals_start_sentences = language != "de"
    tracked.unwrap("number", _BARE_POINT, "0.")
    tracked.unwrap("number", _BARE_TIMES, " × ")
    has_digit = bool(_DIGIT.search(tracked.text))
    text, signs = "", frozenset[str]()
    for rule in _rules(language):
        if tracked.text is not text:  # a rule has rewritten it
            text, signs = tracked.text, frozenset(tracked.text)
        if not rule.needs or (has_digit if rule.needs == "0" else not signs.isdisjoint(rule.needs)):
            tracked.rewrite(rule.name, rule.pattern, rule.spoken)
    tracked.text = _BLANK_BEFORE.sub("", _BLANKS.sub(" ", tracked.text))
    if language in ("ja", "zh"):
        tracked.text = _EAST_ASIAN_BLANK.sub("", tracked.text)
    if strict:
        tracked.text = tracked.finished()
        tracked.rewrite("number", _WHOLE, lambda match: _in_words(int(match[0]), speech))


def _in_words(number: int, speech: Grammar) -> str | None:
    if isinstance(speech, Generic):
        return speech.spelled(number)
    return spell(number, speech.code, _RULESETS.get(speech.code, "spellout-cardinal-masculine"))


@cache
def _rules(language: str) -> tuple[Rule, ...]:
    speech = grammar(language)
    if isinstance(speech, Generic):
        return tuple(generic_rules.rules(speech))
    found = (
        addresses.rules(speech)
        + weekdays.rules(speech)
        + roman.rules(speech)
        + _abbreviation_rules(speech)
        + symbols.power_rules(speech)
        + units.slash_rules(speech)
        + dates.rules(speech)
        + durations.rules(speech)
        + times.rules(speech)
        + numbers.marked_rules(speech)
    )
    for module in (money, units, numbers, symbols):
        found += module.rules(speech)
    return tuple(found)


def _abbreviation_rules(speech: Grammar) -> list[Rule]:
    words = _any_case(MORE[speech.code] | speech.abbreviations)
    pattern = re.compile(rf"(?<![\w./])(?<![A-Z]\. )(?:{alternatives(words)})(?![\w])")

    def spoken(match: re.Match[str]) -> str | None:
        return _abbreviation(match, words)

    more = []
    if titles := TITLES.get(speech.code):
        title = re.compile(rf"(?<![\w./])(?<!\d )(?<![A-Z]\. )(?:{alternatives(_any_case(titles))}){_NAME}")
        more.append(Rule("abbreviation", title, lambda match: _title(match, _any_case(titles))))
    if figures := BEFORE_FIGURES.get(speech.code):
        figure = re.compile(rf"(?<![\w./])(?:{alternatives(_any_case(figures))})(?=\s?\d)")
        more.append(Rule("abbreviation", figure, lambda match: _figure(match, _any_case(figures)), "0"))
    if speech.code == "de":  # "Hauptstr. 5"
        more.append(Rule("abbreviation", re.compile(r"(?<=[a-zäöüß])str\.(?=\s)"), "straße", "."))
    elif speech.code == "en":
        more += [
            Rule("abbreviation", _STREET, "Street", "."),
            Rule("abbreviation", _SAINT, "Saint", "."),
            Rule("abbreviation", _ROAD, lambda match: _ROADS[match[0]]),
        ]
    return [
        *more,
        Rule("abbreviation", pattern, spoken, "./" if all("." in word or "/" in word for word in words) else ""),
    ]


def _any_case(words: dict[str, str]) -> dict[str, str]:
    """The words, and the same at the start of a sentence."""
    return {key[0].upper() + key[1:]: word[0].upper() + word[1:] for key, word in words.items()} | words


def _title(match: re.Match[str], words: dict[str, str]) -> str | None:
    """ "D. Juan", but not "vitamina D. Tome"."""
    return None if len(match[0]) == 2 and _LETTERED.search(text_before(match)) else words[match[0]]


def _figure(match: re.Match[str], words: dict[str, str]) -> str | None:
    """ "p. 5", but not "5 p. 5"."""
    before = match.string[max(0, match.start() - 3) : match.start()]
    return None if re.search(r"\d\s?$", before) else words[match[0]]


def _abbreviation(match: re.Match[str], words: dict[str, str]) -> str | None:
    """The word in full; a full stop that also ended the sentence stays."""
    text, end = match.string, match.end()
    written = match[0]
    rest = text[end:]
    if written.endswith(".") and len(written) <= 3 and not rest.strip():
        return None  # at the end of a text "so." and "no." are words
    if written.casefold().strip(".") in _UNIT_LIKE and re.search(
        r"\d\s?$", text[max(0, match.start() - 3) : match.start()]
    ):
        return None  # "5 min.", "760 Вт": a unit
    if re.match(r"\s+[A-ZÄÖÜ]\w*\s", rest) and written.casefold() in ("etc.", "usw.", "ecc."):
        return f"{words[written]}."
    return words[written]
