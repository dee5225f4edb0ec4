"""Sound as a file of the command line: which kind its name asks for, and its bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ..audio.encode import Aac, Format, encoder
from ..audio.pcm import from_pcm, to_pcm
from ..audio.resample import resample
from ..errors import BadRequest
from ..speech.audio_format import FORMAT

ENDINGS: dict[str, Format] = {
    ".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".opus": "opus", ".ogg": "opus", ".aac": "aac", ".pcm": "pcm",
}  # fmt: skip
NOTHING = "There is nothing to say in this text."


def form_of(output: str) -> Format:
    """What a file of this name holds; a WAV if its name has no ending, or is ``-``.

    Raises:
        BadRequest: for an ending of something else, and for a kind that cannot be made here.
    """
    ending = "" if output == "-" else Path(output).suffix.lower()
    form = ENDINGS.get(ending) if ending else "wav"
    if form is None:
        known = ", ".join(ENDINGS)
        raise BadRequest(f"{output}: no sound is written as {ending[:20]}. Choose one of {known}, such as -o hello.wav")
    if form == "aac":
        Aac()  # it says so if this machine has no program for it
    return form


def encoded(pcm: bytes, rate: int, form: Format) -> bytes:
    """A whole file of ``pcm``. Not for the event loop."""
    if form != "wav" and rate != FORMAT.rate:
        pcm, rate = to_pcm(resample(from_pcm(pcm), rate, FORMAT.rate)), FORMAT.rate
    return asyncio.run(_encoded(pcm, rate, form))


async def _encoded(pcm: bytes, rate: int, form: Format) -> bytes:
    coder = encoder(form, rate)
    try:
        body = await coder.add(pcm) + await coder.finish()
        return coder.head + body[len(coder.head) :]
    finally:
        await coder.aclose()
