"""A table that answers as a dict does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wyoming_qwen3tts.engine.builtin.packed_table import PackedTable

KEYS = st.text(st.characters(exclude_categories=()), max_size=5)  # halves of pairs too


@given(st.dictionaries(KEYS, st.binary(max_size=5)), st.lists(KEYS))
def test_it_answers_as_a_dict_does(entries: dict[str, bytes], others: list[str]) -> None:
    table = PackedTable(entries.items())
    assert len(table) == len(entries)
    for key in [*entries, *others]:
        assert table.get(key) == entries.get(key)
        assert (key in table) is (key in entries)


def test_keys_of_one_hash_are_told_apart() -> None:
    class Same(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 7

    entries = {Same(word): word.encode() for word in ("one", "two", "three")}
    table = PackedTable(entries.items())
    assert [table.get(key) for key in entries] == list(entries.values())
    assert table.get(Same("four")) is None
