"""What was computed for a voice, on disk: its prompt's keys and values, and the codec's state behind its reference.

So a voice of the home's own starts as fast as a speaker of the model, also after a restart. A file is named by all that
it depends on, voice, checkpoint, device and number type included, and carries the checksum of its content: what is
damaged or another's is computed anew. Engine thread only.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from .... import __version__
from ....model.checkpoint.weights import WEIGHTS
from ....model.language_model import LanguageModel
from ....model.layers import KvCache
from ....model.prompt import PromptVoice
from ....model.streaming import State

log = logging.getLogger(__name__)

PAUSE_S = 600.0  # after a disk that could not be written
_SUFFIX = ".safetensors"
_DIGEST_BYTES = 32


def checkpoint_identity(folder: Path, model: LanguageModel) -> str:
    """What the numbers depend on besides the voice: the files, where and in what they are computed, and with which
    code."""
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in (folder / WEIGHTS, folder / "speech_tokenizer" / WEIGHTS):
        status = path.stat()
        digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
    values = {
        "device": model.device.type,
        "dtype": str(model.dtype).removeprefix("torch."),
        "arithmetic": ", ".join(model.arithmetics()),
        "torch": torch.__version__,
        "version": __version__,
    }
    digest.update(" ".join(f"{name}={value}" for name, value in values.items()).encode())
    return digest.hexdigest()


class VoiceCache:
    """The files of one checkpoint, in a folder that others share; together they take ``limit_bytes`` at most, and
    the longest unused go first."""

    def __init__(
        self,
        folder: Path,
        identity: str,
        device: torch.device,
        limit_bytes: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._identity, self._device = folder, identity, device
        self._limit_bytes, self._now = limit_bytes, now
        self._off_until = float("-inf")
        self.loaded = self.stored = 0

    def prefix(self, key: Hashable, make: Callable[[], KvCache]) -> KvCache:
        """The keys and values of a prompt's prefix, as `Runner` asks for them."""
        who, *manner = key if isinstance(key, tuple) else (key,)
        if not isinstance(who, PromptVoice) or who.key is None:
            return make()
        return KvCache(*self._of(f"prefix {who.key} {manner}", make))

    def primed(self, voice: Hashable, make: Callable[[], State]) -> State:
        """The codec's state behind a voice's reference."""
        if not isinstance(voice, PromptVoice) or voice.key is None:
            return make()
        return tuple(self._of(f"codec {voice.key}", make))

    def _of(self, key: str, make: Callable[[], Sequence[Tensor]]) -> Sequence[Tensor]:
        path = self._folder / f"{hashlib.sha256(f'{self._identity} {key}'.encode()).hexdigest()[:40]}{_SUFFIX}"
        found = self._load(path)
        if found is not None:
            self.loaded += 1
            return found
        made = make()
        self._store(path, made)
        return made

    def _load(self, path: Path) -> list[Tensor] | None:
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            data = path.read_bytes()
        except OSError:
            return None
        digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        try:
            if hashlib.sha256(body).digest() != digest:
                raise ValueError("its checksum is another")
            tensors = load(body)
            found = [tensors[str(number)].to(self._device) for number in range(len(tensors))]
        except (SafetensorError, ValueError, KeyError) as error:
            log.warning("%s is damaged (%s) and is made anew", path, error)
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used just now
        return found

    def _store(self, path: Path, tensors: Sequence[Tensor]) -> None:
        """Appears whole or not at all. Not synced to the disk: a file that a power cut spoilt is found out."""
        from safetensors.torch import save

        if self._now() < self._off_until:
            return
        body = save({str(number): tensor.contiguous().cpu() for number, tensor in enumerate(tensors)})
        if len(body) > self._limit_bytes:
            return
        unfinished = path.with_name(f".{path.stem}.{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room(len(body))
            try:
                unfinished.write_bytes(hashlib.sha256(body).digest() + body)
                unfinished.rename(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:  # speech goes on with what is in memory
            self._off_until = self._now() + PAUSE_S
            log.warning("Nothing is kept in %s for ten minutes: %s", self._folder, error.strerror)
            return
        self.stored += 1

    def _make_room(self, size: int) -> None:
        files = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # another process makes room too
                    status = entry.stat(follow_symlinks=False)
                    if entry.is_file(follow_symlinks=False):
                        files.append((status.st_mtime_ns, status.st_size, Path(entry.path)))
        taken = sum(length for _, length, _ in files) + size
        for _, length, path in sorted(files):
            if taken <= self._limit_bytes:
                return
            path.unlink(missing_ok=True)
            taken -= length
