"""docs/faults.md names every case, and only tests that there are."""

from __future__ import annotations

import re

from tests.conftest import ROOT

from .table import cases


def test_every_case_of_the_design_is_there_once_and_in_order() -> None:
    numbers = [case.number for case in cases()]
    assert [number for number in numbers if number.startswith("F")] == [f"F{number:02}" for number in range(1, 55)]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == len(numbers)


def test_every_test_that_is_named_is_there() -> None:
    missing = []
    for test in {test for case in cases() for test in case.tests}:
        file, _, name = test.partition("::")
        path = ROOT / file
        if not path.is_file() or (name and not re.search(rf"^(async )?def {name}\(", path.read_text(), re.MULTILINE)):
            missing.append(test)
    assert not missing


def test_a_case_without_a_test_says_why() -> None:
    assert all(len(case.reason) > 40 for case in cases() if not case.tests)


def test_what_calls_itself_a_case_in_a_test_is_one() -> None:
    known = {case.number for case in cases()}
    named = {
        found
        for path in (ROOT / "tests" / "faults").glob("test_*.py")
        for found in re.findall(r"\b[FR]\d\d\b", path.read_text())
    }
    assert named <= known
