"""The built-in voice, which speaks whenever nobody else can."""

from __future__ import annotations

import importlib.util
import shutil

from ..util.processes import ProcessError, run_blocking
from .checks import Check, CheckContext, fine, wrong

_INSTALL = "apt install espeak-ng kakasi (the images have both)"
_AGAIN = "The installation is incomplete. Set it up anew: rm -r .venv && script/setup; in a container, pull the image"


def check(_: CheckContext) -> list[Check]:
    return [_english(), _others(), _japanese()]


def _english() -> Check:
    if importlib.util.find_spec("hibari") is None:
        return wrong("built-in voice, English", "hibari-tts is not installed", _AGAIN)
    return fine("built-in voice, English", "by hibari-tts")


def _others() -> Check:
    name, program = "built-in voice, other languages", shutil.which("espeak-ng")
    if program is None:
        return wrong(name, "espeak-ng is not installed: only English can be spoken", _INSTALL)
    try:
        output = run_blocking([program, "--version"], timeout_s=10)
    except ProcessError as error:
        return wrong(name, f"{program} does not run: {error}", _INSTALL)
    if output.code:
        return wrong(name, f"{program} does not run: {output.complaint}", _INSTALL)
    version = output.stdout.decode(errors="replace").split("  Data at")[0]
    return fine(name, f"by {version.strip()}")


def _japanese() -> Check:
    name = "built-in voice, kanji"
    if shutil.which("kakasi") is None:
        return wrong(name, "kakasi is not installed: Japanese is spelt out, not read", _INSTALL)
    return fine(name, "by kakasi")
