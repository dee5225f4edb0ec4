"""The doctor on the number of threads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wyoming_qwen3tts.doctor import threads
from wyoming_qwen3tts.engine.qwen3.hardware import threads as measured

from .test_doctor import ABLE, place


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "this_machine", lambda: ("this", 2))


def on_cpu(folder: Path, kept: int | None) -> Any:
    if kept is not None:
        stage = {"threads": kept, "seconds": 0.0042, "rival": None, "wins": 0}
        file = folder / "cache" / "models" / "threads.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"machine": "this", "stages": dict.fromkeys(measured.STAGES, stage)}))
    return place(ABLE, engine__kind="qwen3", engine__device="cpu", data_dir=str(folder))


def test_all_cores_are_fine(tmp_path: Path) -> None:
    (check,) = threads.check(on_cpu(tmp_path, 2))

    assert check.ok
    assert check.detail.startswith("2 threads (of 2)")
    assert "4.20 ms" in check.detail


def test_fewer_than_the_cores_are_said_with_figures_and_the_file(tmp_path: Path) -> None:
    (check,) = threads.check(on_cpu(tmp_path, 1))

    assert not check.ok
    assert "1 thread (of 2)" in check.detail
    assert str(tmp_path / "cache" / "models" / "threads.json") in check.fix


def test_before_the_first_start_there_is_nothing_to_warn_of(tmp_path: Path) -> None:
    (check,) = threads.check(on_cpu(tmp_path, None))

    assert check.ok


def test_where_no_model_is_computed_on_the_cpu_nothing_is_said() -> None:
    assert threads.check(place(ABLE)) == []
    assert threads.check(place(ABLE, engine__kind="builtin")) == []
