"""PCM to what listeners asked for, piece by piece: bytes come out with the first frame, not with the last."""

from __future__ import annotations

from typing import Literal, Protocol, get_args

from ..errors import BadRequest
from .wav import UNKNOWN_LENGTH, wav_header

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
    "pcm": "audio/pcm",
}  # fmt: skip


class Encoder(Protocol):
    """Encodes one stream. Event loop only; ``aclose`` ends it at any moment and is idempotent."""

    async def add(self, pcm: bytes) -> bytes:
        """What can be sent now that ``pcm`` has come."""
        ...

    async def finish(self) -> bytes:
        """The rest."""
        ...

    async def aclose(self) -> None: ...


class Plain:
    """PCM as it is, behind the header of a WAV file if asked: its length is not known, so it says the largest."""

    def __init__(self, header: bytes = b"") -> None:
        self._header = header

    async def add(self, pcm: bytes) -> bytes:
        header, self._header = self._header, b""
        return header + pcm

    async def finish(self) -> bytes:
        return b""

    async def aclose(self) -> None:
        return


def encoder(form: Format) -> Encoder:
    """A new one for ``form``.

    Raises:
        BadRequest: if this machine cannot make it.
    """
    match form:
        case "pcm":
            return Plain()
        case "wav":
            return Plain(wav_header(UNKNOWN_LENGTH))
    raise BadRequest(f"{form} is not there yet.")
