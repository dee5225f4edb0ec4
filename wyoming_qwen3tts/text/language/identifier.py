"""py3langid among a few languages, in a third of the memory that its own loading of the model takes."""

import logging
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Protocol

import numpy as np

log = logging.getLogger(__name__)

_BYTES: Final = 256  # that may come next: the columns of the automaton's table


class Identifier(Protocol):
    """As much of py3langid's own as is used."""

    def rank(self, text: str) -> list[tuple[str, float]]:
        """Its languages with their certainties, which add up to 1, the most certain first."""
        ...


@lru_cache(maxsize=4)
def identifier(codes: tuple[str, ...]) -> Identifier | None:
    """Tells the languages of ``codes`` that py3langid knows; None if it knows fewer than two of them, or cannot be
    loaded. The first call takes up to 2 s."""
    try:
        from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier
        from py3langid.modelio import load_model

        ptc, pc, classes, moves, rows, outputs = load_model(MODEL_DIR / MODEL_FILE)
        columns = [number for number, code in enumerate(classes) if code in codes]
        if len({classes[number] for number in columns}) < 2:
            return None
        known = [classes[number] for number in columns]
        return LanguageIdentifier(  # type: ignore[no-any-return]
            ptc[:, columns], pc[columns], known, _Moves(moves), array("i", outputs), norm_probs=True, tk_row=rows
        )
    except Exception:  # a foreign package and its file
        log.exception("py3langid cannot be loaded; a short text may be taken for another language")
        return None


class _Moves:
    """The automaton's table, read like the flat sequence that py3langid has: of each row only what differs from the
    first one. That is a fourth of it; a byte of text takes 0.2 µs more."""

    def __init__(self, moves: Sequence[int]) -> None:
        table = np.asarray(moves, np.uint32).reshape(-1, _BYTES)
        differs = table != table[0]
        self._first: list[int] = table[0].tolist()
        self._starts = array("I", [0, *np.cumsum(differs.sum(axis=1)).tolist()])
        self._bytes = np.nonzero(differs)[1].astype(np.uint8).tobytes()
        self._targets = array("I", table[differs].tobytes())

    def __getitem__(self, index: int) -> int:
        row, byte = divmod(index, _BYTES)
        found = self._bytes.find(byte, self._starts[row], self._starts[row + 1])
        return self._first[byte] if found < 0 else self._targets[found]
