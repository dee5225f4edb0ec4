"""A voice as one file: its bytes in safetensors' format, and what must be true of them. The only reader and writer.

``vector`` ``[hidden]`` (the x-vector, float32); for an in-context clone ``codes`` ``[frames, 16]`` (int64), with the
reference's transcript in the metadata; and ``clip`` ``[samples]`` (int16, 24 kHz), which is kept only where that was
asked for. The metadata also tells who consented, and of a designed voice the description.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..errors import BadRequest, UnknownVoice
from ..speech.voice import VoiceName

FORMAT_NAME = "wyoming-qwen3tts voice 1"
FILE_BYTES_MAX = 4 << 20  # a minute: codes 96 kB, the clip itself 2.9 MB
HEADER_BYTES_MAX = 64 << 10
TEXT_CHARS_MAX, NOTE_CHARS_MAX = 2_000, 500
_VECTOR_MAX, _FRAMES_MAX, _GROUPS, _CODES_END = 8_192, 800, 16, 1 << 16

VoiceKind = Literal["clone", "design", "blend"]
_OF_SPEAKERS = " custom_voice"  # at the end of `model`: its vector takes a speaker's place in that checkpoint
Clip = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class ClonedVoice:
    """What a clip was made into. ``model`` names the checkpoint that did it: another size cannot speak it."""

    name: VoiceName
    vector: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int64] | None
    text: str | None
    model: str
    kind: VoiceKind = "clone"
    description: str | None = None  # of a designed voice; of a blend, what it is made of
    consent: str | None = None  # of whom, and to what: as it was told to us
    clip: Clip | None = None  # 24 kHz; kept only where that was asked for

    @property
    def is_of_speakers(self) -> bool:
        """A CustomVoice checkpoint speaks it, not a Base one."""
        return self.model.endswith(_OF_SPEAKERS)


@dataclass(frozen=True, slots=True)
class VoiceCard:
    """What a list of voices tells of one: read from the head of its file alone."""

    name: VoiceName
    kind: VoiceKind
    size: int  # of the vector: the hidden size of the models that can speak it
    model: str
    description: str | None

    @property
    def is_of_speakers(self) -> bool:
        """A CustomVoice checkpoint speaks it, not a Base one."""
        return self.model.endswith(_OF_SPEAKERS)

    @property
    def published(self) -> str:
        """The model that speaks it, as its publisher calls it."""
        size = self.model.split(" ")[0].replace("b", ".") + "B"  # 0b6 is 0.6B
        kind = "CustomVoice" if self.is_of_speakers else "Base"
        return f"Qwen/Qwen3-TTS-12Hz-{size}-{kind}" if size in ("0.6B", "1.7B") else f"the {kind} model {self.model!r}"


def encode(voice: ClonedVoice) -> bytes:
    """The file of a voice."""
    from safetensors.numpy import save  # only the qwen3 extra has it

    tensors: dict[str, npt.NDArray[np.generic]] = {"vector": voice.vector.astype(np.float32)}
    about = {"format": FORMAT_NAME, "model": voice.model, "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    if voice.codes is not None:
        tensors["codes"] = np.ascontiguousarray(voice.codes, np.int64)
        about["text"] = voice.text or ""
    if voice.clip is not None:
        tensors["clip"] = voice.clip
    told = {"kind": voice.kind, "description": voice.description, "consent": voice.consent, "name": voice.name}
    return bytes(save(tensors, about | {key: value for key, value in told.items() if value}))


def decode(data: bytes, name: str, what: str) -> ClonedVoice:
    """The voice in ``data``, every part of it checked, as ``name``. ``what`` is how errors call the file.

    Raises:
        BadRequest: if it is damaged, or no voice of ours; says what to do.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    about, _ = _header(data, what)
    try:
        tensors = load(data)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # the latter: number types that numpy has not
        raise _damaged(what, error) from None
    vector, codes, clip = (tensors.get(part) for part in ("vector", "codes", "clip"))
    text = about.get("text") if codes is not None else None
    if (
        about.get("format") != FORMAT_NAME
        or not tensors.keys() <= {"vector", "codes", "clip"}
        or vector is None
        or not _is_vector(vector)
        or (codes is None) != (text is None)
        or not (codes is None or _are_codes(codes))
        or not (clip is None or (clip.ndim == 1 and clip.dtype == np.int16))
        or len(text or "") > TEXT_CHARS_MAX
    ):
        raise BadRequest(f"{what} is no voice of ours; clone it again.", field="file", why="no-voice-file")
    return ClonedVoice(
        VoiceName(name), vector, codes, text, _told(about, "model") or "?", _kind(about),
        _told(about, "description"), _told(about, "consent"), clip,
    )  # fmt: skip


def card(head: bytes, name: str, what: str) -> VoiceCard:
    """What the first bytes of a file tell.

    Raises:
        BadRequest: if they are not those of a voice.
    """
    about, shapes = _header(head, what)
    shape = shapes.get("vector", {}).get("shape")
    if about.get("format") != FORMAT_NAME or not (isinstance(shape, list) and len(shape) == 1):
        raise BadRequest(f"{what} is no voice of ours; clone it again.", field="file", why="no-voice-file")
    model = _told(about, "model") or "?"
    return VoiceCard(VoiceName(name), _kind(about), shape[0], model, _told(about, "description"))


def card_of(voice: ClonedVoice) -> VoiceCard:
    """The same of a voice that was read."""
    return VoiceCard(voice.name, voice.kind, len(voice.vector), voice.model, voice.description)


def own_name(data: bytes, what: str) -> str | None:
    """What the voice in ``data`` was called where it was made."""
    return _told(_header(data, what)[0], "name")


def _header(data: bytes, what: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Metadata, and what is told of the tensors. Safetensors: a length of 8 bytes, and so much JSON."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(HEADER_BYTES_MAX, len(data) - 8):
        raise _damaged(what, "its head is not whole")
    try:
        shapes = json.loads(data[8 : 8 + length])
        about = shapes.pop("__metadata__", {})
        if not isinstance(about, dict) or not all(isinstance(shape, dict) for shape in shapes.values()):
            raise TypeError("its head tells no tensors")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(what, error) from None
    return about, shapes


def _damaged(what: str, error: object) -> BadRequest:
    return BadRequest(f"{what} is damaged ({str(error)[:80]}); clone it again.", field="file", why="no-voice-file")


def _told(about: dict[str, Any], key: str) -> str | None:
    """One line of the metadata, believed only as far as it fits into one."""
    value = about.get(key)
    return " ".join(value.split())[:NOTE_CHARS_MAX] or None if isinstance(value, str) else None


def _kind(about: dict[str, Any]) -> VoiceKind:
    kind = about.get("kind")
    return kind if kind in ("design", "blend") else "clone"


def _is_vector(vector: npt.NDArray[np.generic]) -> bool:
    fits = vector.ndim == 1 and 0 < len(vector) <= _VECTOR_MAX and vector.dtype == np.float32
    return fits and bool(np.isfinite(vector).all())


def _are_codes(codes: npt.NDArray[np.generic]) -> bool:
    fits = codes.ndim == 2 and 0 < len(codes) <= _FRAMES_MAX and codes.shape[1] == _GROUPS and codes.dtype == np.int64
    return fits and bool(codes.min() >= 0 and codes.max() < _CODES_END)


def new_name(raw: str, taken: set[str], languages: set[str]) -> VoiceName:
    """A name that a new voice may have.

    Raises:
        BadRequest: if it is no name, is taken, or ends like the voices that are one a language.
    """
    try:
        name = VoiceName.parse(raw)
    except UnknownVoice:
        rule = "a name has 1 to 64 letters, digits, spaces, _ or -"
        raise BadRequest(f"A voice cannot be called {raw[:64]!r}: {rule}.", field="name", why="bad-name") from None
    if len(name.encode()) > 200:  # file systems end at 255
        raise BadRequest(
            f"The name {name!r} is too long for a file; choose a shorter one.", field="name", why="bad-name"
        )
    if name.casefold() in taken:
        raise BadRequest(
            f"There is a voice called {name!r} already. Choose another name.", field="name", why="name-taken"
        )
    _, dash, language = name.rpartition("-")
    if dash and language.casefold() in languages:
        raise BadRequest(
            f"A cloned voice speaks every language; its name may not end in -{language}.",
            field="name",
            why="name-of-language",
        )
    return name
