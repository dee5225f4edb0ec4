"""The data folder: there, writable, and roomy enough for the models that are still to come."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile

from ..downloads.store import MARGIN_BYTES
from .checks import Check, CheckContext, fine, wrong
from .models import missing_bytes


def check(place: CheckContext) -> list[Check]:
    folder = place.settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        there = next((above for above in (folder, *folder.parents) if above.exists()), folder)
        chown = f"sudo chown -R {os.getuid()}:{os.getgid()} {shlex.quote(str(there))}"
        fix = f"Make it writable for this user: {chown}; or mount a volume there, or choose another --data-dir"
        return [wrong("disk", f"{folder} cannot be written: {error.strerror}", fix)]
    free, missing = shutil.disk_usage(folder).free, missing_bytes(place)
    detail = f"{folder}: {_gb(free)} free" + (f", {_gb(missing)} still to download" if missing else "")
    if free < missing + MARGIN_BYTES:
        return [
            wrong("disk", detail, f"Make room, or choose another --data-dir: {_gb(missing + MARGIN_BYTES)} are needed")
        ]
    return [fine("disk", detail)]


def _gb(number: int) -> str:
    return f"{number / 1e9:.1f} GB"
