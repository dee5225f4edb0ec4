"""A rule: what it is called in reports, what it looks for, and what is spoken instead."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..tracked_text import Spoken


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of thing that is written otherwise than it is spoken."""

    name: str
    pattern: re.Pattern[str]
    spoken: Spoken
    needs: str = ""  # the rule is tried only on text with one of these characters; "" = always, "0" = any digit


def alternatives(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
