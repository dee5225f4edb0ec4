"""A rule: what it is called in reports, what it looks for, and what is spoken instead."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..tracked_text import Spoken


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of thing that is written otherwise than it is spoken."""

    name: str
    pattern: re.Pattern[str]
    spoken: Spoken
    needs: str = ""  # the rule is tried only on text with one of these characters; "" = always, "0" = any digit


def alternatives(words: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first; what words begin with in common is looked at once."""
    tree: dict[str, Any] = {}
    for word in words:
        node = tree
        for char in word:
            node = node.setdefault(char, {})
        node[""] = {}
    return _branches(tree)


def _branches(tree: dict[str, Any]) -> str:
    """The pattern for a tree of characters; "" marks the end of a word."""
    found = [re.escape(char) + _branches(rest) for char, rest in sorted(tree.items()) if char]
    if not found:
        return ""
    if len(found) == 1 and "" not in tree:
        return found[0]
    return f"(?:{'|'.join(found)}){'?' if '' in tree else ''}"
