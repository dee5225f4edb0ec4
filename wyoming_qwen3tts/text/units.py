"""Numbers with units: symbols of the SI, of meters, sensors and networks -> the words of the language."""

import re
from typing import Final

from .grammar import LEFT, RIGHT, Grammar
from .rule import Rule, alternatives
from .unit_symbol import PER_SYMBOLS, SYMBOLS, SYMBOLS_BY_LANGUAGE

DASH: Final = r"\s?[-–—~〜～]\s?"

# Symbols that are also words or names; they count as units only where a space and nothing word-like could mislead.
_SPACED_ONLY: Final = frozenset(("A", "B", "t", "d", "K", "o", "j", "Mo", "To", "Go", "mi", "m2", "m3", "Mb"))
_DECADE: Final = re.compile(r"(?:['’]|\bthe |\d\d)\d0$")  # "the 90s", "1990s"

PER: Final = rf"(?:\s?(?:/|per |pro |por |par )\s?(?P<per>{alternatives(PER_SYMBOLS)})(?![A-Za-z0-9\u00c0-\u024f\u0400-\u04ff]))?"


# After these a range stands bare: "per 25 30 minuti", "на 25 30 минут", not "per da 25 a 30".
BARE: Final = {
    "it": frozenset("per in di a con su ogni entro".split()),
    "ru": frozenset("на за в через по каждые".split()),
}
BETWEEN: Final = frozenset("between zwischen entre tra fra".split())  # what follows is "3 and 5"


def per_name(symbol: str) -> str:
    """The name of what an amount is per: "kWh" -> "kilowatt-hour"."""
    return PER_SYMBOLS[symbol]


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for numbers with units, ranges first."""
    table = {symbol: unit for symbol, unit in (SYMBOLS | SYMBOLS_BY_LANGUAGE[grammar.code]).items() if unit}
    if grammar.code in ("es", "pt", "it", "fr"):
        del table["º"]  # there it marks an ordinal
    if grammar.code != "fr":
        for symbol in ("Mo", "Go", "To"):
            table.pop(symbol, None)
    symbols = alternatives(table)
    number = grammar.number
    unit = rf"(?P<gap>\s?)(?P<unit>{symbols}){RIGHT}(?!\.?[A-Za-z]){PER}"
    span = re.compile(rf"{LEFT}(?P<first>[-−–+]?{number})(?:\s?(?:°C|°F|°|%))?(?:{DASH})(?P<last>[-−+]?{number}){unit}")
    one = re.compile(rf"{LEFT}(?P<sign>[-−–+±](?:/[-−])?\s?)?(?P<number>{number}){unit}")
    inches = re.compile(rf"{LEFT}(?P<number>{number})(?:″|\"(?=[^\"]*$))")
    two = re.compile(
        rf"{LEFT}(?P<first>\d+)\s?(?P<h>h|hr|hrs|ч|Std\.?)\s(?P<last>\d+)\s?(?P<min>min|mins|м|мин|Min\.?)\b\.?"
    )

    def name(match: re.Match[str]) -> str | None:
        symbol = match["unit"]
        if (
            symbol in _SPACED_ONLY
            and grammar.code not in ("zh", "ja", "ko")
            and not match["gap"]
            and not (symbol == "K" and len(match["number" if "number" in match.re.groupindex else "last"]) == 4)
        ):
            return None
        if symbol == "s" and not match["gap"] and _DECADE.search(match.string[: match.start("unit")]):
            return None
        base = table[symbol]
        return f"{base} per {PER_SYMBOLS[match['per']]}" if match["per"] else base

    def speak(match: re.Match[str]) -> str | None:
        if (unit_name := name(match)) is None:
            return None
        sign = (match["sign"] or "").strip()
        spoken = grammar.quantity(
            grammar.parse(("±" if "/" in sign else sign) + match["number"]), unit_name, _before(match)
        )
        return _spaced(match, spoken, grammar)

    def speak_span(match: re.Match[str]) -> str | None:
        if (unit_name := name(match)) is None:
            return None
        lead = match.string[max(0, match.start() - 12) : match.start()].rstrip().rpartition(" ")[2].casefold()
        if lead in BARE.get(grammar.code, ()):
            last = grammar.quantity(grammar.parse(match["last"]), unit_name)
            return _spaced(match, f"{grammar.say(grammar.parse(match['first']))} {last}", grammar)
        if lead in BETWEEN:
            last = grammar.quantity(grammar.parse(match["last"]), unit_name)
            return _spaced(
                match, f"{grammar.say(grammar.parse(match['first']))} {grammar.signs['and']} {last}", grammar
            )
        spoken = grammar.quantity_range(grammar.parse(match["first"]), grammar.parse(match["last"]), unit_name)
        return _spaced(match, _without_lead(spoken, lead, grammar), grammar)

    def speak_two(match: re.Match[str]) -> str:
        return " ".join(
            grammar.quantity(grammar.parse(match[group]), unit)
            for group, unit in (("first", "duration-hour"), ("last", "duration-minute"))
        )

    def speak_inches(match: re.Match[str]) -> str | None:
        if match.string[: match.start()].count('"') % 2:
            return None  # a closing quotation mark
        return grammar.quantity(grammar.parse(match["number"]), "length-inch")

    return [
        Rule("unit", inches, speak_inches, '″"'),
        Rule("duration", two, speak_two, "0"),
        Rule("range", span, speak_span, "0"),
        Rule("unit", one, speak, "0"),
    ]


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - 40) : match.start()]


def _spaced(match: re.Match[str], spoken: str, grammar: Grammar) -> str:
    """Spoken words kept apart from a word that touched the symbol."""
    after = match.string[match.end() : match.end() + 1]
    return f"{spoken} " if after.isalnum() and grammar.code not in ("ja", "zh", "ko") else spoken


def _without_lead(spoken: str, lead: str, grammar: Grammar) -> str:
    """No second "from" where the text has one: "da 3-5" is not "da da 3 a 5"."""
    own = {"it": "da ", "ru": "от "}.get(grammar.code)
    if own is None or not spoken.startswith(own):
        return spoken
    if lead in ("da", "dai", "dalle", "от", "с"):
        return spoken.removeprefix(own)
    return spoken
