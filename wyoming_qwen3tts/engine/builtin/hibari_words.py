"""hibari's way from words to phonemes in a third of the memory: its dictionaries and its tagger of parts of speech are
packed while they are read. The phonemes are the same. Imported late, as hibari is."""

from __future__ import annotations

import gzip
import json
from array import array
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from hibari.g2p import ASSETS, G2P
from hibari.g2p.lexicon import Lexicon
from hibari.g2p.tagger import Tagger
from hibari.g2p.tokenize import Tokenizer

from .packed_table import PackedTable

_Members: TypeAlias = list[tuple[str, Any]]  # of a JSON object


class PackedG2P(G2P):  # type: ignore[misc]  # hibari carries no types
    """American English, made as ``hibari.g2p.G2P`` makes itself."""

    def __init__(self) -> None:
        gold, silver = (Phonemes(_read(f"lexicon_us_{name}.json.gz", list)) for name in ("gold", "silver"))
        self.lexicon = Lexicon(gold, silver)
        self.tokenizer = Tokenizer(_read("tokenizer_exceptions.json", dict))
        self.tagger = _tagger()
        self._oov, self.unk, self.british = None, "", False


class Phonemes:
    """A dictionary of how words are said: in phonemes, or in those of each part of speech."""

    def __init__(self, words: Iterable[tuple[str, str | _Members]]) -> None:
        self._words = PackedTable((word, _packed(said)) for word, said in words)

    def get(self, word: str) -> str | dict[str, str | None] | None:
        said = self._words.get(word)
        if said is None or not said.startswith(b"{"):
            return None if said is None else said.decode()
        varied: dict[str, str | None] = json.loads(said)
        return varied


def _packed(said: str | _Members) -> bytes:
    return said.encode() if isinstance(said, str) else json.dumps(dict(said)).encode()


class TagWeights:
    """How much each sign in a text speaks for each tag, in the order of the file."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._tags: Sequence[str] = ()
        self._rows = PackedTable(())

    def packed(self, members: _Members) -> bytes | _Members:
        """A row of weights as `get` reads it; other objects of the file as they are."""
        if not (members and isinstance(members[0][1], float)):
            return members
        tags = bytes(self._numbers.setdefault(tag, len(self._numbers)) for tag, _ in members)
        return tags + array("d", [weight for _, weight in members]).tobytes()

    def take(self, rows: Iterable[tuple[str, bytes]]) -> None:
        self._rows, self._tags = PackedTable(rows), list(self._numbers)

    def get(self, sign: str) -> _Row | None:
        row = self._rows.get(sign)
        if row is None:
            return None
        count = len(row) // 9
        return _Row(zip(map(self._tags.__getitem__, row[:count]), array("d", row[count:]), strict=True))


class _Row(tuple[tuple[str, float], ...]):
    """As much of a dict as the tagger reads."""

    __slots__ = ()

    def items(self) -> _Row:
        return self


def _tagger() -> Tagger:
    weights = TagWeights()
    model = dict(_read("tagger.json.gz", weights.packed))
    weights.take(model["weights"])
    tagger = Tagger({"tags": model["tags"], "tagdict": {}, "weights": weights})
    tagger.tagdict = Phonemes(model["tagdict"])
    tagger.vocab = PackedTable((word, b"") for word in model["vocab"])
    return tagger


def _read(file: str, made: Callable[[_Members], Any]) -> Any:
    """One of hibari's files: what ``made`` makes of the members of each object in it."""
    data = Path(ASSETS, file).read_bytes()
    return json.loads(gzip.decompress(data) if file.endswith(".gz") else data, object_pairs_hook=made)
