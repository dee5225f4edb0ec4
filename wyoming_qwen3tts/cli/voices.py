"""``voices``: who can be asked for."""

from __future__ import annotations

import json
import sys

from ..app import build_engine, catalog_of
from ..settings import Settings


def voices(settings: Settings, *, as_json: bool) -> int:
    """Print them, a line each or as JSON."""
    found = catalog_of(build_engine(settings)).all()
    if as_json:
        rows = [{"name": v.name, "label": v.label, "languages": v.languages, "engine": v.engine} for v in found]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        width = max(len(voice.name) for voice in found)
        sys.stdout.writelines(
            f"{voice.name:<{width}}  {','.join(voice.languages):<3} {voice.label}\n" for voice in found
        )
    return 0
