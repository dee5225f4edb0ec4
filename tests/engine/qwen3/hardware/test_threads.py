"""The number of threads is measured once and remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from wyoming_qwen3tts.engine.qwen3.hardware import threads
from wyoming_qwen3tts.engine.qwen3.hardware.threads import best_threads, fastest


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    best_threads.cache_clear()
    yield
    best_threads.cache_clear()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which numbers of threads were measured; the most is the fastest."""
    asked: list[int] = []

    def seconds(count: int, cache_dir: Path | None) -> float:
        asked.append(count)
        return 1.0 / count

    monkeypatch.setattr(threads, "_product_s", seconds)
    return asked


@pytest.mark.parametrize(
    ("seconds", "best"),
    [({1: 1.0, 2: 0.6, 4: 0.3}, 4), ({1: 1.0, 2: 0.96, 4: 0.97}, 1), ({1: 1.0, 2: 0.5, 4: 0.9}, 2)],
    ids=["all", "no gain", "too many"],
)
def test_more_threads_have_to_gain(seconds: dict[int, float], best: int) -> None:
    assert fastest([1, 2, 4], seconds.__getitem__) == best


def test_what_was_measured_is_remembered(tmp_path: Path, measured: list[int]) -> None:
    first = best_threads(tmp_path / "cache")
    count = len(measured)
    best_threads.cache_clear()

    assert best_threads(tmp_path / "cache") == first
    assert len(measured) == count > 0


@pytest.mark.parametrize("kept", ["no json", '{"machine": "another", "threads": 64}', '{"threads": 0}', "[]"])
def test_what_another_machine_left_is_measured_anew(kept: str, tmp_path: Path, measured: list[int]) -> None:
    (tmp_path / "threads.json").write_text(kept)

    best = best_threads(tmp_path)

    assert measured
    assert json.loads((tmp_path / "threads.json").read_text())["threads"] == best


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, measured: list[int]) -> None:
    (tmp_path / "cache").write_text("a file")

    assert best_threads(tmp_path / "cache") == max(measured)
