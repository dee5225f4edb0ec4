"""The built-in voice, which speaks whenever nobody else can."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess

from .checks import Check, CheckContext, fine, wrong

_INSTALL = "apt install espeak-ng kakasi (the images have both)"


def check(_: CheckContext) -> list[Check]:
    return [_english(), _others(), _japanese()]


def _english() -> Check:
    if importlib.util.find_spec("hibari") is None:
        return wrong("built-in voice, English", "hibari-tts is not installed", "pip install wyoming-qwen3tts")
    return fine("built-in voice, English", "English by hibari-tts")


def _others() -> Check:
    name, program = "built-in voice, other languages", shutil.which("espeak-ng")
    if program is None:
        return wrong(name, "espeak-ng is not installed: only English can be spoken", _INSTALL)
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, errors="replace", timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return wrong(name, f"{program} does not run: {error}", _INSTALL)
    return fine(name, f"others by {done.stdout.split('  Data at')[0].strip()}")


def _japanese() -> Check:
    name = "built-in voice, kanji"
    if shutil.which("kakasi") is None:
        return wrong(name, "kakasi is not installed: Japanese is spelt out, not read", _INSTALL)
    return fine(name, "kanji by kakasi")
