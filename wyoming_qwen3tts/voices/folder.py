"""The folder of the home's own voices, cloned and designed: one file each, see `file_format`."""

from __future__ import annotations

import itertools
import logging
import os
import time
import unicodedata
from pathlib import Path

from ..errors import BadRequest, UnknownVoice
from ..speech.languages import LANGUAGES
from ..speech.voice import VoiceName
from ..util.files import read_regular, write_atomic
from . import file_format
from .file_format import FILE_BYTES_MAX, HEADER_BYTES_MAX, ClonedVoice, VoiceCard

__all__ = ["VOICES_MAX", "ClonedVoice", "VoiceCard", "VoiceFolder", "new_name"]

log = logging.getLogger(__name__)

VOICES_MAX = 200
_SUFFIX = ".safetensors"
_LOOK_S = 1.0  # a file that was written over shows up so late; a new one at once
_SETTLED_NS = 2_000_000_000  # a folder that changed later than this may change again within the same tick of its clock


class VoiceFolder:
    """Names are safe file stems by construction, so no request can name a path. At most ``limit`` files are voices;
    asked for its voices every few seconds, it looks at each file, but reads only those that changed."""

    def __init__(self, folder: Path, limit: int = VOICES_MAX) -> None:
        self.folder, self.limit = folder, limit
        self._names: list[VoiceName] = []
        self._names_at: int | None = None  # the folder's own time of change
        self._cards: tuple[VoiceCard, ...] = ()
        self._read: dict[str, tuple[tuple[int, int], VoiceCard | None]] = {}
        self._looked_at = float("-inf")
        self._said: str | None = None

    def names(self) -> list[VoiceName]:
        """All voices, sorted; files that cannot be one, and links out of the folder, are left out."""
        try:
            changed = self.folder.stat().st_mtime_ns
            if changed != self._names_at:
                self._names = self._scan()
                self._names_at = changed if time.time_ns() - changed > _SETTLED_NS else None
        except FileNotFoundError:
            self._names, self._names_at = [], None
        except OSError as error:  # the server speaks with whom it has
            self._say(f"The voices cannot be read: {self.folder}: {error.strerror}")
            self._names, self._names_at = [], None
        return list(self._names)

    def cards(self) -> tuple[VoiceCard, ...]:
        """What is told of each voice whose file is in order; the same object as before if nothing changed."""
        before, now = self._names_at, time.monotonic()
        names = self.names()
        if before is not None and before == self._names_at and now - self._looked_at < _LOOK_S:
            return self._cards
        found: dict[str, tuple[tuple[int, int], VoiceCard | None]] = {}
        for name in names:
            try:
                status = os.stat(f"{self.folder}/{name}{_SUFFIX}")  # noqa: PTH116  half the time of a Path's
            except OSError:  # gone since
                continue
            stamp = (status.st_mtime_ns, status.st_size)
            known = self._read.get(name)
            if known is None or known[0] != stamp:
                known = (stamp, self._card(name, self.path(name)))
            found[name] = known
        self._read, self._looked_at = found, now
        cards = tuple(card for _, card in found.values() if card is not None)
        if cards != self._cards:
            self._cards = cards
        return self._cards

    def find(self, name: str) -> VoiceName | None:
        """The voice that is meant by ``name``: exactly it, or it in another case. None if there is none."""
        names = self.names()
        wanted = unicodedata.normalize("NFKC", name).strip()
        near = (voice for voice in names if voice.casefold() == wanted.casefold())
        return next((voice for voice in names if voice == wanted), next(near, None))

    def read(self, name: str) -> ClonedVoice:
        """The voice called ``name``.

        Raises:
            UnknownVoice: if there is none.
            BadRequest: if its file is damaged or no voice.
        """
        return file_format.decode(self.data(name), VoiceName.parse(name), str(self.path(VoiceName.parse(name))))

    def data(self, name: str) -> bytes:
        """The file of the voice called ``name``. Raises as `read`."""
        path = self.path(VoiceName.parse(name))
        if not _is_voice_file(path):
            raise UnknownVoice(f"There is no cloned voice called {name[:64]!r}.")
        try:
            content = read_regular(path, FILE_BYTES_MAX + 1)
        except OSError as error:
            raise BadRequest(f"{path} cannot be read: {error.strerror}.") from None
        if len(content) > FILE_BYTES_MAX:
            raise BadRequest(f"{path} is too large to be a voice; clone it again.")
        return content

    def stamp(self, name: str) -> int:
        """Changes whenever the voice's file does; 0 if there is none."""
        path = self.path(VoiceName.parse(name))
        return path.stat().st_mtime_ns if path.is_file() else 0

    def add(self, voice: ClonedVoice) -> Path:
        """Keep a new voice; appears whole or not at all.

        Raises:
            BadRequest: if the name is taken, or the folder is full.
        """
        path = self.path(voice.name)
        if path.exists():
            raise BadRequest(
                f"There is a voice called {voice.name!r} already. Choose another name, or remove {path}.",
                field="name",
                why="name-taken",
            )
        if len(self.names()) >= self.limit:
            raise BadRequest(
                f"There are {self.limit} cloned voices, which is the limit. Remove one, or raise limits.voices.",
                why="too-many-voices",
            )
        write_atomic(path, file_format.encode(voice))
        return path

    def remove(self, name: str) -> None:
        """Forget a voice. Whoever speaks with it just now goes on.

        Raises:
            UnknownVoice: if there is none.
        """
        path = self.path(VoiceName.parse(name))
        if not _is_voice_file(path):
            raise UnknownVoice(f"There is no cloned voice called {name[:64]!r}.", field="name")
        path.unlink()

    def path(self, name: VoiceName) -> Path:
        """Where a voice is kept, whether it is there or not."""
        return self.folder / f"{name}{_SUFFIX}"

    def _scan(self) -> list[VoiceName]:
        with os.scandir(self.folder) as entries:
            stems = sorted(
                entry.name.removesuffix(_SUFFIX)
                for entry in entries
                if entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False)
            )
        names = [VoiceName(stem) for stem in itertools.islice(filter(_is_name, stems), self.limit)]
        if len(stems) > self.limit:
            self._say(
                f"There are {len(stems)} files in {self.folder}; only the first {self.limit} are voices. Move some "
                "away, or raise limits.voices"
            )
        return names

    def _card(self, name: VoiceName, path: Path) -> VoiceCard | None:
        try:
            return file_format.card(read_regular(path, HEADER_BYTES_MAX + 8), name, str(path))
        except OSError as error:
            log.warning("The voice %s is left out: %s", name, error.strerror)
        except BadRequest as error:
            log.warning("The voice %s is left out: %s", name, error)
        return None

    def _say(self, warning: str) -> None:
        """Once, until there is something else to say."""
        if warning != self._said:
            self._said = warning
            log.warning("%s", warning)


def _is_name(stem: str) -> bool:
    try:
        return VoiceName.parse(stem) == stem
    except UnknownVoice:
        return False


def _is_voice_file(path: Path) -> bool:
    """A file that could be a voice. A link could lead anywhere."""
    try:
        return _is_name(path.stem) and path.is_file() and not path.is_symlink()
    except OSError:  # longer than a file's name can be
        return False


def new_name(raw: str, taken: set[str]) -> VoiceName:
    """A name that a new voice may have; see `file_format.new_name`."""
    return file_format.new_name(raw, taken, set(LANGUAGES))
