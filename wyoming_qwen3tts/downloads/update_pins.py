"""Fills ``pins.py``: ``script/pin-models [ENDPOINT]``, where there is a network. Not part of a running server."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

from .hub import Hub, RemoteFile, Snapshot
from .pins import PINS, Pin

_FILE = Path(__file__).with_name("pins.py")
_MARK = "# Written by script/pin-models from here on.\n"


def pinned(hub: Hub, model: str) -> Pin:
    """The newest commit of ``model`` and the sha256 of its files; those the hub does not know are downloaded for it.

    Raises:
        StoreError: if the hub does not have it.
        Interrupted: if the network fails; run it again.
    """
    snapshot = hub.snapshot(model, None)
    return Pin(snapshot.commit, {file.name: file.sha256 or _hashed(hub, snapshot, file) for file in snapshot.files})


def _hashed(hub: Hub, snapshot: Snapshot, file: RemoteFile) -> str:
    digest = hashlib.sha256()
    with hub.open(snapshot, file, 0) as (_, pieces):
        for piece in pieces:
            digest.update(piece)
    return digest.hexdigest()


def source(pins: Mapping[str, Pin]) -> str:
    """The text of ``pins.py`` with this table, as ruff formats it."""
    lines = ["PINS: dict[str, Pin] = {"]
    for model, pin in pins.items():
        if pin.revision is None:
            lines.append(f'    "{model}": Pin(),')
            continue
        lines += [f'    "{model}": Pin(', f'        revision="{pin.revision}",', "        sha256={"]
        lines += [f'            "{name}": "{sha256}",' for name, sha256 in pin.sha256.items()]
        lines += ["        },", "    ),"]
    return _FILE.read_text(encoding="utf-8").partition(_MARK)[0] + _MARK + "\n".join([*lines, "}"]) + "\n"


def main() -> None:
    """Pin every published model anew."""
    with Hub(sys.argv[1] if len(sys.argv) > 1 else "") as hub:
        _FILE.write_text(source({model: pinned(hub, model) for model in PINS}), encoding="utf-8")


if __name__ == "__main__":
    main()
