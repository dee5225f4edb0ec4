"""The voice that somebody chose over MQTT: kept in the data folder, so that a restart does not change who speaks."""

from __future__ import annotations

import logging
from pathlib import Path

from ..util.files import read_regular, write_atomic

log = logging.getLogger(__name__)

_FILE_BYTES = 1024


class VoiceChoice:
    """One name in one file; nothing is the voice of the settings, ``auto`` the one of the text's language."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> str | None:
        """The chosen name, ``""`` for "by language", None if nobody has chosen."""
        try:
            name = read_regular(self._file, _FILE_BYTES).decode().strip()[:64]
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            log.warning("Cannot read the chosen voice in %s: %s", self._file, error)
            return None
        return "" if name == "auto" else name or None

    def keep(self, name: str) -> None:
        """Remember; a full disk keeps nobody from using the voice now."""
        try:
            write_atomic(self._file, f"{name or 'auto'}\n".encode())
        except OSError as error:
            log.warning("Cannot keep the chosen voice in %s: %s", self._file, error)
