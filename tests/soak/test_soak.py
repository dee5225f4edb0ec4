"""F44: ten seconds of ``script/soak``; the hours are for a release."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

from .programs import WallClock
from .report import Sample, Took, growth, plot, table
from .soak import report, soak

DAY_S = 86_400


@pytest.mark.timing  # its load lasts by the clock, and what others do beside it adds to the memory at its peak
@pytest.mark.timeout(200)
async def test_all_doors_at_once_with_clients_who_leave_while_everything_around_them_fails(tmp_path: Path) -> None:
    it, wrong = await soak(tmp_path, 10)
    print(report(it))  # noqa: T201
    plot(tmp_path / "soak.svg", it.samples, it.heard, it.marks)

    assert wrong == []
    assert it.done["killed programs"] > 0
    assert it.done["full disk"] > 0 or any(line.startswith("full disk") for line in it.skipped)
    assert (tmp_path / "soak.svg").read_text().count("<polyline") == 5


def test_memory_that_grows_is_seen_and_memory_that_only_wavers_is_not() -> None:
    def samples(last: int) -> list[Sample]:
        return [Sample(at, 400 + at % 7 if at < 540 else last + at % 7, 50, 10, 2) for at in range(600)]

    assert growth(samples(410)) is None
    assert growth(samples(460)) == "memory grows: 403 MB in minute 3, 463 MB in the last"
    assert growth(samples(460)[:120]) is None


def test_a_minute_is_told_by_the_most_of_it() -> None:
    samples = [Sample(0, 300, 40, 9, 1), Sample(59, 350, 30, 8, 2), Sample(61, 310, 41, 9, 0)]
    lines = table(samples, [Took(1, 0.1), Took(70, 0.3)]).splitlines()
    assert [line.split()[:5] for line in lines[1:]] == [["1", "350", "40", "9", "2"], ["2", "310", "41", "9", "0"]]


def test_the_wall_clock_of_another_program_jumps_and_nothing_else_of_it(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    if not clock.is_there:
        pytest.skip("there is no C compiler")
    clock.jump_to(-40 * DAY_S)
    code = "import time; a = time.monotonic(); time.sleep(0.01); print(time.time(), a, time.monotonic())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clock.environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    right = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    wall, before, after = map(float, done.stdout.split())
    right_wall, right_before, _ = map(float, right.stdout.split())
    assert round((right_wall - wall) / DAY_S) == 40
    assert before < after <= right_before
