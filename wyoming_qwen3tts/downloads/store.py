"""Model files: a folder as it is, a hub id as ``<models>/<org>--<name>/<commit>/``, fetched once.

Only the models that the settings name are ever fetched; no request can add one. A file is written under
``.incomplete/`` and moves to its final name once size and (where known) sha256 match; the folder appears when it is
complete. What a break, a full disk or a kill left behind is gone on with at its last byte.

Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from ..errors import NotFetched, StoreError
from ..util.backoff import Backoff
from .hub import Hub, Interrupted, RemoteFile, Snapshot, Wrong, is_offline, known_models
from .pins import PINS, Pin
from .progress import Lines, Progress, Report, size

log = logging.getLogger(__name__)

MARGIN_BYTES = 256 << 20  # left free for voices, logs and everybody else on that disk
MANIFEST = ".files.json"  # says that a folder is complete, and what its files must be
_ATTEMPTS = 6  # without a single new byte
_WAIT_MAX_S = 30.0
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PART = r"[A-Za-z0-9](?:[\w.-]{0,94}[\w])?"
_HUB_ID = re.compile(rf"{_PART}/{_PART}", re.ASCII)
Kind = Literal["CustomVoice", "Base", "VoiceDesign"]
_KINDS: dict[str, Kind] = {"custom": "CustomVoice", "base": "Base", "design": "VoiceDesign"}


class Store:
    """The models under one root. Safe to use from several threads and processes: whoever comes second waits."""

    def __init__(
        self,
        root: Path,
        models: Sequence[str],
        *,
        endpoint: str = "",
        offline: bool = False,
        wait_s: float = 1.0,
    ) -> None:
        """``models`` is the closed list of what may be fetched; ``wait_s`` the pause after a first failure."""
        self.root = root
        self._models = tuple(models)
        self._endpoint, self._offline, self._wait_s = endpoint, offline, wait_s

    def find(self, model: str) -> Path | None:
        """Where ``model`` is on this machine, complete; None if it would have to be fetched. Never uses the network.

        Raises:
            StoreError: if it is neither a folder nor a hub id.
        """
        if (folder := local_folder(model)) is not None:
            return folder
        _check_id(model)
        home, revision = self._home(model), PINS.get(model, Pin()).revision
        try:
            revisions = [home / revision] if revision else [entry for entry in home.iterdir() if entry.is_dir()]
            complete = [folder for folder in revisions if folder.name[0] != "." and not _unfit(folder)]
            return max(complete, key=lambda folder: (folder / MANIFEST).stat().st_mtime, default=None)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{home} cannot be read: {error.strerror}") from error

    def fetch(
        self,
        model: str,
        *,
        verify: bool = False,
        report: Report | None = None,
        stop: threading.Event | None = None,
    ) -> Path:
        """The folder of ``model``, downloaded now if it is not complete; with ``verify`` each byte is checked again.

        Setting ``stop`` ends it with the next bytes, at the latest when the hub has been silent for 6 s; the next call
        goes on there. Without ``report``, progress is logged.

        Raises:
            StoreError: one line that says what is missing and what to do.
        """
        found = self.find(model)
        if found is not None and not (verify and (found / MANIFEST).exists() and _unfit(found, deep=True)):
            return found
        if model not in self._models:
            raise StoreError(f"{model} is not here, and only configured models are fetched; add it to engine.model")
        if self._offline or is_offline():
            raise StoreError(
                f"{model} is not (or not wholly) in {self._home(model)} and downloads are off (models.offline or "
                "HF_HUB_OFFLINE); fetch it elsewhere and give its folder as engine.model"
            )
        try:
            with Hub(self._endpoint) as hub, self._locked(model, stop or threading.Event()) as stopped:
                return _Fetch(hub, self._home(model), model, report or Lines(log.info), stopped, self._wait_s).run()
        except OSError as error:
            raise _disk_error(error, self.root) from error

    def _home(self, model: str) -> Path:
        return self.root / model.replace("/", "--")

    @contextmanager
    def _locked(self, model: str, stop: threading.Event) -> Iterator[threading.Event]:
        """Only one process writes; the lock dies with its process, so none is ever left behind."""
        home = self._home(model)
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if stop.wait(0.2):
                        raise StoreError("The download was stopped") from None
                    continue
                except OSError:
                    log.debug("%s does not know locks", home)
                break
            yield stop


class _Fetch:
    """One download, from the hub's list of files to the complete folder."""

    def __init__(self, hub: Hub, home: Path, model: str, report: Report, stop: threading.Event, wait_s: float) -> None:
        self._hub, self._home, self._model = hub, home, model
        self._report, self._stop, self._backoff = report, stop, Backoff(wait_s, _WAIT_MAX_S)
        self._done_bytes = self._total_bytes = 0
        self._warned = False

    def run(self) -> Path:
        snapshot = self._listed()
        folder, staging = self._home / snapshot.commit, self._home / ".incomplete" / snapshot.commit
        for stale in _entries(staging.parent):
            if stale != staging:  # the hub's main has moved on since
                shutil.rmtree(stale, ignore_errors=True)
        staging.mkdir(parents=True, exist_ok=True)
        # Another process may have finished while this one waited for the lock.
        missing = [file for file in snapshot.files if not _fits(folder / file.name, file.size_bytes, file.sha256)]
        if missing or not (folder / MANIFEST).exists():
            self._count(staging, missing)
            for file in sorted(missing, key=lambda file: file.size_bytes):  # what is wrong shows before gigabytes came
                if not _fits(staging / file.name, file.size_bytes, None):
                    self._get(snapshot, file, staging / file.name)
            _publish(snapshot, staging, folder)
            log.info("%s is complete: %s", self._model, folder)
        shutil.rmtree(staging.parent, ignore_errors=True)
        return folder

    def _listed(self) -> Snapshot:
        failures = 0
        while True:
            try:
                return self._hub.snapshot(self._model, PINS.get(self._model, Pin()).revision)
            except Interrupted as error:
                failures += 1
                self._pause(failures, error)

    def _count(self, staging: Path, files: Sequence[RemoteFile]) -> None:
        """Set the totals, and refuse before the first byte if it cannot fit."""
        self._total_bytes = sum(file.size_bytes for file in files)
        self._done_bytes = sum(_size_of(staging / file.name) for file in files)
        partial = sum(_size_of(_part(staging / file.name)) for file in files)
        needed, free = self._total_bytes - self._done_bytes - partial, shutil.disk_usage(staging).free
        if needed > 0 and needed + MARGIN_BYTES > free:
            raise NotFetched(
                f"{self._model} does not fit: {size(needed)} to download and {size(MARGIN_BYTES)} to spare, but "
                f"{self._home.parent} has {size(free)} free; make room, or choose another --data-dir"
            )

    def _get(self, snapshot: Snapshot, file: RemoteFile, target: Path) -> None:
        """Bring one file under its name, over any number of breaks as long as each brings a byte more."""
        part = _part(target)
        part.parent.mkdir(parents=True, exist_ok=True)
        failures = wrong = 0
        while not _fits(part, file.size_bytes, file.sha256):
            before = _size_of(part)
            try:
                if before >= file.size_bytes:
                    raise Wrong("its sha256 differs" if before == file.size_bytes else "it is too long")
                self._append(snapshot, file, part)
            except Interrupted as error:
                failures = 1 if _size_of(part) > before else failures + 1
                self._pause(failures, error)
            except Wrong as error:
                wrong += 1
                with contextlib.suppress(FileNotFoundError):
                    part.replace(part.with_suffix(".bad"))
                if wrong > 1:
                    raise NotFetched(f"{file.name} of {self._model} cannot be fetched: {error}") from None
                log.warning("%s of %s: %s. Set aside, fetching it again", file.name, self._model, error)
        part.replace(target)
        part.with_suffix(".bad").unlink(missing_ok=True)
        self._done_bytes += file.size_bytes

    def _append(self, snapshot: Snapshot, file: RemoteFile, part: Path) -> None:
        with part.open("ab") as out, self._hub.open(snapshot, file, out.tell()) as (start, pieces):
            out.truncate(start)  # to 0 where the server sends it all again
            for piece in pieces:
                if self._stop.is_set():
                    raise StoreError("The download was stopped; what is here is kept")
                if start + len(piece) > file.size_bytes:
                    raise Wrong(f"more than its {file.size_bytes} bytes came")
                out.write(piece)
                start += len(piece)
                self._report(Progress(self._model, self._done_bytes + start, self._total_bytes))
            out.flush()
            os.fsync(out.fileno())
        if start < file.size_bytes:
            raise Interrupted(f"{self._hub.host} ended after {start} of {file.size_bytes} bytes of {file.name}")

    def _pause(self, failures: int, error: Interrupted) -> None:
        if failures >= _ATTEMPTS:
            raise NotFetched(
                f"{self._model} could not be fetched: {error}. Check the network, set models.endpoint to a mirror, or "
                "give a folder as engine.model; the next attempt goes on where this one ended"
            ) from None
        log.log(logging.DEBUG if self._warned else logging.WARNING, "%s: %s; trying again", self._model, error)
        self._warned = True  # once: a line that breaks every minute would fill the log of a night's download
        if failures == 1:  # ever, or since a byte came
            self._backoff.reset()
        if self._stop.wait(self._backoff.next_s()):
            raise StoreError("The download was stopped; what is here is kept")


def local_folder(model: str) -> Path | None:
    """The folder that ``model`` means, or None if it can only be a hub id.

    Raises:
        StoreError: if it looks like a path and there is no such folder.
    """
    try:
        path = Path(model).expanduser()
        if model and path.is_dir():
            return path.absolute()
        if model.startswith(("/", ".", "~")) or (model and path.exists()):
            raise StoreError(f"There is no model folder {str(path)[:200]}")
    except (OSError, RuntimeError) as error:  # too long for a path, not readable; nobody's home
        if model.startswith(("/", ".", "~")):
            raise StoreError(f"{model[:200]} cannot be read as a folder: {error}") from error
    return None


def check_model(model: str, kind: Kind = "CustomVoice") -> None:
    """See, without any network, whether ``model`` can be one at all. ``kind`` is proposed where it names none.

    Raises:
        StoreError: why it cannot, and what to write instead.
    """
    folder = local_folder(model)
    if folder is None:
        _check_id(model, kind)
    elif not (folder / "config.json").exists():
        raise StoreError(f"The folder {folder} holds no Qwen3-TTS model: it has no config.json")


def _check_id(model: str, kind: Kind = "CustomVoice") -> None:
    if _HUB_ID.fullmatch(model) and ".." not in model and "--" not in model:
        return
    near = _proposal(model[:200].lower(), kind)
    hint = f"Did you mean {near}?" if near else f"There are {known_models()}"
    raise StoreError(f"{model[:100]!r} is neither a folder nor a model on the hub. {hint}")


def _proposal(said: str, kind: Kind) -> str | None:
    """The published model that somebody may have meant; None if it is any."""
    size = next((size for size in ("0.6", "1.7") if size in said), None)
    named = next((kind for word, kind in _KINDS.items() if word in said), None)
    if size is None and named is None and "qwen" not in said:
        return None
    able = [name for name in PINS if name.endswith(f"-{named or kind}")]
    return next((name for name in able if size and size in name), able[0])


def _unfit(folder: Path, *, deep: bool = False) -> list[str]:
    """What of a folder's files is missing or wrong; its manifest, if that is."""
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        return [
            name
            for name, known in files.items()
            if not _fits(folder / name, known["size"], known["sha256"] if deep else None)
        ]
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return [MANIFEST]


def _fits(path: Path, size_bytes: int, sha256: str | None) -> bool:
    if not path.is_file() or path.stat().st_size != size_bytes:
        return False
    return sha256 is None or _sha256(path) == sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _publish(snapshot: Snapshot, staging: Path, folder: Path) -> None:
    """Let the complete folder appear at once; into one that is there already, file by file, the manifest last."""
    described = {file.name: {"size": file.size_bytes, "sha256": file.sha256} for file in snapshot.files}
    manifest = staging / MANIFEST
    text = json.dumps({"model": snapshot.model, "commit": snapshot.commit, "files": described}, indent=1)
    manifest.write_text(text + "\n", encoding="utf-8")
    if not folder.exists():
        staging.replace(folder)
        return
    for file in snapshot.files:
        if (staging / file.name).exists():
            (folder / file.name).parent.mkdir(exist_ok=True)
            (staging / file.name).replace(folder / file.name)
    manifest.replace(folder / MANIFEST)


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _disk_error(error: OSError, root: Path) -> StoreError:
    place = error.filename or root
    if error.errno in _NO_SPACE:
        return NotFetched(f"The disk of {root} is full; make room, and the download goes on where it ended")
    return NotFetched(f"{place} cannot be written: {error.strerror or error}")


__all__ = ["MANIFEST", "Kind", "Progress", "Store", "check_model", "local_folder"]
