"""What Chinese, Japanese and Korean have in common: no plural, and no blanks around numbers."""

from typing import ClassVar

from babel.units import UnknownUnitError

from .grammar import POINT_NUMBER, Grammar, Number


class EastAsian(Grammar):
    """A language of one noun form, whose own digits are used where a number is read digit by digit."""

    number = POINT_NUMBER
    decimal_mark = "."
    own_digits: ClassVar[str]  # zero to nine
    below_zero: ClassVar[str] = ""  # how a temperature below zero is marked, if not by the minus
    cents_gap: ClassVar[str] = ""
    many_gap: ClassVar[str] = ""  # between "million" and a unit
    lone_units: ClassVar[dict[str, str]] = {}  # units without a number, where the number stands inside their words
    over_pattern: ClassVar[str]  # a fraction: "{1}分之{0}"

    def plural(self, number: Number) -> int:
        return 0

    def decimal(self, whole: str, fraction: str) -> str:
        return f"{whole}{self.point}{fraction if len(fraction) == 1 else self.digits(fraction)}"

    def digits(self, digits: str) -> str:
        return "".join(
            self.own_digits[int(digit)] if digit.isascii() and digit.isdigit() else digit for digit in digits
        )

    def say(self, number: Number) -> str:
        sign = self.signs[number.sign] if number.sign else ""
        return sign + super().say(Number(number.whole, number.fraction))

    def quantity(self, number: Number, unit: str, before: str = "") -> str:
        if number.sign == "-" and unit.startswith("temperature-") and self.below_zero:
            return self._below_zero(super().quantity(Number(number.whole, number.fraction), unit), unit)
        pattern = self._unit(unit, 0)
        if number.sign and pattern.partition("{")[0].endswith("分之"):  # "加百分之2点5"
            return self.signs[number.sign] + pattern.format(self.say(Number(number.whole, number.fraction)))
        return super().quantity(number, unit)

    def quantity_range(self, first: Number, last: Number, unit: str) -> str:
        spoken = super().quantity_range(first, last, unit)
        if unit.startswith("temperature-") and self.below_zero:
            return spoken.replace(self.signs["-"], self.below_zero)
        return spoken

    def _below_zero(self, spoken: str, unit: str) -> str:
        return self.below_zero + spoken

    def _find_unit(self, unit: str, form: int) -> str:
        base, _, per = unit.rpartition(" per ")
        if base:
            return self.per_words(per) + self._unit(base, form)
        if forms := self._own_forms(unit):
            return forms[0] if "{" in forms[0] else f"{{}}{forms[0]}"
        try:
            return self._sample(unit, 5).replace(" ", "")
        except UnknownUnitError:
            return self._prefixed(unit, form)

    def unit_noun(self, unit: str, *, several: bool = False) -> str:
        return self.lone_units.get(unit) or super().unit_noun(unit)

    def many(self, number: Number, word: str, unit: str) -> str:
        return self._unit(unit, 0).format(f"{self.say(number)}{self.magnitude(word, number).strip()}{self.many_gap}")

    def part(self, numerator: int, denominator: int, whole: str, unit: str, before: str) -> str | None:
        spoken = self.fraction(numerator, denominator, whole)
        return spoken and self._unit(unit, 0).format(spoken)

    def money(self, number: Number, currency: str) -> str:
        unit, hundredth = self.currency(currency)
        sign = self.signs[number.sign] if number.sign else ""
        cents = number.fraction
        if cents and (len(cents) != 2 or not hundredth):
            return f"{self.say(number)}{unit[0]}"
        part = cents.lstrip("0")
        if part and not number.whole.strip("0"):
            return f"{sign}{part}{hundredth[0]}"
        return f"{sign}{number.whole}{unit[0]}" + (f"{self.cents_gap}{part}{hundredth[0]}" if part else "")

    def fraction(self, numerator: int, denominator: int, whole: str = "") -> str | None:
        if (numerator, denominator) == (1, 2) and self.halves.get("n 1/2" if whole else "1/2"):
            return self.halves["n 1/2" if whole else "1/2"].format(whole)
        if not (0 < numerator < denominator <= 100):
            return None
        spoken = self.over_pattern.format(numerator, denominator)
        return f"{whole}{self.signs['and']}{spoken}" if whole else spoken
