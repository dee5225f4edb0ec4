"""What French, Italian, Portuguese and Spanish have in common: a half agrees with its noun, and parts are "of" it."""

from typing import ClassVar

from .grammar import Grammar, Number


class Romance(Grammar):
    """A Romance language."""

    article: ClassVar[tuple[str, str]]  # "one", masculine and feminine
    half: ClassVar[tuple[str, str]]  # before its noun: "medio litro", "media hora"
    half_after: ClassVar[tuple[str, str]]  # behind it: "una hora y media"

    def is_feminine(self, noun: str) -> bool:
        """Whether the name of a unit is feminine."""
        return noun.split()[0].endswith("a")

    def of(self, noun: str) -> str:
        """ "of" and the noun."""
        return f"de {noun}"

    def half_of(self, noun: str) -> str:
        """ "half a" and the noun."""
        return f"{self.half[self.is_feminine(noun)]} {noun}"

    def part(self, numerator: int, denominator: int, whole: str, unit: str, before: str) -> str | None:
        spoken = self.fraction(numerator, denominator)
        if spoken is None:
            return None
        noun, is_half = self.unit_noun(unit), (numerator, denominator) == (1, 2)
        if not whole:
            return self.half_of(noun) if is_half else f"{spoken} {self.of(noun)}"
        feminine = self.is_feminine(noun)
        amount = f"{self.article[feminine]} {noun}" if whole == "1" else self.quantity(Number(whole), unit)
        return f"{amount} {self.signs['and']} {self.half_after[feminine] if is_half else spoken}"
