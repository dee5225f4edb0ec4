"""``doctor``: is everything there that speech needs?"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from ..doctor import Check, CheckContext, examine, speed
from ..settings import Settings


def doctor(settings: Settings, *, as_json: bool, gpu: str | None = None, is_speed: bool = False) -> int:
    """Print one line a check, or one JSON list; 0 if all are fine, else 1. ``gpu`` names a file for the report of
    the graphics card, which is made then; ``is_speed``: the processor's speed alone."""
    if gpu is not None:
        from .gpu_report import make_report

        return make_report(settings, Path(gpu))
    place = CheckContext(settings, os.environ)
    return report(speed.checks(place) if is_speed else examine(place), as_json=as_json)


def report(checks: Iterable[Check], *, as_json: bool) -> int:
    made = []
    for check in checks:
        made.append(check)
        if not as_json:  # at once: some take seconds
            sys.stdout.write(line(check))
            sys.stdout.flush()
    if as_json:
        sys.stdout.write(json.dumps([check.as_json() for check in made], indent=2, ensure_ascii=False) + "\n")
    return 0 if all(check.ok for check in made) else 1


def line(check: Check) -> str:
    shown = f"{'ok   ' if check.ok else 'WRONG'} {check.check}: {check.detail}\n"
    return shown if check.ok else f"{shown}      -> {check.fix}\n"
