"""The corpus of every target, and what was once a fault; and random bytes, as many as a submission has time for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .targets import CORPUS, TARGETS

KEPT = [path for path in sorted(CORPUS.glob("*/*")) if path.is_file()]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_is_in_the_corpus_is_no_fault(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_a_small_corpus() -> None:
    assert {path.parent.name for path in KEPT} == set(TARGETS)
    assert sum(path.stat().st_size for path in KEPT) < 100_000


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_any_bytes_are_no_fault(name: str) -> None:
    seeds = [path.read_bytes() for path in KEPT if path.parent.name == name]

    @settings(max_examples=60, deadline=None)
    @given(st.sampled_from(seeds), st.binary(max_size=80), st.integers(0, 200), st.integers(0, 40))
    def check(seed: bytes, noise: bytes, at: int, cut: int) -> None:
        at %= len(seed) + 1
        TARGETS[name](noise)
        TARGETS[name](seed[:at] + noise + seed[at + cut :])

    check()
