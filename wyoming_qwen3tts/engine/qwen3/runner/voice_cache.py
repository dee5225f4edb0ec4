"""What was computed for a voice, on disk: its prompt's keys and values, and the codec's state behind its reference.

So a voice of the home's own starts as fast as a speaker of the model, also after a restart. A file is named by all that
it depends on, voice, checkpoint, device and number type included, and carries the checksum of its content: what is
damaged or another's is computed anew. Engine thread only.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from .... import __version__
from ....model.checkpoint.weights import WEIGHTS
from ....model.language_model import LanguageModel
from ....model.layers import KvCache
from ....model.prompt import PromptVoice
from ....model.streaming import State
from ....util.disk_cache import DiskCache

log = logging.getLogger(__name__)

_SUFFIX = ".safetensors"


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
        self._identity, self._device = identity, device
        self._disk = DiskCache(folder, limit_bytes, _SUFFIX, clock=now)
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

    def _of(self, key: str, make: Callable[[], Iterable[Tensor]]) -> Iterable[Tensor]:
        name = hashlib.sha256(f"{self._identity} {key}".encode()).hexdigest()[:40]
        content = self._disk.get(name)
        if content is not None and (found := self._unpacked(name, content)) is not None:
            self.loaded += 1
            return found
        made = make()
        if self._disk.is_on:
            self.stored += self._disk.put(name, _packed(made))
        return made

    def _unpacked(self, name: str, content: bytes) -> list[Tensor] | None:
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            tensors = load(content)
            return [tensors[str(number)].to(self._device) for number in range(len(tensors))]
        except (SafetensorError, ValueError, KeyError) as error:
            log.warning("%s in %s holds no tensors (%s) and is made anew", name, self._disk.folder, error)
            self._disk.drop(name)
            return None


def _packed(tensors: Iterable[Tensor]) -> bytes:
    from safetensors.torch import save

    return save({str(number): tensor.contiguous().cpu() for number, tensor in enumerate(tensors)})
