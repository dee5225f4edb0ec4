"""What every language must be able to say about a number; each language's own way is in ``grammars/``.

Plain whole numbers stay digits: the model reads them well inside a sentence. Everything else becomes
words.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Final

from babel.dates import get_month_names
from babel.numbers import get_currency_name
from babel.units import UnknownUnitError, format_unit
from unicode_rbnf import RbnfEngine

from .measures import BASES, PER, PREFIXES

COMMA_NUMBER: Final = (
    r"(?:[1-9]\d{0,2}(?:,\d{3}){1,7}\.\d{1,2}(?![\d.,])|[1-9]\d{0,2}(?:\.\d{3}){1,7}(?!\d)(?:,\d+)?"
    r"|[1-9]\d{0,2}(?:[ '’]\d{3}){1,7}(?!\d)(?:,\d+)?|\d+(?:[.,]\d+)?)"
)
POINT_NUMBER: Final = (
    r"(?:[1-9]\d{0,2}(?:\.\d{3}){1,7},\d{1,2}(?![\d.,])|[1-9]\d{0,2}(?:\.\d{3}){2,7}(?![\d.])"
    r"|[1-9]\d{0,2}(?:,\d{3}){1,7}(?!\d)(?:\.\d+)?|\d+\.\d+"
    r"|\d+,\d{1,2}(?![\d,])|\d+)"
)

# Not the start or the end of a Latin or Cyrillic word or number. East Asian words may touch a number.
LATIN: Final = r"A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"  # × and ÷ stand among the letters
LEFT: Final = rf"(?<![\d{LATIN}\u0400-\u04ff_])(?<!\d[.,:/])"
RIGHT: Final = rf"(?![0-9{LATIN}\u0400-\u04ff_])"

_FINEST: Final = 100  # the smallest part that is read as a fraction

_MILLIONS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3}){2,}")  # no number has two decimal signs
_DOLLARS: Final = frozenset("AUD CAD NZD HKD SGD TWD".split())
_SPACES: Final = str.maketrans("\u00a0\u202f", "  ")
_BESIDE = re.compile(r"амер\. | - 米国")  # which gallon, which cup: nobody says it


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
    point_groups: ClassVar[bool] = True  # "2.345" is a thousand and more, where a comma marks decimals
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
    pair_link: ClassVar[str]  # between two values: " and "
    counts: ClassVar[tuple[float, ...]] = (1, 5)  # numbers that take each form of a noun
    many_form: ClassVar[int] = 1  # a noun's form after "million"

    def __init__(self) -> None:
        self._currencies: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._patterns: dict[tuple[str, int], str] = {}

    # --- numbers

    def parse(self, text: str, *, point_is_decimal: bool = False, is_amount: bool = False) -> Number:
        """A number that matches ``number``, with or without a sign in front.

        ``point_is_decimal`` tells that "2.345" has decimals even where a point groups digits; leading zeros of an
        amount mean nothing.
        """
        sign = ""
        if text[:1] in "-−–+±":
            sign = "-" if text[0] in "−–" else text[0]
            text = text[1:].lstrip()
        text = re.sub(r"[ '’](?=\d{3})", "", text)
        if "." in text and "," in text:  # the last of them marks the decimals
            decimal = max(".,", key=text.rfind)
            whole, _, fraction = text.replace("," if decimal == "." else ".", "").partition(decimal)
            return Number(whole, fraction, sign)
        group, mark = (".", ",") if self.decimal_mark == "," else (",", ".")
        if _MILLIONS.fullmatch(text):
            text = text.replace(".", "")
        elif re.fullmatch(rf"[1-9]\d{{0,2}}(?:\{group}\d{{3}})+(?:\{mark}\d+)?", text) and not (
            group == "." and (point_is_decimal or not self.point_groups) and text.count(".") == 1 and "," not in text
        ):
            text = text.replace(group, "")
        whole, _, fraction = text.replace(",", ".").partition(".")
        if is_amount and not fraction:
            whole = whole.lstrip("0") or "0"
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
        base, _, per = unit.rpartition(" per ")
        if base:
            return f"{self._unit(base, form)} {self.per_words(per)}".strip()
        if forms := self._own_forms(unit):
            words = forms[min(form, len(forms) - 1)]
            return words if "{" in words else f"{{}} {words}"
        try:
            return self._cldr_unit(unit, form)
        except UnknownUnitError:
            return self._prefixed(unit, form)

    def per_words(self, per: str) -> str:
        """ "per hour"."""
        return self.per.get(per) or PER[self.code][per]

    def _own_forms(self, unit: str) -> tuple[str, ...]:
        return self.units.get(unit) or BASES[self.code].get(unit, ())

    def _prefixed(self, unit: str, form: int) -> str:
        """ "kilo" before a base."""
        kind, _, name = unit.partition("-")
        for key, prefix in PREFIXES[self.code].items():
            if name.startswith(key):
                pattern = self._unit(f"{kind}-{name.removeprefix(key)}", form)
                noun = pattern.replace("{}", "").strip()
                return pattern.replace(noun, self._join_prefix(prefix, noun), 1)
        raise LookupError(f"There are no words for {unit} in {self.code}")

    def _join_prefix(self, prefix: str, noun: str) -> str:
        return prefix + noun

    def _cldr_unit(self, unit: str, form: int) -> str:
        return self._sample(unit, (1, 5)[form])

    def _sample(self, unit: str, number: int) -> str:
        """CLDR's pattern for a number.

        Raises:
            UnknownUnitError: where CLDR has no words.
        """
        words = format_unit(number, unit, "long", locale=self.code).translate(_SPACES)
        return _BESIDE.sub("", words.replace(str(number), "{}", 1))

    def quantity_pair(self, first: Number, second: Number, unit: str) -> str:
        """ "21 and 12 degrees"."""
        amounts = f"{self.say(first)}{self.pair_link}{self.say(second)}"
        return self._unit(unit, self.plural(second)).format(amounts)

    def unit_form(self, unit: str, form: int) -> str:
        """The name of a unit in one of its forms."""
        return self._unit(unit, form).replace("{}", "").strip()

    def unit_noun(self, unit: str, *, several: bool = False) -> str:
        """The name of a unit without a number."""
        return " ".join(self._unit(unit, 1 if several else 0).replace("{}", "").split())

    def many(self, number: Number, word: str, unit: str) -> str:
        """ "3.5 million kilograms"; ``word`` is one of `magnitudes`."""
        amount = f"{self.say(number)} {self.magnitude(word, number)}"
        spoken = self._unit(unit, self.many_form).format(amount)
        return self.elided(spoken)

    def elided(self, spoken: str) -> str:
        """ "millions de euros" as it is said."""
        return spoken

    def part(self, numerator: int, denominator: int, whole: str, unit: str, before: str) -> str | None:
        """ "1/2 l", "1 1/2 kg": a fraction of a unit, or None where nobody says it."""
        return None

    def currency(self, code: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The forms of a currency and of its hundredth."""
        if code not in self._currencies:
            names = (str(get_currency_name(code, count, locale=self.code)) for count in self.counts)
            cents = self.currencies["USD"][1] if code in _DOLLARS else ()
            self._currencies[code] = self.currencies.get(code) or (tuple(names), cents)
        return self._currencies[code]

    def money(self, number: Number, currency: str) -> str:
        """An amount, with its hundredths if it has two decimals."""
        unit, hundredth = self.currency(currency)
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
        if not 0 < numerator < denominator <= _FINEST:
            return None
        names = self.denominators.get(denominator) or self.denominator(denominator)
        if names is None:
            return None
        spoken = self.fraction_words(numerator, names)
        return f"{whole} {self.signs['and']} {spoken}" if whole else spoken

    def object_of(self, before: str, spoken: str) -> str:
        """A fraction in the case that the words before it ask for."""
        return spoken

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        """The names of one part and of several, for parts that `denominators` has not."""
        return None

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

    def month_year(self, month: int, year: str) -> str:
        """ "November 2026"."""
        return f"{self.month(month)} {year}"

    def written_date(self, day: int, month: int, year: str, before: str, order: str) -> str:
        """A date that had its month in words, day first ("dm") or month first ("md")."""
        return self.date(day, month, year, before)

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        """A time of day; ``period`` is "", "am" or "pm"."""
        raise NotImplementedError
