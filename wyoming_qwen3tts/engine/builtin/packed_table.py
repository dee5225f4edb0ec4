"""Large tables of words in little memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

import numpy as np

_ERRORS: Final = "surrogatepass"  # a stranger's text may hold half of a pair


class PackedTable:
    """A mapping of texts to bytes that never changes, in four buffers: 20 bytes an entry and the bytes of both, where a
    dict and its strings take some 200. Nothing else of an entry is kept, so reading a file entry by entry leaves no
    holes in the heap. A look-up takes about 1 µs.
    """

    def __init__(self, entries: Iterable[tuple[str, bytes]]) -> None:
        parts, ends, hashes = bytearray(), array("I", [0]), array("q")
        for key, value in entries:
            parts += key.encode("utf-8", _ERRORS)
            ends.append(len(parts))
            parts += value
            ends.append(len(parts))
            hashes.append(hash(key))
        order = np.argsort(np.asarray(hashes), kind="stable")
        self._parts, self._ends = bytes(parts), ends
        self._hashes = array("q", np.asarray(hashes)[order].tobytes())
        self._order = array("I", order.astype(np.uint32).tobytes())

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def get(self, key: str) -> bytes | None:
        """The value of ``key``, if it has one."""
        number, encoded = hash(key), key.encode("utf-8", _ERRORS)
        at = bisect_left(self._hashes, number)
        while at < len(self._hashes) and self._hashes[at] == number:
            entry = 2 * self._order[at]
            start, middle, end = self._ends[entry : entry + 3]
            if self._parts[start:middle] == encoded:
                return self._parts[middle:end]
            at += 1
        return None
