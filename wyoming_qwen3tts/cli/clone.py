"""``clone``: a clip of somebody becomes a voice."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ..app.build import build_engine, build_studio, catalog_of
from ..audio.reference.reader import CLIP_BYTES_MAX
from ..settings import Settings
from ..voices.folder import VoiceFolder
from .download import fetched


async def clone(settings: Settings, wanted: Namespace) -> int:
    """Make the voice and keep it in the data folder.

    Raises:
        SpeechError: for a name, clip or model that cannot be used; says what to do.
        OSError: if the clip cannot be read.
    """
    built = build_engine(settings)
    studio = build_studio(settings, built.designer, catalog_of(settings, built.engine))
    try:
        studio.check_name(wanted.name)  # this and the clip before anything slow
        clip = _read(Path(wanted.clip))
        for _ in fetched(settings, settings.engine.model):
            pass
        voice = await studio.clone(
            wanted.name,
            clip,
            text=wanted.text,
            consent=wanted.consent,
            keep_clip=wanted.keep_clip,
            raw=wanted.raw,
        )
        for problem in () if wanted.raw else (await studio.check(clip)).problems:
            sys.stderr.write(f"{wanted.clip}: {problem.message}\n")  # what is left are warnings
    finally:
        studio.close()
    sys.stdout.write(f"{voice.name} is kept in {VoiceFolder(settings.voices_dir).path(voice.name)}\n")
    return 0


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(CLIP_BYTES_MAX + 1)
