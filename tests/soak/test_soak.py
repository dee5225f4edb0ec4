"""F44: twenty seconds of `script/soak`; the hours are for a release."""

from __future__ import annotations

from pathlib import Path

import pytest

from .soak import plot, report, soak


@pytest.mark.timing  # its load lasts by the clock, and what others do beside it adds to the memory at its peak
@pytest.mark.timeout(200)
async def test_all_doors_at_once_with_clients_who_leave_and_programs_that_are_killed(tmp_path: Path) -> None:
    it, wrong = await soak(tmp_path, 20)
    print(report(it))  # noqa: T201
    assert wrong == []
    assert it.done["killed programs"] > 0
    plot(it, tmp_path / "soak.svg")
    assert (tmp_path / "soak.svg").read_text().count("polyline") == 4
