"""What is dear to make, on disk: found again after a restart, never wrong, never in the way."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from .files import read_regular, sweep, write_atomic

log = logging.getLogger(__name__)

OFF_S = 600.0  # how long a disk that is full or broken is left alone
_DIGEST_BYTES = hashlib.sha256().digest_size


class DiskCache:
    """One file a key, behind a checksum; ``size_bytes`` of them at most, the one not used for longest goes first.

    Keys are file names. Any thread; calls that touch the disk say so. Nothing here raises: what cannot be read is a
    miss, and after an error of the disk it is left alone for ten minutes: a disk that takes nothing is still read.
    Other processes may use the folder too.
    """

    def __init__(
        self, folder: Path, size_bytes: int, suffix: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder, self._size_bytes, self._suffix, self._clock = folder, size_bytes, suffix, clock
        self._sizes: Mapping[str, int] = {}  # replaced, never changed: other threads may be reading it
        self._no_reading_until = self._no_writing_until = float("-inf")
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, key: str) -> bool:
        """Whether it was there when the folder was last looked through."""
        return key in self._sizes

    @property
    def used_bytes(self) -> int:
        return sum(self._sizes.values())

    @property
    def is_on(self) -> bool:
        """Whether anything would be kept now."""
        return self._size_bytes > 0 and self._clock() >= max(self._no_writing_until, self._no_reading_until)

    def load(self, head_bytes: int = 0) -> dict[str, bytes]:
        """What earlier runs have left, the longest unused first: the beginning of each, not checked. At the start,
        before anything is put. On the disk."""
        if self._size_bytes <= 0:
            return {}
        try:
            with self._changing:
                sweep(self.folder)
                self._look_through()
                self._make_room(0)
            return {key: head for key in self._sizes if (head := self._head(key, head_bytes)) is not None}
        except OSError as error:
            self._turn_off(error, reading=True)
            return {}

    def get(self, key: str) -> bytes | None:
        """The content as it was put, None if it is not there, or not as it was. On the disk."""
        if self._size_bytes <= 0 or self._clock() < self._no_reading_until:
            return None
        path = self._path(key)
        try:
            data = read_regular(path, self._size_bytes + 1)
        except FileNotFoundError:
            self._forget(key)
            return None
        except OSError as error:
            self._turn_off(error, reading=True)
            return None
        content = data[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() != data[:_DIGEST_BYTES]:
            log.warning("%s is damaged and is made anew", path)
            self.drop(key)
            return None
        _touch(path)
        return content

    def put(self, key: str, content: bytes) -> bool:
        """Keep ``content``; whether that was done. On the disk."""
        size = _DIGEST_BYTES + len(content)
        if not self.is_on or size > self._size_bytes:
            return False
        path = self._path(key)
        try:
            with self._changing:
                self._look_through()
                self._sizes = {name: taken for name, taken in self._sizes.items() if name != key}
                self._make_room(size)
                # Not synced: what a power failure spoils is found by its checksum.
                write_atomic(path, hashlib.sha256(content).digest() + content, is_synced=False)
                _touch(path)
                self._sizes = {**self._sizes, key: size}
        except OSError as error:
            self._turn_off(error, reading=False)
            return False
        return True

    def drop(self, key: str) -> None:
        """Forget it. On the disk."""
        self._forget(key)
        with contextlib.suppress(OSError):  # it is found again at the next start
            self._path(key).unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{self._suffix}"

    def _forget(self, key: str) -> None:
        with self._changing:
            self._sizes = {name: size for name, size in self._sizes.items() if name != key}

    def _look_through(self) -> None:
        self._sizes = {key: size for _, key, size in sorted(self._files())}

    def _files(self) -> Iterator[tuple[int, str, int]]:
        """When it was used last, key and size."""
        if not self.folder.is_dir():
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(self._suffix) and not entry.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):  # another process makes room too
                        if entry.is_file(follow_symlinks=False):
                            status = entry.stat(follow_symlinks=False)
                            yield status.st_mtime_ns, entry.name.removesuffix(self._suffix), status.st_size

    def _make_room(self, wanted: int) -> None:
        left, sizes = self.used_bytes + wanted, dict(self._sizes)
        for key, size in self._sizes.items():
            if left <= self._size_bytes:
                break
            self._path(key).unlink(missing_ok=True)
            left -= size
            del sizes[key]
        self._sizes = sizes

    def _head(self, key: str, size: int) -> bytes | None:
        try:
            return read_regular(self._path(key), _DIGEST_BYTES + size)[_DIGEST_BYTES:]
        except FileNotFoundError:
            return None

    def _turn_off(self, error: OSError, *, reading: bool) -> None:
        if self.is_on:
            why = error.strerror or error
            log.warning("The cache %s is off for %.0f minutes: %s", self.folder, OFF_S / 60, why)
        until = self._clock() + OFF_S
        self._no_writing_until = until
        if reading:
            self._no_reading_until = until


def _touch(path: Path) -> None:
    """Used just now, to the nanosecond: the system's own stamps are milliseconds apart."""
    with contextlib.suppress(OSError):  # a disk that is only read still serves; only the order of going is lost
        now = time.time_ns()
        os.utime(path, ns=(now, now))
