"""Writes what is made of the settings. Called by script/reference-config; tests say whether it is time to do so."""

from __future__ import annotations

from pathlib import Path

from tests.addon.generate import CPU, CUDA, options, table
from tests.conftest import ROOT
from wyoming_qwen3tts.settings.reference import page, reference


def option_names() -> dict[str, str]:
    """What the apps of Home Assistant call a setting, under which heading, and in which of the two if not in both."""
    groups, only = table()["groups"], {CPU: "", CUDA: ", in the app for CUDA"}
    found: dict[str, str] = {}
    for app in (CPU, CUDA):
        for name, texts in options(app).items():
            group, _, _ = name.rpartition(".")
            place = f"{groups[group]['en'][0]} → " if group else ""
            found[name] = f"{place}{texts['en'][0]}{only.get(texts.get('only', ''), '')}"
    return found


def files() -> dict[Path, str]:
    """Every file that is made, and what is to be in it."""
    return {
        ROOT / "config" / "wyoming-qwen3tts.yaml": reference(),
        ROOT / "docs" / "settings.md": page(option_names()),
    }


if __name__ == "__main__":
    for path, content in files().items():
        path.write_text(content, encoding="utf-8")
