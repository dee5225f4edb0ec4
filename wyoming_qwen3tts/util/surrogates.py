"""Characters that came in two halves: JavaScript cuts strings between UTF-16 units, and JSON can spell the halves."""

from __future__ import annotations

import re
from typing import Final

_HALF: Final = re.compile("[\ud800-\udfff]")
_PAIR: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_FIRST: Final = re.compile("[\ud800-\udbff]\\Z")


def join_halves(text: str) -> tuple[str, str]:
    """``text`` with halves that follow each other joined, and the first half that it ends in, if it does: put that
    before the text that comes next. Any other half that is alone becomes nothing."""
    if not _HALF.search(text):
        return text, ""
    pairs = _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)
    first = _FIRST.search(pairs)
    return _HALF.sub("", pairs), first[0] if first else ""
