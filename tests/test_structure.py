"""The house rules that a linter cannot hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wyoming_qwen3tts

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "wyoming_qwen3tts").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_has_at_most_400_lines_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 400
    assert ast.get_docstring(ast.parse(text)), "a module without a docstring"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_function_has_at_most_40_lines(path: Path) -> None:
    """Docstrings aside."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno else 0
            assert lines <= 40, f"{node.name} has {lines} lines"


def test_the_top_level_is_as_agreed() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    top = {name.split("/")[0] for name in listed}
    agreed = {
        "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "repository.yaml", "wyoming_qwen3tts", "addon",
        "config",
        "docker", "tests", "script", ".ci", ".gitignore", ".pre-commit-config.yaml", ".github", "SECURITY.md",
    }  # fmt: skip

    assert top <= agreed


def test_the_changelog_begins_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert first
    assert first[1] == wyoming_qwen3tts.__version__


def test_the_readme_shows_flags_that_exist() -> None:
    from wyoming_qwen3tts.cli.parser import build

    shown = set(re.findall(r"(?<![\w-])--[a-z][\w.-]*", (ROOT / "README.md").read_text(encoding="utf-8")))
    foreign = {"--server"}  # of other programs

    assert shown - foreign <= build().flags()


def test_importing_the_package_costs_nothing() -> None:
    """Asked for its version by packagers and by the health check."""
    script = "import sys; before = set(sys.modules); import wyoming_qwen3tts; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert int(done.stdout) == 1
