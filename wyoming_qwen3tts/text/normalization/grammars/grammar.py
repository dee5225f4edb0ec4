"""What every language must be able to say about a number; each language's own way is in ``grammars/``.

Plain whole numbers stay digits: the model reads them well inside a sentence (design, 6.1). Everything else becomes
words.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from babel.dates import get_month_names
from babel.units import UnknownUnitError, format_unit
from unicode_rbnf import RbnfEngine

COMMA_NUMBER: Final = (
    r"(?:[1-9]\d{0,2}(?:\.\d{3})+(?!\d)(?:,\d+)?|[1-9]\d{0,2}(?:[ '’]\d{3})+(?!\d)(?:,\d+)?|\d+(?:[.,]\d+)?)"
)
POINT_NUMBER: Final = r"(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+\.\d+|\d+,\d{1,2}(?![\d,])|\d+)"

# Not the start or the end of a Latin or Cyrillic word or number. East Asian words may touch a number.
LATIN: Final = r"A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"  # × and ÷ stand among the letters
LEFT: Final = rf"(?<![0-9{LATIN}\u0400-\u04ff_])(?<!\d[.,:/])"
RIGHT: Final = rf"(?![0-9{LATIN}\u0400-\u04ff_])"

_SPACES: Final = str.maketrans("\u00a0\u202f", "  ")
_RAW_UNIT = re.compile(r"(?<![a-z])[a-z]++-[a-z]+")  # Babel's answer where CLDR has no words: "1 duration-minute"


@lru_cache(maxsize=4096)
def spell(number: int, language: str, ruleset: str) -> str:
    """A whole number in words by one of CLDR's rule sets."""
    engine = _engine(language)
    words = engine.format_number(number, ruleset_names=[ruleset]).text.replace("\u00ad", "")
    return (
        words.replace("четверт", "четвёрт").replace("трех", "трёх") if language == "ru" else words
    )  # CLDR leaves the dots out


@lru_cache(maxsize=16)
def _engine(language: str) -> RbnfEngine:
    return RbnfEngine.for_language(language)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written: digits before and after the decimal sign, and its sign."""

    whole: str
    fraction: str = ""
    sign: str = ""  # "", "-", "+", "±"

    @property
    def amount(self) -> float:
        """Its size, for choosing a plural form."""
        return float(f"{self.whole or 0}.{self.fraction or 0}")


class Grammar:
    """How one language speaks numbers, dates, times, amounts and signs."""

    code: ClassVar[str]
    number: ClassVar[str]  # pattern of an unsigned number as this language writes it
    decimal_mark: ClassVar[str] = ","
    point: ClassVar[str]  # the decimal sign, spoken
    reads_decimals_whole: ClassVar[bool] = False  # "3,14" is "trois virgule quatorze", not digit by digit
    signs: ClassVar[
        dict[str, str]
    ]  # - + ± = > < ≥ ≤ × ÷ ~ & @ and the words of addresses: dot slash dash underscore colon
    per: ClassVar[dict[str, str]]  # hour second minute day month year and units: "pro Stunde"
    units: ClassVar[dict[str, tuple[str, ...]]] = {}  # where CLDR has no words, or not the everyday ones
    currencies: ClassVar[
        dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    ]  # code -> forms of the unit and of its hundredth
    denominators: ClassVar[dict[int, tuple[str, str]]]  # one and several: 4 -> ("quarter", "quarters")
    halves: ClassVar[dict[str, str]]  # "1/2" alone and after a whole number ("n 1/2")
    abbreviations: ClassVar[dict[str, str]] = {}
    month_words: ClassVar[dict[str, int]] = {}  # further spellings of months
    numero: ClassVar[str]  # "Nummer {}"
    magnitudes: ClassVar[dict[str, str]] = {}  # "Mio." -> "Millionen"

    def __init__(self) -> None:
        self._patterns: dict[tuple[str, int], str] = {}

    # --- numbers

    def parse(self, text: str) -> Number:
        """A number that matches ``number``, with or without a sign in front."""
        sign = ""
        if text[:1] in "-−–+±":
            sign = "-" if text[0] in "−–" else text[0]
            text = text[1:].lstrip()
        text = re.sub(r"[ '’](?=\d{3})", "", text)
        group, mark = (".", ",") if self.decimal_mark == "," else (",", ".")
        if re.fullmatch(rf"[1-9]\d{{0,2}}(?:\{group}\d{{3}})+(?:\{mark}\d+)?", text):
            text = text.replace(group, "")
        whole, _, fraction = text.replace(",", ".").partition(".")
        return Number(whole, fraction, sign)

    def say(self, number: Number) -> str:
        """A number in this language's words; its whole part stays digits."""
        sign = f"{self.signs[number.sign]} " if number.sign else ""
        whole = number.whole
        if len(whole) > 1 and whole[0] == "0" and not number.fraction:
            return sign + self.digits(whole)
        return sign + (self.decimal(whole.lstrip("0") or "0", number.fraction) if number.fraction else whole)

    def decimal(self, whole: str, fraction: str) -> str:
        """A number with decimals."""
        return f"{whole} {self.point} {self.fraction_digits(fraction)}"

    def fraction_digits(self, fraction: str) -> str:
        """What is spoken behind the decimal sign."""
        if self.reads_decimals_whole and len(fraction) <= 3:
            zeros = len(fraction) - len(fraction.lstrip("0"))
            return " ".join((*"0" * zeros, fraction.lstrip("0"))).strip()
        return " ".join(fraction)

    def digits(self, digits: str) -> str:
        """A number read digit by digit."""
        return " ".join(digits)

    def range(self, first: str, last: str) -> str:
        """From one number, time or date to another."""
        raise NotImplementedError

    def plural(self, number: Number) -> int:
        """Which of a noun's forms goes with a number."""
        return 0 if number.whole == "1" and not number.fraction else 1

    # --- what is counted

    def quantity(self, number: Number, unit: str, before: str = "") -> str:
        """A number with its unit, a CLDR name such as ``length-kilometer``; the word ``before`` may ask for a case."""
        return self._unit(unit, self.plural(number)).format(self.say(number))

    def quantity_range(self, first: Number, last: Number, unit: str) -> str:
        """ "3 to 5 degrees"."""
        pattern = self._unit(unit, self.plural(last))
        return pattern.format(self.range(self.say(first), self.say(last)))

    def _unit(self, unit: str, form: int) -> str:
        """The pattern of a unit, looked up in CLDR once."""
        if (unit, form) not in self._patterns:
            self._patterns[unit, form] = self._find_unit(unit, form)
        return self._patterns[unit, form]

    def _find_unit(self, unit: str, form: int) -> str:
        base, _, per = unit.partition(" per ")
        if per:
            return f"{self._unit(base, form)} {self.per[per]}".strip()
        if base in self.units:
            forms = self.units[base]
            words = forms[min(form, len(forms) - 1)]
            return words if "{" in words else f"{{}} {words}"
        return self._cldr_unit(base, form)

    def _cldr_unit(self, unit: str, form: int) -> str:
        return self._sample(unit, (1, 5)[form])

    def _sample(self, unit: str, number: int) -> str:
        """CLDR's pattern for a number."""
        try:
            words = format_unit(number, unit, "long", locale=self.code).translate(_SPACES)
        except UnknownUnitError:
            return "{} " + unit.partition("-")[2].replace("-", " ")
        return words.replace(str(number), "{}", 1)

    def money(self, number: Number, currency: str) -> str:
        """An amount, with its hundredths if it has two decimals."""
        unit, hundredth = self.currencies[currency]
        cents = number.fraction
        sign = f"{self.signs[number.sign]} " if number.sign else ""
        if cents and (len(cents) != 2 or not hundredth):
            return f"{self.say(number)} {unit[min(self.plural(number), len(unit) - 1)]}"
        whole, part = Number(number.whole or "0"), Number(cents.lstrip("0") or "0")
        if part.whole != "0" and whole.whole.strip("0") == "":
            return sign + f"{part.whole} {hundredth[min(self.plural(part), len(hundredth) - 1)]}"
        amount = f"{whole.whole} {unit[min(self.plural(whole), len(unit) - 1)]}"
        if part.whole != "0":
            amount = self.join_cents(amount, part.whole, hundredth[min(self.plural(part), len(hundredth) - 1)])
        return sign + amount

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        """ "12 euros" and "50", "cents"."""
        raise NotImplementedError

    def magnitude(self, word: str, number: Number) -> str:
        """ "Mio." and the like, in full, after a number."""
        return self.magnitudes[word]

    def fraction(self, numerator: int, denominator: int, whole: str = "") -> str | None:
        """ "3/4", or None where it is no fraction anybody says."""
        if numerator == 1 and denominator == 2:
            return self.halves["n 1/2"].format(whole) if whole else self.halves["1/2"]
        if denominator not in self.denominators or numerator >= denominator:
            return None
        spoken = self.fraction_words(numerator, self.denominators[denominator])
        return f"{whole} {self.signs['and']} {spoken}" if whole else spoken

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        """A numerator and the name of its parts."""
        return f"{numerator} {names[numerator > 1]}"

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        """An ordinal as this language marks it: ``suffix`` is what stands behind the digits."""
        return None

    # --- dates and times

    def months(self) -> dict[str, int]:
        """Every spelling of a month in a date -> its number."""
        names: dict[str, int] = {}
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for number, name in get_month_names(width, context=context, locale=self.code).items():
                    names[name.casefold().strip(".")] = number
        return names | self.month_words

    def month(self, month: int) -> str:
        """A month in a date."""
        return str(get_month_names("wide", context="format", locale=self.code)[month])

    def date(self, day: int, month: int, year: str, before: str) -> str:
        """A date; ``before`` is the text in front of it, ``year`` may be empty."""
        raise NotImplementedError

    def written_date(self, day: int, month: int, year: str, before: str, order: str) -> str:
        """A date that had its month in words, day first ("dm") or month first ("md")."""
        return self.date(day, month, year, before)

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        """A time of day; ``period`` is "", "am" or "pm"."""
        raise NotImplementedError
