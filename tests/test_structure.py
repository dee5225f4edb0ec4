"""The house rules that a linter cannot hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import wyoming_qwen3tts
from tests.conftest import ROOT, in_tree_order

_CHANGES = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


def test_the_changelog_has_the_form_of_keep_a_changelog() -> None:
    """https://keepachangelog.com/en/1.1.0/: what is not released yet, then this version; an entry is a line."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)

    assert versions[0] == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(wyoming_qwen3tts.__version__)}\] - \d{{4}}-\d\d-\d\d", versions[1])
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= set(_CHANGES)
    assert [line for line in text.splitlines() if line.startswith(" ")] == []
    for version in versions:
        name = version.split("]")[0] + "]"
        assert f"\n{name}: " in text, f"{name} has no link at the end"


def test_files_on_the_command_line_are_taken_folder_by_folder() -> None:
    given = ["tests/model/cpu/test_b.py::test_z", "tests/test_top.py", "tests/model/cpu/test_b.py::test_a", "tests/cli"]

    assert in_tree_order(given) == [given[3], given[0], given[2], given[1]]


def test_importing_the_package_costs_nothing() -> None:
    """Asked for its version by packagers and by the health check."""
    script = "import sys; before = set(sys.modules); import wyoming_qwen3tts; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert int(done.stdout) == 1


#: Runs other people's programs at a terminal, for a comparison that developers make.
_AT_A_TERMINAL = "cli/bench/peers/compare.py"
_STARTERS = re.compile(
    r"create_subprocess_\w+|subprocess_(exec|shell)|system|popen|posix_spawnp?|spawn[lv]p?e?|fork\w*"
)


def test_only_util_processes_starts_other_programs() -> None:
    """Elsewhere nobody would kill the whole group, bound the output, or end within a second."""
    package = ROOT / "wyoming_qwen3tts"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(alias.name == "subprocess" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module in ("subprocess", "asyncio.subprocess"))
        or (isinstance(node, ast.ImportFrom) and any(_STARTERS.fullmatch(alias.name) for alias in node.names))
        or (isinstance(node, ast.Attribute) and _STARTERS.fullmatch(node.attr))
    }

    assert found == {"util/processes.py", _AT_A_TERMINAL}
