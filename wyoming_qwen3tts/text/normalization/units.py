"""Numbers with units, in the words of the language, with ranges and rates."""

import re
from typing import Final

from .context import text_before, touches_word, word_before
from .grammars.grammar import LEFT, RIGHT, Grammar
from .rule import Rule, alternatives
from .unit_symbol import PER_SYMBOLS, SYMBOLS, SYMBOLS_BY_LANGUAGE

DASH: Final = r"\s?[-–—~〜～]\s?"
PER: Final = (
    rf"(?:\s?(?:/|per |pro |por |par )\s?(?P<per>{alternatives(PER_SYMBOLS)})"
    r"(?![A-Za-z0-9\u00c0-\u024f\u0400-\u04ff]))?"
)
# After these a range stands bare: "per 25 30 minuti", "на 25 30 минут", not "per da 25 a 30".
BARE: Final = {
    "it": frozenset("per in di a con su ogni entro".split()),
    "ru": frozenset("на за в через по каждые".split()),
}
BETWEEN: Final = frozenset("between zwischen entre tra fra".split())  # what follows is "3 and 5"
FROM: Final = frozenset("da dal dai dalle от с".split())  # the text has its own "from"

# Symbols that are also words or names; they count as units only after a blank.
_SPACED_ONLY: Final = frozenset(("A", "B", "t", "d", "K", "o", "j", "Mo", "To", "Go", "mi", "m2", "m3", "Mb"))
_DECADE: Final = re.compile(r"(?:['’]|\bthe |\d\d)\d0$")  # "the 90s", "1990s"


def per_name(symbol: str) -> str:
    """The name of what an amount is per: "kWh" -> "kilowatt-hour"."""
    return PER_SYMBOLS[symbol]


def spoken_range(match: re.Match[str], grammar: Grammar, first: str, last: str) -> str:
    """ "3 to 5" in words that fit the word in front of it."""
    lead = word_before(match)
    if lead in BARE.get(grammar.code, ()):
        return f"{first} {last}"
    if lead in BETWEEN:
        return f"{first} {grammar.signs['and']} {last}"
    spoken = grammar.range(first, last)
    return spoken.partition(" ")[2] if lead in FROM and grammar.code in ("it", "ru") else spoken


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for numbers with units, ranges before single numbers."""
    units = _Units(grammar)
    number, symbols = grammar.number, alternatives(units.table)
    unit = rf"(?P<gap>\s?)(?P<unit>{symbols}){RIGHT}(?!\.?[A-Za-z]){PER}"
    inches = re.compile(rf"{LEFT}(?P<number>{number})(?:″|\"(?=[^\"]*$))")
    two = re.compile(
        rf"{LEFT}(?P<hours>\d+)\s?(?:h|hr|hrs|ч|Std\.?)\s(?P<minutes>\d+)\s?(?:min|mins|м|мин|Min\.?)\b\.?"
    )
    span = re.compile(
        rf"{LEFT}(?P<first>[-−–+]?{number})(?:\s?(?:°C|°F|°|%))?(?:{DASH})(?P<number>[-−+]?{number}){unit}"
    )
    one = re.compile(rf"{LEFT}(?P<sign>[-−–+±](?:/[-−])?\s?)?(?P<number>{number}){unit}")
    return [
        Rule("unit", inches, units.inches, '″"'),
        Rule("duration", two, units.duration, "0"),
        Rule("range", span, units.span, "0"),
        Rule("unit", one, units.one, "0"),
    ]


class _Units:
    """The unit symbols of one language, and how numbers with them are spoken."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self.table = SYMBOLS | SYMBOLS_BY_LANGUAGE[grammar.code]
        if grammar.code in ("es", "pt", "it", "fr"):
            del self.table["º"]  # there it marks an ordinal
        if grammar.code != "fr":
            for octets in ("Mo", "Go", "To"):
                del self.table[octets]
        self._glued = _SPACED_ONLY if grammar.code not in ("zh", "ja", "ko") else frozenset()

    def one(self, match: re.Match[str]) -> str | None:
        """ "-3 °C"."""
        if (unit := self._name(match)) is None:
            return None
        sign = (match["sign"] or "").strip()
        number = self._grammar.parse(("±" if "/" in sign else sign) + match["number"])
        return self._apart(match, self._grammar.quantity(number, unit, text_before(match)))

    def span(self, match: re.Match[str]) -> str | None:
        """ "3-5 °C"."""
        if (unit := self._name(match)) is None:
            return None
        grammar, lead = self._grammar, word_before(match)
        first, last = grammar.parse(match["first"]), grammar.parse(match["number"])
        if lead in BETWEEN or lead in BARE.get(grammar.code, ()):
            return self._apart(match, spoken_range(match, grammar, grammar.say(first), grammar.quantity(last, unit)))
        spoken = grammar.quantity_range(first, last, unit)
        plain = grammar.range("", "").partition(" ")[0]  # "da", "от"
        if lead in FROM and grammar.code in ("it", "ru"):
            spoken = spoken.removeprefix(f"{plain} ")
        return self._apart(match, spoken)

    def duration(self, match: re.Match[str]) -> str:
        """ "2 h 15 min"."""
        hours = self._grammar.quantity(self._grammar.parse(match["hours"]), "duration-hour")
        return f"{hours} {self._grammar.quantity(self._grammar.parse(match['minutes']), 'duration-minute')}"

    def inches(self, match: re.Match[str]) -> str | None:
        """'55"', unless the mark closes a quotation."""
        if match.string[: match.start()].count('"') % 2:
            return None
        return self._grammar.quantity(self._grammar.parse(match["number"]), "length-inch")

    def _name(self, match: re.Match[str]) -> str | None:
        """The unit's name, or None where the letters mean something else."""
        symbol = match["unit"]
        if symbol in self._glued and not match["gap"] and not (symbol == "K" and len(match["number"]) == 4):
            return None
        if symbol == "s" and not match["gap"] and _DECADE.search(match.string[: match.start("unit")]):
            return None
        base = self.table[symbol]
        return f"{base} per {PER_SYMBOLS[match['per']]}" if match["per"] else base

    def _apart(self, match: re.Match[str], spoken: str) -> str:
        return f"{spoken} " if touches_word(match) and self._grammar.code not in ("ja", "zh", "ko") else spoken
