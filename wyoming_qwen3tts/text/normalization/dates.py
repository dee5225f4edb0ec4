"""Dates in figures, and days of a month in words."""

import re
from typing import Final

from .context import text_before, word_before
from .grammars.grammar import LEFT, Grammar
from .rule import Rule, alternatives

_DAY: Final = r"(?:3[01]|[12]\d|0?[1-9])"
_MONTH: Final = r"(?:1[0-2]|0?[1-9])"
_YEAR: Final = r"(?:1[5-9]|20|21)\d\d"

_ISO = re.compile(
    rf"{LEFT}({_YEAR})-(0[1-9]|1[0-2])-([0-2]\d|3[01])"
    r"(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![0-9]|-\d)"
)
_YEAR_FIRST = re.compile(rf"{LEFT}({_YEAR})[./]({_MONTH})[./]({_DAY})(?![0-9]|[./]\d)")
_DOTTED = re.compile(rf"{LEFT}({_DAY})\.\s?({_MONTH})\.(?:\s?({_YEAR}|\d\d(?![\d:])))?(?!\d|\.\d)")
_DOTTED_SPAN = re.compile(rf"{LEFT}({_DAY})\.\s?[-–]\s?({_DAY})\.\s?({_MONTH})\.(?:\s?({_YEAR}))?(?!\d|\.\d)")
_SLASHED = re.compile(rf"{LEFT}({_DAY})([/-])({_DAY})\2({_YEAR}|\d\d)(?![0-9]|[/-]\d)")
_SLASHED_SHORT = re.compile(rf"{LEFT}(?<!第)({_DAY})/({_DAY})(?![0-9/%]|[.,]\d|\s?(?:页|頁|ページ|쪽))")
# "26.11 или 27.11": Russian decimals have a comma, so this is a day, unless a unit follows.
_RUSSIAN_SHORT = re.compile(
    r"(?<![\d.,])(0[1-9]|[12]\d|3[01])\.(0[1-9]|1[0-2])(?=\s*(?:[.,;!?](?!\d)|или\b|и\b|в\s|$))"
)
_DATE_LEADS: Final = {
    "en": "on by until since from due before after monday, tuesday, wednesday, thursday, friday, saturday, sunday,",
    "fr": "le du au lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "el del al día lunes martes miércoles jueves viernes sábado domingo",
    "it": "il del al dal giorno lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "pt": "dia no em de até segunda terça quarta quinta sexta sábado domingo"
    " segunda-feira terça-feira quarta-feira quinta-feira sexta-feira",
    "de": "am vom zum bis ab den",
    "ru": "",
    "ja": "",
    "ko": "",
    "zh": "",
}


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for dates, those in figures first."""

    def slashed(match: re.Match[str]) -> str | None:
        first, second, year = match[1], match[3], match[4]
        if match[2] == "-" and len(year) == 2:
            return None
        day, month = (second, first) if _month_first(grammar, first, second) else (first, second)
        return _date(grammar, match, day, month, year if len(year) == 4 else f"20{year}")

    def short(match: re.Match[str]) -> str | None:
        if grammar.code in ("ja", "zh", "ko"):
            return _date(grammar, match, match[2], match[1], "") if int(match[1]) <= 12 and int(match[2]) > 9 else None
        word = word_before(match)
        is_clear = int(match[1]) > 12 >= int(match[2]) or (
            grammar.code == "en" and int(match[2]) > 12 >= int(match[1]) > 9
        )
        if not is_clear and word not in _DATE_LEADS[grammar.code].split():
            return None
        day, month = (match[2], match[1]) if _month_first(grammar, match[1], match[2]) else (match[1], match[2])
        return _date(grammar, match, day, month, "")

    found = [
        Rule("date", _ISO, lambda match: _iso(match, grammar), "-"),
        Rule("date", _YEAR_FIRST, lambda match: _date(grammar, match, match[3], match[2], match[1]), "./"),
        Rule("date", _SLASHED, slashed, "/-"),
        Rule("date", _SLASHED_SHORT, short, "/"),
    ]
    if grammar.code in ("de", "ru", "it", "fr", "es", "pt", "en"):
        if grammar.code == "de":
            found.append(Rule("date", _DOTTED_SPAN, lambda match: _german_span(match, grammar), "."))
        found.append(Rule("date", _DOTTED, lambda match: _dotted(match, grammar), "."))
    if grammar.code == "ru":
        found.append(Rule("date", _RUSSIAN_SHORT, lambda match: _date(grammar, match, match[1], match[2], ""), "."))
    return found + (_word_date_rules(grammar) if grammar.months() else [])


def _iso(match: re.Match[str], grammar: Grammar) -> str | None:
    """ "2026-11-23T19:30"."""
    spoken = _date(grammar, match, match[3], match[2], match[1])
    if spoken is None or match[4] is None:
        return spoken
    clock = grammar.clock(int(match[4]), int(match[5]), int(match[6]) if match[6] and int(match[6]) else None, "")
    return {"ko": " ", "ja": "", "zh": ""}.get(grammar.code, ", ").join((spoken, clock))


def _german_span(match: re.Match[str], grammar: Grammar) -> str:
    """ "24.-26.12.2026"."""
    lead = f"{text_before(match)}vom "
    month, year = int(match[3]), match[4] or ""
    first = grammar.date(int(match[1]), month, "", lead).rpartition(" ")[0]
    return f"{first} bis {grammar.date(int(match[2]), month, year, lead)}"


def _dotted(match: re.Match[str], grammar: Grammar) -> str | None:
    year = match[3] or ""
    if not year and grammar.code != "de":
        return None  # "1.5." may end a sentence
    return _date(grammar, match, match[1], match[2], f"20{year}" if len(year) == 2 else year)


def _month_first(grammar: Grammar, first: str, second: str) -> bool:
    if int(second) > 12:
        return True
    return grammar.code in ("en", "ja", "zh", "ko") and int(first) <= 12


def _date(grammar: Grammar, match: re.Match[str], day: str, month: str, year: str) -> str | None:
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return None
    return grammar.date(int(day), int(month), year, text_before(match))


# How a day is marked beside the name of its month, what stands between them, and how a year follows.
_DAY_MARK: Final = {
    "de": r"\.",
    "en": r"(?:st|nd|rd|th)?",
    "fr": r"(?:er)?",
    "es": r"(?:º|\.º|o)?",
    "it": r"[º°]?",
    "pt": r"[º°o]?",
    "ru": r"(?:-?(?:го|е|ое))?",
}
_OF: Final = {"es": r"\s?(?:de|del)?\s", "pt": r"\s?(?:de)?\s"}
_OF_YEAR: Final = {"es": rf"(?:(?:\s(?:de|del)|,)?\s({_YEAR}))?", "pt": rf"(?:(?:\sde|,)?\s({_YEAR}))?"}
_PLAIN_YEAR: Final = rf"(?:,?\s({_YEAR})(?![\d:]))?"


def _word_date_rules(grammar: Grammar) -> list[Rule]:
    """A day beside the name of its month: "23. November 2026", "May 3rd"."""
    months, code = grammar.months(), grammar.code
    names = rf"(?:{alternatives(name for name in months if len(name) > 2)})"
    mark, of, year = _DAY_MARK[code], _OF.get(code, r"\s(?:of\s)?"), _OF_YEAR.get(code, _PLAIN_YEAR)
    tail = rf"{of}({names})\b\.?{year}" + (r"(?:\s(?:года|г\.))?" if code == "ru" else "")
    link = r"(\s?[-–—]\s?|\s(?:по|bis|au|al|a|to|e|и|und|et|y|and)\s)"
    spans = re.compile(rf"{LEFT}({_DAY}){mark}{link}({_DAY}){mark}{tail}", re.IGNORECASE)
    day_first = re.compile(rf"{LEFT}({_DAY}){mark}{tail}", re.IGNORECASE)

    def written(match: re.Match[str]) -> str | None:
        if code == "es" and match[1] == "1" and "º" in match[0]:
            return "primero" + grammar.written_date(1, months[match[2].casefold()], match[3] or "", "", "dm")[1:]
        month = months[match[2].casefold()]
        return grammar.written_date(int(match[1]), month, match[3] or "", text_before(match), "dm")

    found = [
        Rule("date", spans, lambda match: _span(grammar, match, months), "0"),
        Rule("date", day_first, written, "0"),
    ]
    return found + ([_month_first_rule(grammar, months, names)] if code == "en" else [])


def _month_first_rule(grammar: Grammar, months: dict[str, int], names: str) -> Rule:
    """ "May 3rd, 2026", but not "may 3"."""
    not_a_day = r"(?![\d:%]|[.,]\d|\s?(?:°|%|[ap]\.?m))"
    pattern = re.compile(
        rf"\b({names})\b\.?\s({_DAY})(?:st|nd|rd|th)?(?:\s?[-–]\s?({_DAY}))?{not_a_day}{_PLAIN_YEAR}", re.IGNORECASE
    )

    def written(match: re.Match[str]) -> str | None:
        if not match[1][0].isupper():
            return None
        spoken = grammar.written_date(int(match[2]), months[match[1].casefold()], "", text_before(match), "md")
        if match[3]:
            spoken += f" to {grammar.ordinal(int(match[3]), 'th', '', '')}"
        return f"{spoken}, {match[4]}" if match[4] else spoken

    return Rule("date", pattern, written, "0")


def _span(grammar: Grammar, match: re.Match[str], months: dict[str, int]) -> str | None:
    """ "3.–5. Mai", "с 3 по 5 мая": two days of one month."""
    first, link, last = int(match[1]), match[2].strip(), int(match[3])
    month, year = months[match[4].casefold()], match[5] or ""
    before = text_before(match)
    if grammar.code == "ru":
        lead = {"по": "по", "-": "по", "–": "по", "—": "по"}.get(link, before)
        start = grammar.date(first, month, "", before).rpartition(" ")[0]
        prefix = "с " if link in "-–—" and not re.search(r"\bс $", before) else ""
        return f"{prefix}{start} {'и' if link == 'и' else 'по'} {grammar.date(last, month, year, f'{lead} ')}"
    if grammar.code == "de":
        word = "bis" if link in "-–—" else link
        lead = before if word != "bis" or re.search(r"\b(?:vom|am|dem|den)\s$", before) else before + "vom "
        start = grammar.date(first, month, "", lead).rpartition(" ")[0]
        return f"{start} {word} {grammar.date(last, month, year, lead)}"
    if link not in "-–—":
        if grammar.code != "en":
            return None
        return f"{grammar.ordinal(first, 'th', '', '')} {link} {grammar.written_date(last, month, year, 'the ', 'dm')}"
    if grammar.code == "en":
        last_day = grammar.written_date(last, month, year, "the ", "dm")
        return f"the {grammar.range(grammar.ordinal(first, 'th', '', '') or '', last_day)}"
    return grammar.range(str(first), grammar.written_date(last, month, year, "the ", "dm"))
