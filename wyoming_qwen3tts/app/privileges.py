"""Drops root privileges after giving /data to the service user. The Supervisor owns /data as root."""

from __future__ import annotations

import os
import stat
from collections.abc import MutableMapping
from pathlib import Path

from ..util.installation import IMAGE_USER


def drop_privileges(data_dir: Path, environ: MutableMapping[str, str]) -> None:
    """In an image that was started as root: hand ``data_dir`` over to the image's user and become it, for good.

    Raises:
        OSError: if the container may not; running on as root would be worse.
    """
    if os.geteuid() != 0 or not environ.get(IMAGE_USER, "").isdigit():
        return
    user_id = int(environ[IMAGE_USER])
    data_dir.mkdir(parents=True, exist_ok=True)
    _hand_over(data_dir, user_id)
    os.setgroups([])
    os.setgid(user_id)
    os.setuid(user_id)
    environ["HOME"] = str(data_dir)


def _hand_over(folder: Path, user_id: int) -> None:
    """Everything in ``folder`` that is not ours yet. The Supervisor's options.json stays root's, but is readable.
    Symbolic links are changed themselves, never what they point to."""
    paths = [folder, *(Path(root) / name for root, folders, files in os.walk(folder) for name in folders + files)]
    for path in paths:
        found = path.lstat()
        if path == folder / "options.json":
            if stat.S_ISREG(found.st_mode) and not found.st_mode & stat.S_IROTH:
                os.chown(path, 0, user_id)
                path.chmod(stat.S_IMODE(found.st_mode) | stat.S_IRGRP)
        elif found.st_uid != user_id:
            os.chown(path, user_id, user_id, follow_symlinks=False)
