"""The one allow-list for what came from outside and becomes a level of a topic, a file or a header."""

from __future__ import annotations

import hashlib
import unicodedata

LONGEST = 64
_MARKS = "_-."
_HASH = 8


def safe_name(text: str) -> str:
    """``text`` as a name that a broker, a file system and a shell take: letters and digits of any script, ``_``, ``-``
    and ``.``, which is not the first; 1 to 64 characters. A name that is none yet ends in a hash of what it was, so
    that two texts stay two names."""
    if is_safe_name(text):
        return text
    kept = "".join(char if _is_allowed(char) else "_" for char in text[: LONGEST - _HASH - 1])
    if kept.startswith("."):
        kept = f"_{kept[1:]}"
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{kept}-{digest[:_HASH]}"


def is_safe_name(text: str) -> bool:
    """Whether `safe_name` would leave ``text`` as it is."""
    return 1 <= len(text) <= LONGEST and text[0] != "." and all(map(_is_allowed, text))


def _is_allowed(char: str) -> bool:
    return char in _MARKS or unicodedata.category(char)[0] in "LMN"
