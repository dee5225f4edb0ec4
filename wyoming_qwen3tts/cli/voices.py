"""``voices``: who can be asked for; voices of one's own handed on, taken in, mixed, removed."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from pathlib import Path

from ..app.build import build_engine, build_studio, catalog_of
from ..errors import BadRequest
from ..settings import Settings
from ..speech.voice import Voice
from ..voices.file_format import FILE_BYTES_MAX


async def voices(settings: Settings, wanted: Namespace) -> int:
    """List them, or do with one of them what ``wanted.action`` says.

    Raises:
        SpeechError: for a name or file that cannot be used; says what to do.
    """
    built = build_engine(settings)
    catalog = catalog_of(settings, built.engine)
    if wanted.action in (None, "list"):
        return _list(catalog.all(), as_json=wanted.json)
    studio = build_studio(settings, built.designer, catalog)
    try:
        match wanted.action:
            case "export":
                _write_new(Path(wanted.file), await studio.export(wanted.name))
                told = f"{wanted.name} is in {wanted.file}. Whoever has the file can speak as this voice."
            case "import":
                voice = await studio.restore(_read(Path(wanted.file)), wanted.name)
                told = f"{voice.name} is one of the voices now"
            case "blend":
                voice = await studio.blend(wanted.name, wanted.of)
                told = f"{voice.name} is one of the voices now"
            case _:
                await studio.remove(wanted.name)
                told = f"{wanted.name} is removed"
    finally:
        studio.close()
    sys.stdout.write(f"{told}\n")
    return 0


def _list(found: tuple[Voice, ...], *, as_json: bool) -> int:
    """A line each, or as JSON."""
    if as_json:
        rows = [
            {"name": v.name, "label": v.label, "languages": v.languages, "engine": v.engine, "kind": v.kind}
            for v in found
        ]
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        width = max(len(voice.name) for voice in found)
        sys.stdout.writelines(
            f"{voice.name:<{width}}  {','.join(voice.languages):<3} {voice.label}\n" for voice in found
        )
    return 0


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def _write_new(path: Path, data: bytes) -> None:
    """A voice is somebody's: for the owner's eyes, and over nothing that is there."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadRequest(f"{path} is there already; choose another file.", field="file") from None
    with os.fdopen(number, "wb") as file:
        file.write(data)
