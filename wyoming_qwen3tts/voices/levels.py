"""How loud each voice comes from its engine, remembered over restarts: so a voice is right from its second reply on."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from pathlib import Path

from ..audio.leveller import VoiceLevel
from ..speech.voice import is_typed_blend
from ..util.files import read_regular, write_atomic
from ..util.lru import LruCache

log = logging.getLogger(__name__)

_WORTH_DB, _WORTH_S = 0.3, 5.0  # what a level must have moved, or be better known, to be written down
_MOST = 2000  # voices; the one not heard for longest goes first
_MIXED_MOST = 32
_FILE_BYTES = 1 << 20


class VoiceLevels:
    """The levels, in memory and in one small file. Event loop only; the file is written in a thread."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._levels = _read(path) if path else {}
        self._written = dict(self._levels)
        self._mixed = LruCache[VoiceLevel](_MIXED_MOST)
        self._writing: asyncio.Task[None] | None = None

    def of(self, voice: str) -> VoiceLevel:
        """What is known of a voice, which may be nothing."""
        return self._levels.get(voice) or self._mixed.get(voice) or VoiceLevel()

    def learned(self, voice: str, level: VoiceLevel) -> None:
        """Remember it; on disk too, soon, where it is news. Blends that are not kept have a few places of their own."""
        if is_typed_blend(voice):
            self._mixed.put(voice, level)
            return
        self._levels.pop(voice, None)
        self._levels[voice] = level
        while len(self._levels) > _MOST:
            del self._levels[next(iter(self._levels))]
        if self._path and self._is_news(voice, level) and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write(self._path))

    async def close(self) -> None:
        """Wait until all is written."""
        if self._writing is not None:
            await self._writing
        if self._path and self._levels != self._written:
            await self._write(self._path)

    def _is_news(self, voice: str, level: VoiceLevel) -> bool:
        before = self._written.get(voice)
        return (
            before is None
            or abs(before.lufs - level.lufs) + abs(before.lost_db - level.lost_db) > _WORTH_DB
            or level.seconds - before.seconds > _WORTH_S
        )

    async def _write(self, path: Path) -> None:
        levels = dict(self._levels)
        content = {
            name: [round(level.lufs, 2), round(level.seconds, 1), round(level.lost_db, 2)]
            for name, level in levels.items()
        }
        self._written = levels  # also if it fails: the next news tries again
        try:
            await asyncio.to_thread(write_atomic, path, json.dumps(content, ensure_ascii=False).encode())
        except OSError as error:
            log.warning("The loudness of the voices could not be kept in %s: %s", path, error.strerror or error)


def _read(path: Path) -> dict[str, VoiceLevel]:
    """The file's levels; what is damaged is learned again."""
    try:
        content = json.loads(read_regular(path, _FILE_BYTES))
        return {name: _level(*numbers) for name, numbers in content.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        log.warning("%s cannot be used (%s); the loudness of the voices is learned anew", path, str(error)[:80])
        return {}


def _level(lufs: float, seconds: float, lost_db: float) -> VoiceLevel:
    numbers = (lufs, seconds, lost_db)
    if not all(math.isfinite(number) for number in numbers) or not -70 <= lufs <= 0 or seconds < 0:
        raise ValueError(f"no level: {numbers}")
    return VoiceLevel(float(lufs), float(seconds), float(lost_db))
