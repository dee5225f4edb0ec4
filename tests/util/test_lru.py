"""The things used last."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import pytest

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
