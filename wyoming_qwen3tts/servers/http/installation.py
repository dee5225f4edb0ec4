"""How this server was installed, and how a setting is spelt for whoever runs it so."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from ...engine.qwen3.hardware.probe import nvidia_on_bus, probe_driver
from ...settings import sources
from ...util.installation import IMAGE_USER, QWEN3_PACKAGES

Place = Literal["checkout", "package", "container", "addon", "addon-nvidia"]
_SOURCE = Path(__file__).resolve().parents[3]
_SAID = {"on": "true", "off": "false"}  # in YAML
_NATURAL = {"engine.kind": "qwen3"}  # what the add-on without a card spells in a word of its own


@dataclass(frozen=True, slots=True)
class Installation:
    """What is known of it without loading anything."""

    place: Place
    has_card: bool  # one of NVIDIA's is in the machine
    has_driver: bool
    has_torch: bool
    has_torch_for_card: bool  # and not one for processors alone

    def spelt(self, name: str, value: str) -> dict[str, str]:
        """A setting as a flag, a variable, and an option of an add-on; ``here`` names the one that counts here."""
        here = "option" if self.place.startswith("addon") else "variable" if self.place == "container" else "flag"
        return {
            "here": here,
            "flag": f"{sources.flag(name)} {value}",
            "variable": f"{sources.variable(name)}={value}",
            "option": f"{name}: {_SAID.get(value, value)}",
        }

    def command(self, settings: Mapping[str, str]) -> str | None:
        """The one thing to run, or to write into variables or options, so that ``settings`` are in force; None in an
        add-on that has no option for one of them."""
        match self.place:
            case "checkout" | "package":
                program = "script/run" if self.place == "checkout" else "wyoming-qwen3tts"
                return " ".join([program, *(f"{sources.flag(name)} {value}" for name, value in settings.items())])
            case "container":
                return "\n".join(f"{sources.variable(name)}={value}" for name, value in settings.items())
            case _:
                return self._option(settings)

    def program(self, arguments: str) -> str:
        """A command of ours, as it is typed."""
        if self.place == "checkout":
            return f".venv/bin/wyoming-qwen3tts {arguments}"
        return f"wyoming-qwen3tts {arguments}"

    def _option(self, settings: Mapping[str, str]) -> str | None:
        """Lines for the add-on's configuration."""
        if self.place == "addon" and dict(settings) == _NATURAL:
            return "engine:\n  natural_voice: true"
        if self.place != "addon-nvidia":
            return None
        sections: dict[str, list[str]] = {}
        for name, value in settings.items():
            section, _, key = name.partition(".")
            sections.setdefault(section, []).append(f"  {key}: {_SAID.get(value, value)}")
        return "\n".join(f"{section}:\n" + "\n".join(lines) for section, lines in sections.items())


def look(environ: Mapping[str, str]) -> Installation:
    """This one."""
    has_torch, is_for_card = _has_torch(), not _torch_version().endswith("+cpu")
    return Installation(
        _place(environ, is_for_card=is_for_card), nvidia_on_bus(), probe_driver().driver is not None, has_torch,
        has_torch and is_for_card,
    )  # fmt: skip


def _place(environ: Mapping[str, str], *, is_for_card: bool) -> Place:
    if "SUPERVISOR_TOKEN" in environ:
        return "addon-nvidia" if is_for_card else "addon"
    if environ.get(IMAGE_USER):
        return "container"
    return "checkout" if (_SOURCE / "script" / "run").exists() else "package"


def _has_torch() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in QWEN3_PACKAGES)


def _torch_version() -> str:
    try:
        return version("torch")
    except PackageNotFoundError:
        return "+cpu"
