"""Files that appear whole or not at all, also when the disk is full or the power fails."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_UNFINISHED = re.compile(r"\..*\.(\d+)-\d+\.unfinished", re.DOTALL)
_FORGOTTEN_S = 3600.0  # after which a process that is still there has died all the same, and another has its number


def write_atomic(path: Path, content: bytes, *, is_shared: bool = False, is_synced: bool = True) -> None:
    """Write ``path`` whole or not at all; see `atomic_file`.

    Raises:
        OSError: if it cannot be written; nothing is left behind then.
    """
    with atomic_file(path, is_shared=is_shared, is_synced=is_synced) as file:
        file.write(content)


@contextmanager
def atomic_file(path: Path, *, is_shared: bool = False, is_synced: bool = True) -> Iterator[BinaryIO]:
    """A new file beside ``path``, which becomes ``path`` at the end of the block, once it is on the disk.

    Only its owner may read it, nor look into folders that are made for it: with ``is_shared`` all may. Without
    ``is_synced`` it may be spoilt by a power failure, which its reader must notice; a slow disk costs less then.

    Raises:
        OSError: if it cannot be written; nothing is left behind then.
    """
    _make_folder(path.parent, 0o755 if is_shared else 0o700)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.unfinished")
    try:
        with unfinished.open("wb") as file:
            os.fchmod(file.fileno(), 0o644 if is_shared else 0o600)
            yield file
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        with contextlib.suppress(OSError):  # gone by its new name, or the disk is; `sweep` comes later
            unfinished.unlink()


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """The first ``limit_bytes`` of a file. Never waits: a named pipe or a device in a folder of ours would keep whoever
    opens it for ever.

    Raises:
        OSError: if it cannot be read, or is no file.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise OSError(errno.EINVAL, "It is no regular file", str(path))
        with os.fdopen(number, "rb", closefd=False) as file:
            return file.read(limit_bytes)
    finally:
        os.close(number)


def sweep(folder: Path) -> None:
    """Remove what `atomic_file` could not finish in ``folder`` and the folders inside because its process was killed.
    Before anything is written by this one. Nothing is raised: what cannot be removed is found the next time."""
    for root, _, names in os.walk(folder):
        for name in names:
            found = _UNFINISHED.fullmatch(name)
            if found is not None:
                with contextlib.suppress(OSError):
                    _sweep_one(Path(root) / name, int(found[1]))


def _sweep_one(path: Path, process: int) -> None:
    is_at_work = process != os.getpid() and Path(f"/proc/{process}").exists()
    if not is_at_work or time.time() - path.lstat().st_mtime > _FORGOTTEN_S:
        path.unlink()


def _make_folder(folder: Path, mode: int) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent, mode)
        folder.mkdir(mode, exist_ok=True)
