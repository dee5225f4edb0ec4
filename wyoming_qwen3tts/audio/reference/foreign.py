"""Clips as phones and browsers make them, MP3, M4A and the like, to WAV: by the ffmpeg program, where there is one.

ffmpeg runs in a child that has given up memory, time and files (``confined.py``), without our environment. It reads
what the first bytes say and nothing else, so that no playlist is found in a clip, from a pipe, and no address.
"""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from ...util.processes import Output, ProcessError, ProcessTimeout, run_blocking
from ..wav import wav_file
from . import confined
from .decoder import CLIP_S_MAX

RATE_HZ = 48_000  # what it is decoded at; the decoder takes it from there as it does every WAV
_OUTPUT_BYTES = int((CLIP_S_MAX + 2) * RATE_HZ) * 2
_BOXES_MAX = 10_000


class Format(NamedTuple):
    """A kind of sound file: what people call it, how its files end, and ffmpeg's name of it."""

    name: str
    endings: tuple[str, ...]
    demuxer: str


M4A: Final = Format("M4A", (".m4a", ".mp4", ".m4b", ".mov"), "mov")
MP3: Final = Format("MP3", (".mp3",), "mp3")
OGG: Final = Format("Ogg", (".ogg", ".oga", ".opus"), "ogg")
WEBM: Final = Format("WebM", (".webm", ".mka", ".mkv"), "matroska")
AAC: Final = Format("AAC", (".aac",), "aac")
AMR: Final = Format("AMR", (".amr", ".3ga"), "amr")
CAF: Final = Format("CAF", (".caf",), "caf")
AIFF: Final = Format("AIFF", (".aif", ".aiff"), "aiff")
WMA: Final = Format("WMA", (".wma",), "asf")
FORMATS: Final = (M4A, MP3, OGG, WEBM, AAC, AMR, CAF, AIFF, WMA)
_MAGIC: Final = (
    (0, b"ID3", MP3),
    (0, b"OggS", OGG),
    (0, b"\x1aE\xdf\xa3", WEBM),
    (0, b"#!AMR", AMR),
    (0, b"caff", CAF),
    (0, b"0&\xb2u", WMA),
    (4, b"ftyp", M4A),
)


class ForeignClipError(Exception):
    """The clip could not be taken. The message is one line, fit for a user."""


def format_of(clip: bytes) -> Format | None:
    """What a clip is, by its first bytes; None for what is none of `FORMATS`."""
    for at, magic, form in _MAGIC:
        if clip.startswith(magic, at):
            return form
    if clip.startswith(b"FORM") and clip[8:12] in (b"AIFF", b"AIFC"):
        return AIFF
    if len(clip) > 3 and clip[0] == 0xFF and clip[1] & 0xE0 == 0xE0:
        return AAC if clip[1] & 0xF6 == 0xF0 else MP3  # the layer is 0, which no MP3 has
    return None


def readable() -> tuple[Format, ...]:
    """Those that are read on this machine."""
    return FORMATS if shutil.which("ffmpeg") else ()


def to_wav(clip: bytes, form: Format, timeout_s: float) -> bytes:
    """The clip as a WAV file, mono, 16 bits, at `RATE_HZ`; of a longer one a little more than its longest part that
    may be used, so that it is refused as too long. Blocks.

    Raises:
        ForeignClipError: if ffmpeg is not here, or cannot read it within its limits.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise ForeignClipError(
            f"The clip is {form.name}, which only ffmpeg reads, and ffmpeg is not installed here: install it, or send "
            "WAV or FLAC"
        )
    output = _run(program, with_index_first(clip) if form is M4A else clip, form, timeout_s)
    if output.code or len(output.stdout) < 2:
        raise ForeignClipError(f"The clip is damaged, or no {form.name}: ffmpeg cannot read sound from it")
    pcm = output.stdout[: len(output.stdout) // 2 * 2]
    return wav_file(pcm, RATE_HZ)


def _run(program: str, clip: bytes, form: Format, timeout_s: float) -> Output:
    command = (
        *(sys.executable, "-P", confined.__file__, program, "-v", "error", "-nostdin", "-threads", "1"),
        *("-protocol_whitelist", "pipe", "-f", form.demuxer, "-i", "pipe:0"),
        *("-map", "0:a:0", "-vn", "-sn", "-dn", "-t", f"{CLIP_S_MAX + 1:g}"),
        *("-ac", "1", "-ar", str(RATE_HZ), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"),
    )
    try:
        return run_blocking(command, clip, timeout_s=timeout_s, output_bytes=_OUTPUT_BYTES)
    except ProcessTimeout as error:
        raise ForeignClipError("The clip takes too long to decode") from error
    except ProcessError as error:
        raise ForeignClipError("The clip could not be decoded: it is damaged, or made to harm the decoder") from error


def with_index_first(clip: bytes) -> bytes:
    """An MP4 file with its index before its sound, as a pipe needs it: recorders write the index at the end. What
    cannot be read as such boxes stays as it is."""
    boxes = list(_boxes(clip, 0, len(clip)))
    index = next((box for box in boxes if box.kind == b"moov"), None)
    sound = next((box for box in boxes if box.kind == b"mdat"), None)
    if index is None or sound is None or index.start < sound.start:
        return clip
    moved = bytearray(clip[index.start : index.end])
    if not _shift(moved, 8, len(moved), len(moved), depth=0):
        return clip
    return clip[: sound.start] + bytes(moved) + clip[sound.start : index.start] + clip[index.end :]


class _Box(NamedTuple):
    kind: bytes
    start: int
    body: int
    end: int


def _boxes(data: bytes | bytearray, start: int, end: int) -> Iterator[_Box]:
    for _ in range(_BOXES_MAX):
        if end - start < 8:
            return
        size, kind, body = int.from_bytes(data[start : start + 4]), bytes(data[start + 4 : start + 8]), start + 8
        if size == 1:
            size, body = int.from_bytes(data[start + 8 : start + 16]), start + 16
        elif size == 0:  # up to the end
            size = end - start
        if size < body - start or start + size > end:
            return
        yield _Box(kind, start, body, start + size)
        start += size


def _shift(index: bytearray, start: int, end: int, by: int, depth: int) -> bool:
    """Add ``by`` to every place in the file that the index names; whether that could be done."""
    for box in _boxes(index, start, end):
        if box.kind in (b"trak", b"mdia", b"minf", b"stbl") and depth < 8:
            if not _shift(index, box.body, box.end, by, depth + 1):
                return False
        elif box.kind in (b"stco", b"co64"):
            code, width = (">I", 4) if box.kind == b"stco" else (">Q", 8)
            count, at = int.from_bytes(index[box.body + 4 : box.body + 8]), box.body + 8
            if at + count * width > box.end:
                return False
            for place in range(at, at + count * width, width):
                moved = int.from_bytes(index[place : place + width]) + by
                if moved >= 1 << (8 * width):
                    return False
                struct.pack_into(code, index, place, moved)
    return True
