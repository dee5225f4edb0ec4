"""The house rules that a linter cannot hold."""

from __future__ import annotations

import re
import subprocess
import sys

import wyoming_qwen3tts
from tests.conftest import ROOT


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
