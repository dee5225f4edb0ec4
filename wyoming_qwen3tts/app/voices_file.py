"""Looks at the home's ``voices.yaml`` every second, so that the log answers whoever has just saved it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import NoReturn

from ..voices.catalog import VoiceCatalog
from ..voices.mapping import VoiceMapping

log = logging.getLogger(__name__)

_LOOK_S = 1.0


async def watch_voices(catalog: VoiceCatalog, lexicons: Path, every_s: float = _LOOK_S) -> NoReturn:
    """Until cancelled. ``lexicons`` is the folder of pronunciations that the file may name some of."""
    seen = None
    while True:
        mapping = catalog.mapping()
        if mapping is not seen:
            seen = mapping
            _tell_of_lexicons(mapping, lexicons)
        await asyncio.sleep(every_s)


def _tell_of_lexicons(mapping: VoiceMapping, folder: Path) -> None:
    for tag, entry in mapping.languages.items():
        if entry.lexicon and not (file := folder / f"{entry.lexicon}.txt").is_file():
            where = mapping.where("languages", tag, "lexicon")
            log.warning("%s: there is no %s. Write it: a line is  word = as it is said", where, file)
