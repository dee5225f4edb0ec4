"""What Home Assistant's translations say of the words of six languages: how often each uses a word, and its letters.

The table ``word_table.txt`` is made by ``script/text-report word-table``. Its first part lists groups of three letters,
each with a digit a language: how much less likely the group is there than where it is likeliest, in steps of `WORTH`
(natural logarithms). Its second part lists words, each with a digit a language: its share of that word's use, in parts
of `SHARES`.
"""

import math
from functools import cache
from pathlib import Path
from typing import Final

LATIN: Final = ("de", "en", "es", "fr", "it", "pt")
TABLE: Final = Path(__file__).with_suffix(".txt")
SHARES: Final = 9
WORTH: Final = 0.6
_CAUTION: Final = 0.5  # neighbouring groups share letters, so they are no independent witnesses
_SHORTEST: Final = 3
_LONGEST: Final = 24


def groups(word: str) -> list[str]:
    """The groups of three letters of a word; its ends are letters too."""
    marked = f"^{word}$"
    return [marked[at : at + 3] for at in range(len(marked) - 2)]


def shares(word: str) -> dict[str, float] | None:
    """Which languages a word in small letters speaks for, together at most 1; None where nothing can be said of it."""
    known, penalties = _table()
    if digits := known.get(word):
        return {code: digit / SHARES for code, digit in zip(LATIN, digits, strict=True)}
    if not _SHORTEST <= len(word) <= _LONGEST:
        return None
    found = [penalties[group] for group in groups(word) if group in penalties]
    if not found:
        return None
    sums = [sum(column) for column in zip(*found, strict=True)]
    likely = [math.exp(-_CAUTION * WORTH * (penalty - min(sums))) for penalty in sums]
    return {code: part / sum(likely) for code, part in zip(LATIN, likely, strict=True)}


@cache
def _table() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Words and groups, each with a number a language."""
    letters, words = TABLE.read_text(encoding="utf-8").split("\n#\n")
    return _digits(words), _digits(letters.partition("\n")[2])


def _digits(lines: str) -> dict[str, bytes]:
    return {name: bytes(map(int, digits)) for name, digits in (line.split(" ") for line in lines.splitlines() if line)}
