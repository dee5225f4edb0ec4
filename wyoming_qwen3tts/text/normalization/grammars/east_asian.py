"""What Chinese, Japanese and Korean have in common: no plural, and no blanks around numbers."""

from typing import ClassVar

from .grammar import POINT_NUMBER, Grammar, Number


class EastAsian(Grammar):
    """A language of one noun form, whose own digits are used where a number is read digit by digit."""

    number = POINT_NUMBER
    decimal_mark = "."
    own_digits: ClassVar[str]  # zero to nine
    below_zero: ClassVar[str] = ""  # how a temperature below zero is marked, if not by the minus
    cents_gap: ClassVar[str] = ""
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
        base, _, per = unit.partition(" per ")
        if per:
            return self.per[per] + self._unit(base, form)
        if base in self.units:
            words = self.units[base][0]
            return words if "{" in words else f"{{}}{words}"
        return self._sample(base, 5).replace(" ", "")

    def money(self, number: Number, currency: str) -> str:
        unit, hundredth = self.currencies[currency]
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
