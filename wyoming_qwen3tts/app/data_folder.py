"""Whose the data folder is: what lies in it is spoken, so nobody else may have put it there."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from ..errors import SettingsError
from ..settings import Settings

log = logging.getLogger(__name__)

_NAME_ONE = "Name a folder of your own: --data-dir /path/to/folder"


def claim_data_folder(settings: Settings) -> None:
    """See to it that the data folder is ours, if nobody named it: without HOME it is in the system's temporary folder,
    where anybody can make it first. It is made for its owner alone. One that was named is the operator's wish.

    Raises:
        SettingsError: if it is another's, a link, or writable for others.
    """
    folder = settings.data_dir
    if "data_dir" in settings.model_fields_set:
        _warn_of(folder)
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:  # a file, or a link that leads nowhere
        raise SettingsError(f"The data folder {folder} is no folder. {_NAME_ONE}") from None
    except OSError as error:  # what needs it will say so, and much does not
        log.debug("the data folder %s cannot be made: %s", folder, error)
        return
    if why := _why_not_ours(folder.lstat()):
        raise SettingsError(f"The data folder {folder} {why}, so what is in it may be another's. {_NAME_ONE}")


def _why_not_ours(found: os.stat_result) -> str | None:
    if stat.S_ISLNK(found.st_mode):
        return "is a link"
    if found.st_uid != os.geteuid():
        return f"belongs to the user with the id {found.st_uid}"
    if _is_open(found):
        return "can be written by other users"
    return None


def _is_open(found: os.stat_result) -> bool:
    """Whether others can write; a user's own group, which most systems make, is no other."""
    is_group_open = found.st_mode & stat.S_IWGRP and found.st_gid != os.getegid()
    return bool(found.st_mode & stat.S_IWOTH or is_group_open)


def _warn_of(folder: Path) -> None:
    try:
        found = folder.stat()
    except OSError:
        return  # it is made when something is kept
    if found.st_uid != os.geteuid() and _is_open(found):
        log.warning(
            "The data folder %s belongs to the user with the id %d, and others can write to it: what they put there is "
            "spoken",
            folder,
            found.st_uid,
        )
