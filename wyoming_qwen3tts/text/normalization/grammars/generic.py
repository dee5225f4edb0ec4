"""The generic grammar: an added language in the words that CLDR has for it, and no rules of its own.

It is nobody's native grammar: nouns agree with their number as CLDR's plural rules say, and with nothing else. What
CLDR, unicode-rbnf and the few words of `generic_words` do not tell is left as it is written; the voices that speak
these languages read figures themselves.
"""

import datetime
import re
from decimal import Decimal
from functools import lru_cache
from typing import ClassVar, Final

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import format_decimal, get_currency_name
from babel.units import UnknownUnitError, format_compound_unit, format_unit
from unicode_rbnf import RbnfEngine
from unicode_rbnf.engine import RbnfError

from . import generic_words as words
from .grammar import COMMA_NUMBER, POINT_NUMBER, Grammar, Number

_SPACES: Final = str.maketrans("\u00a0\u202f", "  ", "\u00ad\u200e\u200f\u061c")
_RBNF: Final = {"nb": "no", "nn": "no", "bs": "hr", "fil": "fil"}
_SAMPLE: Final = "length-meter"
_YEAR: Final = 2026


class Generic(Grammar):
    """An added language; `generic` makes them.

    ``locale`` is None where CLDR has nothing of it: then nothing is written out.
    """

    locale: ClassVar[Locale | None]
    day_first: ClassVar[bool]  # "3.5.2026"; else the month, "5/3/2026"

    def __init__(self) -> None:
        super().__init__()
        self._by_category: dict[tuple[str, str], str | None] = {}

    def say(self, number: Number) -> str:
        """As every grammar; where the word for the decimal sign is not known, the sign itself, for the voice."""
        if number.fraction and not self.point:
            return f"{self._sign(number)}{number.whole}{self.decimal_mark}{number.fraction}"
        if number.sign and not self.signs.get(number.sign):
            return f"{self._sign(number)}{super().say(Number(number.whole, number.fraction))}"
        return super().say(number)

    def _sign(self, number: Number) -> str:
        word = self.signs.get(number.sign, "")
        return f"{word} " if word else number.sign

    def counted(self, number: Number, unit: str) -> str | None:
        """A number with its unit, in CLDR's form for it; None where CLDR has no words."""
        pattern = self._pattern(number, unit)
        return pattern.format(self.say(number)) if pattern else None

    def counted_range(self, first: Number, last: Number, unit: str) -> str | None:
        """Two numbers and a unit, in the form of the last."""
        pattern = self._pattern(last, unit)
        return pattern.format(self.range(self.say(first), self.say(last))) if pattern else None

    def per_unit(self, unit: str) -> str | None:
        """ "per kilowattuur"; ``unit`` is a name such as ``kilowatt-hour``. None where CLDR has no words."""
        try:
            alone = format_unit(1, _SAMPLE, "long", locale=self.locale)
            both = format_compound_unit(1, _SAMPLE, 1, unit, "long", locale=self.locale)
        except (UnknownUnitError, UnknownLocaleError, KeyError, ValueError):
            return None
        if not both or not both.startswith(alone) or "/" in both:
            return None
        return both.removeprefix(alone).translate(_SPACES).strip()

    def money(self, number: Number, currency: str) -> str:
        """ "12 euro 50": CLDR has no names for hundredths. The name has the form of the whole part."""
        cents = number.fraction
        if cents and len(cents) != 2:
            return f"{self.say(number)} {self.currency_name(number, currency)}"
        whole = Number(number.whole.lstrip("0") or "0", "", number.sign)
        spoken = f"{self.say(whole)} {self.currency_name(whole, currency)}"
        return f"{spoken} {self._after_whole(cents)}" if cents.strip("0") else spoken

    def currency_name(self, number: Number, currency: str) -> str:
        """What a sum is of."""
        if own := words.CURRENCIES.get((self.code, currency)):
            return own.get(self._category(number)) or own["other"]
        return str(get_currency_name(currency, _amount(number), locale=self.locale)).translate(_SPACES)

    def range(self, first: str, last: str) -> str:
        link = words.TO.get(self.code)
        return f"{first} {link} {last}" if link else f"{first} {last}"

    def date(self, day: int, month: int, year: str, before: str) -> str:
        """CLDR's long form, without its marks for a year.

        Raises:
            ValueError: if there is no such day.
        """
        when = datetime.date(int(year or _YEAR), month, day)
        if year:
            spoken = format_date(when, "long", locale=self.locale)
        else:
            spoken = str(format_skeleton("MMMMd", when, locale=self.locale))
        spoken = spoken.translate(_SPACES)
        for mark, full in words.YEAR_MARKS.items():
            spoken = spoken.removesuffix(mark) + (full if spoken.endswith(mark) else "")
        ruleset = words.DOTTED_ORDINALS.get(self.code)
        if ruleset and spoken.startswith(f"{day}. "):
            return f"{self.spelled(day, ruleset) or day} {spoken.partition(' ')[2]}"
        return re.sub(r"(?<=\d{4})\.(?=$)", "", spoken)

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        if period:
            hour = hour % 12 + (12 if period == "pm" else 0)
        seconds = f" {self._after_whole(f'{second:02}')}" if second is not None else ""
        if self.code in words.CLOCK_UNITS:
            parts = [self.counted(Number(str(hour)), "duration-hour")]
            parts += [self.counted(Number(str(minute)), "duration-minute")] if minute else []
            return " ".join(part for part in parts if part) + seconds
        with_minutes, alone = words.CLOCKS.get(self.code, ("{} {}", ""))
        if not minute and alone and not seconds:
            return alone.format(hour)
        shown = str(minute) if self.code in words.CLOCKS else self._after_whole(f"{minute:02}")
        return with_minutes.format(hour, shown) + seconds

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        """ "3e", "3:e", "3." by unicode-rbnf; None where it has no rules."""
        if suffix == ".":
            ruleset = words.DOTTED_ORDINALS.get(self.code)
        else:
            endings = words.ORDINALS.get(self.code, {})
            ruleset = next((rules for ending, rules in endings.items() if suffix in ending.split("|")), None)
        return self.spelled(number, ruleset) if ruleset else None

    def spelled(self, number: int, ruleset: str = "") -> str | None:
        """A whole number in words by a rule set, by default a cardinal; None where unicode-rbnf has none."""
        engine = _engine(self.code)
        if engine is None:
            return None
        return _format(engine, number, ruleset or _cardinal(engine))

    def _pattern(self, number: Number, unit: str) -> str | None:
        key = unit, self._category(number)
        if key not in self._by_category:
            self._by_category[key] = self._look_up(number, unit)
        return self._by_category[key]

    def _look_up(self, number: Number, unit: str) -> str | None:
        if own := words.UNITS.get(self.code, {}).get(unit):
            return own
        base, _, per = unit.rpartition(" per ")
        if base:
            pattern, rate = self._pattern(number, base), self.per_unit(per)
            return f"{pattern} {rate}" if pattern and rate else None
        if self.locale is None:
            return None
        amount = _amount(number)
        try:
            found = format_unit(amount, unit, "long", locale=self.locale)
        except (UnknownUnitError, KeyError):
            return None
        written = format_decimal(amount, locale=self.locale)
        noun = found.replace(written, "", 1).translate(_SPACES).strip()
        if not re.search(r"[^\W\d_]", noun) or noun == unit:
            return None  # a sign, or CLDR's own key
        pattern = found.replace(written, "{}", 1) if written in found else f"{{}} {found}"
        return " ".join(pattern.replace("/", " ").translate(_SPACES).split())

    def _category(self, number: Number) -> str:
        return str(self.locale.plural_form(_amount(number))) if self.locale else "other"

    def _after_whole(self, digits: str) -> str:
        """ "05" is "0 5", "00" is "0 0"."""
        return " ".join(digits) if digits[0] == "0" else digits


def _amount(number: Number) -> Decimal:
    return Decimal(f"{number.whole or 0}.{number.fraction[:3]}" if number.fraction else number.whole or "0")


@lru_cache(maxsize=32)
def generic(code: str) -> Generic:
    """The generic grammar of ``code``, one of `ADDED`."""
    try:
        locale = Locale.parse(code)
        decimal = str(locale.number_symbols.get("latn", {}).get("decimal", "."))
        numbers = locale.date_formats["short"].pattern
        signs = {"&": format_list(["\ue010", "\ue011"], locale=locale).strip("\ue010\ue011 ").strip()}
    except (UnknownLocaleError, ValueError, KeyError):
        locale, decimal, numbers, signs = None, ".", "d", {}
    if minus := _minus(code):
        signs["-"] = minus
    comma = decimal in (",", "٫")
    made: Generic = type(
        f"Generic_{code}",
        (Generic,),
        {
            "code": code,
            "locale": locale,
            "number": COMMA_NUMBER if comma else POINT_NUMBER,
            "decimal_mark": "," if comma else ".",
            "point": _point(code),
            "signs": signs,
            "day_first": numbers.find("d") < numbers.find("M") or numbers.find("y") < numbers.find("M"),
            "__doc__": f"The generic grammar for {code}.",
        },
    )()
    return made


@lru_cache(maxsize=32)
def _engine(code: str) -> RbnfEngine | None:
    try:
        return RbnfEngine.for_language(_RBNF.get(code, code))
    except ValueError:
        return None


def _cardinal(engine: RbnfEngine) -> str:
    names = [name for name in engine.rulesets if name.startswith("spellout-cardinal")]
    plain = ("spellout-cardinal", "spellout-cardinal-masculine", *names)
    return next((name for name in plain if name in engine.rulesets), "")


def _format(engine: RbnfEngine, number: float, ruleset: str) -> str | None:
    """By one rule set; None where it has no rule for the number, which the library tells in several ways."""
    if not ruleset:
        return None
    try:
        return engine.format_number(number, ruleset_names=[ruleset]).text.replace("\u00ad", "")
    except (RbnfError, ValueError, KeyError):
        return None


def _point(code: str) -> str:
    """The spoken decimal sign: what stands between "one" and "five" in "one point five"; empty if nobody says."""
    if code in words.POINTS:
        return words.POINTS[code]
    engine = _engine(code)
    if engine is None:
        return ""
    parts = (_format(engine, 1.5, _cardinal(engine)) or "").split()
    return parts[1] if len(parts) == 3 else ""


def _minus(code: str) -> str:
    """The word in front of a negative number; empty if nobody says."""
    if code in words.MINUS:
        return words.MINUS[code]
    engine = _engine(code)
    if engine is None:
        return ""
    seven, below = (_format(engine, number, _cardinal(engine)) for number in (7, -7))
    return below.removesuffix(seven).strip() if seven and below and below.endswith(seven) and below != seven else ""
