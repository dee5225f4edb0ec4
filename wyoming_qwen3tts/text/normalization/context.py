"""What stands around a match."""

import re

_LOOK_BACK_CHARS = 40
_LOOK_AHEAD_CHARS = 40


def text_before(match: re.Match[str]) -> str:
    """The text in front of a match, as far as a rule may look."""
    return match.string[max(0, match.start() - _LOOK_BACK_CHARS) : match.start()]


def text_after(match: re.Match[str]) -> str:
    """The text behind a match, as far as a rule may look."""
    return match.string[match.end() : match.end() + _LOOK_AHEAD_CHARS]


def word_before(match: re.Match[str]) -> str:
    """The word in front of a match, in small letters."""
    return text_before(match).rstrip().rpartition(" ")[2].casefold()


def touches_word(match: re.Match[str]) -> bool:
    """Whether a letter or digit follows the match without a blank."""
    return match.string[match.end() : match.end() + 1].isalnum()
