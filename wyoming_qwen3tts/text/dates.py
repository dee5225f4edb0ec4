"""Dates in figures, and days of a month in words."""

import re
from typing import Final

from .context import text_before, word_before
from .grammar import LEFT, Grammar
from .rule import Rule, alternatives

_DAY: Final = r"(?:3[01]|[12]\d|0?[1-9])"
_MONTH: Final = r"(?:1[0-2]|0?[1-9])"
_YEAR: Final = r"(?:1[5-9]|20|21)\d\d"

_ISO = re.compile(
    rf"{LEFT}({_YEAR})-(0[1-9]|1[0-2])-([0-2]\d|3[01])(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![0-9]|-\d)"
)
_YEAR_FIRST = re.compile(rf"{LEFT}({_YEAR})[./]({_MONTH})[./]({_DAY})(?![0-9]|[./]\d)")
_DOTTED = re.compile(rf"{LEFT}({_DAY})\.\s?({_MONTH})\.(?:\s?({_YEAR}|\d\d(?![\d:])))?(?!\d|\.\d)")
_SLASHED = re.compile(rf"{LEFT}({_DAY})([/-])({_DAY})\2({_YEAR}|\d\d)(?![0-9]|[/-]\d)")
_SLASHED_SHORT = re.compile(rf"{LEFT}({_DAY})/({_DAY})(?![0-9/%]|[.,]\d)")
_DATE_LEADS: Final = {
    "en": "on by until since from due before after monday, tuesday, wednesday, thursday, friday, saturday, sunday,",
    "fr": "le du au lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "el del al día lunes martes miércoles jueves viernes sábado domingo",
    "it": "il del al dal giorno lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "pt": "dia no em de até segunda terça quarta quinta sexta sábado domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira",
    "de": "am vom zum bis ab den",
    "ru": "",
    "ja": "",
    "ko": "",
    "zh": "",
}


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for dates, those in figures first."""

    def iso(match: re.Match[str]) -> str | None:
        spoken = _date(grammar, match, match[3], match[2], match[1])
        if spoken is None or match[4] is None:
            return spoken
        clock = grammar.clock(int(match[4]), int(match[5]), int(match[6]) if match[6] and int(match[6]) else None, "")
        return (
            f"{spoken} {clock}"
            if grammar.code == "ko"
            else f"{spoken}{clock}"
            if grammar.code in ("ja", "zh")
            else f"{spoken}, {clock}"
        )

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
        if word not in _DATE_LEADS[grammar.code].split():
            return None
        day, month = (match[2], match[1]) if _month_first(grammar, match[1], match[2]) else (match[1], match[2])
        return _date(grammar, match, day, month, "")

    found = [
        Rule("date", _ISO, iso, "-"),
        Rule("date", _YEAR_FIRST, lambda match: _date(grammar, match, match[3], match[2], match[1]), "./"),
        Rule("date", _SLASHED, slashed, "/-"),
        Rule("date", _SLASHED_SHORT, short, "/"),
    ]
    if grammar.code in ("de", "ru", "it", "fr", "es", "pt", "en"):
        found.append(Rule("date", _DOTTED, lambda match: _dotted(match, grammar), "."))
    return found + (_word_date_rules(grammar) if grammar.months() else [])


def _dotted(match: re.Match[str], grammar: Grammar) -> str | None:
    year = match[3] or ""
    if not year and grammar.code != "de":
        return None
    return _date(grammar, match, match[1], match[2], f"20{year}" if len(year) == 2 else year)


def _month_first(grammar: Grammar, first: str, second: str) -> bool:
    if int(second) > 12:
        return True
    return grammar.code in ("en", "ja", "zh", "ko") and int(first) <= 12


def _date(grammar: Grammar, match: re.Match[str], day: str, month: str, year: str) -> str | None:
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return None
    return grammar.date(int(day), int(month), year, text_before(match))


def _word_date_rules(grammar: Grammar) -> list[Rule]:
    """A day beside the name of its month: "23. November 2026", "May 3rd"."""
    months = grammar.months()
    names = rf"(?:{alternatives(name for name in months if len(name) > 2)})"
    of = {"es": r"\s?(?:de|del)?\s", "pt": r"\s?(?:de)?\s"}.get(grammar.code, r"\s(?:of\s)?")
    year = {"es": rf"(?:(?:\s(?:de|del)|,)?\s({_YEAR}))?", "pt": rf"(?:(?:\sde|,)?\s({_YEAR}))?"}.get(
        grammar.code, rf"(?:,?\s({_YEAR})(?![\d:]))?"
    )
    mark = {
        "de": r"\.",
        "en": r"(?:st|nd|rd|th)?",
        "fr": r"(?:er)?",
        "es": r"(?:º|\.º|o)?",
        "it": r"[º°]?",
        "pt": r"[º°o]?",
        "ru": r"(?:-?(?:го|е|ое))?",
    }[grammar.code]
    tail = r"(?:\s(?:года|г\.))?" if grammar.code == "ru" else ""
    day_first = re.compile(rf"{LEFT}({_DAY}){mark}{of}({names})\b\.?{year}{tail}", re.IGNORECASE)

    def written(match: re.Match[str]) -> str | None:
        if grammar.code == "es" and match[1] == "1" and "º" in match[0]:
            return "primero" + grammar.written_date(1, months[match[2].casefold()], match[3] or "", "", "dm")[1:]
        return grammar.written_date(
            int(match[1]), months[match[2].casefold()], match[3] or "", text_before(match), "dm"
        )

    def span(match: re.Match[str]) -> str | None:
        return _span(grammar, match, months)

    spans = re.compile(
        rf"{LEFT}({_DAY}){mark}(\s?[-–—]\s?|\s(?:по|bis|au|al|a|to|e|и|und|et|y|and)\s)({_DAY}){mark}{of}({names})\b\.?{year}{tail}",
        re.IGNORECASE,
    )
    found = [Rule("date", spans, span, "0"), Rule("date", day_first, written, "0")]
    if grammar.code == "en":
        month_first = re.compile(
            rf"\b({names})\b\.?\s({_DAY})(?:st|nd|rd|th)?(?![\d:%]|[.,]\d|\s?(?:°|%|[ap]\.?m)){year}", re.IGNORECASE
        )

        def written_month_first(match: re.Match[str]) -> str | None:
            if not match[1][0].isupper():
                return None
            return grammar.written_date(
                int(match[2]), months[match[1].casefold()], match[3] or "", text_before(match), "md"
            )

        found.append(Rule("date", month_first, written_month_first, "0"))
    return found


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
    return grammar.range(str(first), grammar.written_date(last, month, year, "the ", "dm"))
