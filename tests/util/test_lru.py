"""The things used last."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.util.lru import LruCache


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = LruCache[str](2)
    cache.put("a", "A")
    cache.put("b", "B")
    assert cache.get("a") == "A"
    cache.put("c", "C")

    assert len(cache) == 2
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == ("A", None, "C")


def test_a_thing_is_made_once_and_what_failed_is_not_kept() -> None:
    cache, made = LruCache[str](2), []

    def make() -> str:
        made.append("A")
        return "A"

    def fails() -> str:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  whatever it is
        cache.of("a", fails)
    assert [cache.of("a", make), cache.of("a", make)] == ["A", "A"]
    assert made == ["A"]
    cache.pop("a")
    cache.pop("a")
    cache.of("a", make)
    cache.clear()
    assert (made, len(cache)) == (["A", "A"], 0)


def test_the_backing_store_is_asked_before_anything_is_made() -> None:
    def ask(key: Hashable, make: Callable[[], str]) -> str:
        return "stored" if key == "a" else make()

    cache = LruCache[str](2)
    cache.backing_store = ask

    assert [cache.of("a", lambda: "made"), cache.of("b", lambda: "made")] == ["stored", "made"]


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=40))
def test_what_is_kept_never_weighs_more_than_it_may(things: list[tuple[int, int]]) -> None:
    cache = LruCache[int](4, lambda weight: weight, 10)
    for key, weight in things:
        cache.put(key, weight)
        kept = [found for each in range(6) if (found := cache._things.get(each)) is not None]

        assert cache.weight == sum(kept) <= 10
        assert len(cache) <= 4
        assert (cache._things.get(key) is None) == (weight > 10)
    cache.clear()
    assert cache.weight == 0


def test_what_is_too_heavy_to_be_kept_is_made_for_who_asks() -> None:
    cache = LruCache[int](4, lambda weight: weight, 10)

    assert cache.of("voice", lambda: 11) == 11
    assert len(cache) == 0
