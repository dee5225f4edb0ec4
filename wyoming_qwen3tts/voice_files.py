"""Cloned voices on disk: one safetensors file each, in one folder. The only reader and writer of them.

A file holds ``vector`` ``[hidden]`` (the x-vector, float32) and, for an in-context clone, ``codes`` ``[frames, 16]``
(int64) with
the reference's transcript in its metadata. The clip itself is not kept.
"""

from __future__ import annotations

import os
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import BadRequest, UnknownVoice
from .speech import VoiceName
from .text.language import LANGUAGES

VOICES_MAX = 200
_FORMAT = "wyoming-qwen3tts voice 1"
_NAME_BYTES_MAX = 200  # file systems end at 255
_FILE_BYTES_MAX = 1 << 20  # a minute of codes is 96 kB


@dataclass(frozen=True, slots=True, eq=False)
class ClonedVoice:
    """What a clip was made into. ``model`` names the checkpoint that did it: another size cannot speak it."""

    name: VoiceName
    vector: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int64] | None
    text: str | None
    model: str


class VoiceFolder:
    """The folder of cloned voices. Names are safe file stems by construction, so no request can name a path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[VoiceName]:
        """All voices, sorted; files that cannot be one, and links out of the folder, are left out."""
        if not self._folder.is_dir():
            return []
        files = sorted(self._folder.glob("*.safetensors"))
        return [VoiceName(path.stem) for path in files if _is_voice_file(path)][:VOICES_MAX]

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
        from safetensors import SafetensorError, safe_open  # only the qwen3 extra has it

        path = self._path(VoiceName.parse(name))
        if not _is_voice_file(path):
            raise UnknownVoice(f"There is no cloned voice called {name[:64]!r}.")
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise BadRequest(f"{path} is too large to be a voice; clone it again.")
        try:
            with safe_open(path, framework="np") as file:
                about = file.metadata() or {}
                keys = set(file.keys())
                vector = file.get_tensor("vector")
                codes = file.get_tensor("codes") if "codes" in keys else None
        except (SafetensorError, OSError, TypeError) as error:  # TypeError: a number type that numpy has not
            raise BadRequest(f"{path} is damaged ({str(error)[:80]}); clone it again.") from None
        text = about.get("text") if codes is not None else None
        is_ours = about.get("format") == _FORMAT and (codes is None) == (text is None)
        if not is_ours or not _is_vector(vector) or not (codes is None or _are_codes(codes)):
            raise BadRequest(f"{path} is no voice of ours; clone it again.")
        return ClonedVoice(VoiceName(path.stem), vector, codes, text, about.get("model", "?"))

    def stamp(self, name: str) -> int:
        """Changes whenever the voice's file does; 0 if there is none."""
        path = self._path(VoiceName.parse(name))
        return path.stat().st_mtime_ns if path.is_file() else 0

    def add(self, voice: ClonedVoice) -> Path:
        """Keep a new voice; appears whole or not at all.

        Raises:
            BadRequest: if the name is taken, ends in a language, or the folder is full.
        """
        from safetensors.numpy import save

        path = self._path(voice.name)
        if path.exists():
            raise BadRequest(f"There is a voice called {voice.name!r} already. Choose another name, or remove {path}.")
        if len(self.names()) >= VOICES_MAX:
            raise BadRequest(
                f"There are {VOICES_MAX} cloned voices, which is the limit. Remove one from {self._folder}."
            )
        tensors: dict[str, npt.NDArray[np.generic]] = {"vector": voice.vector.astype(np.float32)}
        about = {"format": _FORMAT, "model": voice.model, "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        if voice.codes is not None:
            tensors["codes"] = voice.codes.astype(np.int64)
            about["text"] = voice.text or ""
        self._folder.mkdir(parents=True, exist_ok=True)
        _write_whole(path, save(tensors, about))
        return path

    def _path(self, name: VoiceName) -> Path:
        return self._folder / f"{name}.safetensors"


def _is_voice_file(path: Path) -> bool:
    """A file that could be a voice. A link could lead anywhere."""
    try:
        return VoiceName.parse(path.stem) == path.stem and path.is_file() and not path.is_symlink()
    except (UnknownVoice, OSError):  # OSError: longer than a file's name can be
        return False


def _is_vector(vector: npt.NDArray[np.generic]) -> bool:
    return vector.ndim == 1 and vector.dtype == np.float32 and bool(np.isfinite(vector).all())


def _are_codes(codes: npt.NDArray[np.generic]) -> bool:
    return codes.ndim == 2 and codes.dtype == np.int64 and codes.size > 0


def _write_whole(path: Path, content: bytes) -> None:
    """The file appears whole or not at all, also when the disk is full or the power fails."""
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def new_name(raw: str, taken: set[str]) -> VoiceName:
    """A name that a new clone may have.

    Raises:
        BadRequest: if it is no name, is taken, or ends like the voices that are one a language.
    """
    try:
        name = VoiceName.parse(raw)
    except UnknownVoice:
        rule = "a name has 1 to 64 letters, digits, spaces, _ or -"
        raise BadRequest(f"A voice cannot be called {raw[:64]!r}: {rule}.") from None
    if len(name.encode()) > _NAME_BYTES_MAX:
        raise BadRequest(f"The name {name!r} is too long for a file; choose a shorter one.")
    if name.casefold() in taken:
        raise BadRequest(f"There is a voice called {name!r} already. Choose another name.")
    _, dash, language = name.rpartition("-")
    if dash and language.casefold() in LANGUAGES:
        raise BadRequest(f"A cloned voice speaks every language; its name may not end in -{language}.")
    return name
