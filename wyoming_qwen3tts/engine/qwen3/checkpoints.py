"""The configured checkpoints that are on this machine. Asked every few seconds, so what has not changed is not read
again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ...errors import StoreError
from ...model.checkpoint.config import ModelConfig, ModelType, load_config
from ...model.checkpoint.files import ModelFileError, UnfitCodec

EXAMPLES: dict[ModelType, str] = {
    "base": "Qwen/Qwen3-TTS-12Hz-0.6B-Base",
    "custom_voice": "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice",
    "voice_design": "Qwen/Qwen3-TTS-12Hz-1.7B-VoiceDesign",
}
_LOOK_S = 1.0  # a store has several files to look at, and we are on the way to the first audio
_WORDS: dict[ModelType, str] = {"base": "Base", "custom_voice": "CustomVoice", "voice_design": "VoiceDesign"}


class Checkpoints:
    """``models`` as in the settings, ``find`` tells where each one's files are. Thread-safe enough: what two threads
    read at once is the same."""

    def __init__(self, models: Sequence[str], find: Callable[[str], Path | None]) -> None:
        self.models, self._find = tuple(models), find
        self._known: dict[Path, tuple[int, ModelConfig]] = {}
        self._looked_at = float("-inf")
        self._all: tuple[tuple[Path, ModelConfig], ...] = ()

    def all(self) -> tuple[tuple[Path, ModelConfig], ...]:
        """Folder and config of each that is here and in order, as configured. A second old at most, once all are."""
        now = time.monotonic()
        if now - self._looked_at >= _LOOK_S or len(self._all) < len(self.models):
            self._all, self._looked_at = tuple(self._look()), now
        return self._all

    def pending(self) -> list[str]:
        """The models that are still to be fetched."""
        found = []
        for model in self.models:
            with suppress(StoreError):
                if self._find(model) is None:
                    found.append(model)
        return found

    def unfit(self) -> str | None:
        """Why the sound of one that is here cannot be spoken, if so. Loading tells what else is wrong."""
        for model in self.models:
            with suppress(StoreError, OSError):
                if (folder := self._find(model)) is None:
                    continue
                try:
                    load_config(folder)
                except UnfitCodec as error:
                    return str(error)
                except ModelFileError:
                    continue
        return None

    def _look(self) -> Iterator[tuple[Path, ModelConfig]]:
        for model in self.models:
            with suppress(StoreError, ModelFileError, OSError):  # the engine's start says what is wrong
                if (folder := self._find(model)) is not None:
                    yield folder, self._config(folder)

    def of(self, kind: ModelType) -> tuple[Path, ModelConfig] | None:
        """The first of that kind."""
        return next((found for found in self.all() if found[1].type == kind), None)

    def missing(self, kind: ModelType, need: str) -> str:
        """What is to be done for a checkpoint of that kind; nothing if there is one. ``need`` begins the sentence."""
        if self.of(kind) is not None:
            return ""
        for model in self.pending():
            if model.endswith(f"-{_WORDS[kind]}"):
                fetch = f"wyoming-qwen3tts download {model}"
                return f"{need} a {_WORDS[kind]} checkpoint, and {model} is not here yet: {fetch}"
        models = ",".join((*self.models, EXAMPLES[kind]))
        return f"{need} a {_WORDS[kind]} checkpoint: --engine.model {models} (or a folder)"

    def _config(self, folder: Path) -> ModelConfig:
        changed = (folder / "config.json").stat().st_mtime_ns
        known = self._known.get(folder)
        if known is None or known[0] != changed:
            known = self._known[folder] = (changed, load_config(folder))
        return known[1]
