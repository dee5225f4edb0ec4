"""``script/faults [CASE...]``: the table of docs/faults.md with a result for each case."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.conftest import ROOT

_ROW = re.compile(r"\| ([FR]\d\d) \| (.+?) \| (.+) \|")


@dataclass(frozen=True, slots=True)
class Case:
    number: str
    what: str
    tests: tuple[str, ...]  # pytest's names of tests, or of files of them
    reason: str = ""  # why there is none


def cases() -> list[Case]:
    """Every row."""
    rows = [
        match.groups() for match in map(_ROW.fullmatch, (ROOT / "docs" / "faults.md").read_text().splitlines()) if match
    ]
    found = [(number, what, tuple(re.findall(r"`(tests/[^`]+)`", last)), last) for number, what, last in rows]
    return [Case(number, what, tests, "" if tests else last) for number, what, tests, last in found]


def main(wanted: list[str]) -> int:
    chosen = [case for case in cases() if not wanted or case.number in wanted]
    if missing := set(wanted) - {case.number for case in chosen}:
        sys.exit(f"There is no case {', '.join(sorted(missing))}; see docs/faults.md.")
    names = sorted({test for case in chosen for test in case.tests})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        flags = ["-p", "no:randomly", "--reruns", "2", "--only-rerun", "timing", "-q", f"--junitxml={report}"]
        subprocess.run([sys.executable, "-m", "pytest", *flags, *names], stdout=sys.stderr, check=False)
        results = dict(_results(report)) if report.exists() else {}
    failed = 0
    for case in chosen:
        said = _said(case, results)
        failed += said.startswith(("FAILED", "NOT RUN"))
        print(f"{case.number}  {case.what[:70]:70}  {said}")  # noqa: T201
    print(f"{len(chosen)} cases, {failed} failed")  # noqa: T201
    return int(failed > 0)


def _results(report: Path) -> Iterator[tuple[str, str]]:
    """``tests/x.py::test_y`` without parameters and what became of it, once for each."""
    for test in ElementTree.parse(report).getroot().iter("testcase"):
        file = str(test.get("classname")).replace(".", "/") + ".py"
        kinds = {child.tag for child in test}
        kind = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        reason = next((str(child.get("message")) for child in test if child.tag == "skipped"), "")
        yield f"{file}::{test.get('name')}", f"{kind}: {reason}"


def _said(case: Case, results: dict[str, str]) -> str:
    if not case.tests:
        return case.reason
    mine: Counter[str] = Counter()
    why = ""
    for test in case.tests:
        found = [result for name, result in results.items() if _is(name, test)]
        mine.update(result.partition(":")[0] for result in found or ["not run"])
        why = why or next((r.partition(": ")[2] for r in found if r.startswith("skipped")), "")
    if mine["failed"]:
        return f"FAILED: {mine['failed']} of {mine.total()}"
    if mine["not run"]:
        return "NOT RUN"
    if not mine["passed"]:
        return f"skipped: {why}"
    return f"passed: {mine['passed']} tests" + (f", {mine['skipped']} skipped: {why}" if mine["skipped"] else "")


def _is(name: str, test: str) -> bool:
    return name == test or name.startswith((f"{test}[", f"{test}::"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
