"""Fair shares hold while others want some, and only then."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wyoming_qwen3tts.util.fair_shares import share, who_gives_way

HOSTS = st.sampled_from("abcdefgh")


def test_a_share_is_half_of_all_and_the_least_in_any_case() -> None:
    assert [share(total, 2) for total in (1, 4, 36, 37)] == [2, 2, 18, 18]


def test_the_greediest_gives_way_first_and_nobody_to_whom_has_as_much() -> None:
    held = {"a": 5, "b": 3, "c": 2}

    assert who_gives_way(held, "d", 5) == ["a", "b", "c"]
    assert who_gives_way(held, "c", 5) == ["a"]
    assert who_gives_way(held, "b", 5) == ["a"]
    assert who_gives_way(held, "b", 3) == []  # it has its share
    assert who_gives_way(held, "a", 5) == []
    assert who_gives_way({"a": 1, "b": 1}, "c", 5) == []


@given(st.integers(1, 40), st.lists(HOSTS, max_size=300))
def test_whoever_asks_gets_one_until_nobody_has_two_more(total: int, asking: list[str]) -> None:
    """No host is above its share while another below it wants one, and nobody starves."""
    most, held = share(total, 2), Counter[str]()
    for asker in asking:
        if held.total() < total:
            held[asker] += 1
        elif greedy := who_gives_way(held, asker, most):
            assert held[greedy[0]] == max(held.values())
            held[greedy[0]] -= 1
            held[asker] += 1
        else:
            assert held[asker] >= most or max(held.values()) <= held[asker] + 1

        assert held.total() <= total


@given(st.integers(2, 40), st.sets(HOSTS, min_size=2))
def test_in_the_end_all_who_go_on_asking_have_as_much(total: int, hosts: set[str]) -> None:
    first, *_ = hosts
    held = Counter({first: total})
    for _ in range(total):
        for asker in hosts:
            if greedy := who_gives_way(held, asker, share(total, 2)):
                held[greedy[0]] -= 1
                held[asker] += 1

    counts = [held[host] for host in hosts]
    assert max(counts) - min(counts) <= 1
