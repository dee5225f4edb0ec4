"""Decode one clip from stdin to stdout, in a process that can do nothing else. Run as a script, see ``reader.py``.

Bytes of a stranger meet a C library here. Before the first of them is read, this process gives up memory, time, and the
right to open any file or socket; a crash, a hang or worse stays inside it.

Answer: one line of JSON, ``{"samples": n}`` or ``{"refused": why}``, then n float32 samples, mono, at `RATE_HZ`.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE_HZ = 24_000
CLIP_HZ_MIN, CLIP_HZ_MAX = 8_000, 192_000
CLIP_S_MIN, CLIP_S_MAX = 0.1, 60.0
CHANNELS_MAX = 8
DECODED_BYTES_MAX = 64 << 20
PEAK_MAX = 16.0  # 24 dB above full scale: no recording, and squares of it may overflow
CPU_S = 5
MEMORY_BYTES = 512 << 20  # address space, the interpreter and numpy included
ANSWER_BYTES_MAX = 8 << 20  # 60 s of float32 are 5.8 MB

FORMATS = {b"RIFF": ("WAV", "WAVEX"), b"fLaC": ("FLAC",)}  # first bytes -> what the library must call it too
ENCODINGS = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
# Against the official code's soxr HQ, 44.1 kHz speech: both equal below 8 kHz (-133 dB); above 10.5 kHz the best one
# differs by -49 dB, the medium one, 3 times as fast, by -32 dB. Clips beyond
# 43 s at 48 kHz must be done within `CPU_S` too.
RESAMPLER, QUICK_RESAMPLER = "sinc_best", "sinc_medium"
BEST_SAMPLES_MAX = 1 << 21
BLOCK_FRAMES = 1 << 16


class ClipRefused(Exception):
    """The clip will not be used. The message is one line, fit for a user."""


def main() -> None:
    # Everything must be imported before the door is shut.
    import numpy as np  # noqa: F401
    import samplerate  # noqa: F401
    import soundfile  # noqa: F401

    give_up_rights()
    try:
        samples = decode(sys.stdin.buffer.read())
    except ClipRefused as refused:
        answer(json.dumps({"refused": str(refused)}).encode())
    except MemoryError:
        answer(json.dumps({"refused": "The clip needs too much memory to decode"}).encode())
    else:
        answer(json.dumps({"samples": len(samples)}).encode(), samples.astype("<f4").tobytes())


def give_up_rights() -> None:
    """For good: hard limits cannot be raised again. No file number above stderr's means no new file and no socket."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, ANSWER_BYTES_MAX),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 3),
    ):
        resource.setrlimit(limit, (value, value))


def answer(line: bytes, body: bytes = b"") -> None:
    sys.stdout.buffer.write(line + b"\n" + body)
    sys.stdout.buffer.flush()


def decode(clip: bytes) -> NDArray[np.float32]:
    """The clip as mono float32 samples at `RATE_HZ`, otherwise as it is: not trimmed, not made louder.

    Channels are averaged, as the official code does. Raises `ClipRefused`.
    """
    import numpy as np
    import samplerate
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(clip)) as file:
            check(file, clip[:4])
            rate_hz, samples = file.samplerate, read_mono(file)
    except soundfile.SoundFileError as error:
        raise ClipRefused("The clip is damaged: it cannot be decoded") from error
    if not np.isfinite(samples).all():
        raise ClipRefused("The clip has samples that are not numbers")
    if np.abs(samples).max() > PEAK_MAX:
        raise ClipRefused("The clip has samples far above full scale")
    if rate_hz != RATE_HZ:
        resampler = RESAMPLER if len(samples) <= BEST_SAMPLES_MAX else QUICK_RESAMPLER
        samples = samplerate.resample(samples, RATE_HZ / rate_hz, resampler).astype(np.float32)
    return samples


def check(file: Any, magic: bytes) -> None:
    """What the header claims, before anything is decoded by it."""
    if file.format not in FORMATS.get(magic, ()):
        raise ClipRefused("The clip is not what its first bytes say; only WAV and FLAC are read")
    if file.subtype not in ENCODINGS:
        raise ClipRefused(
            f"The clip holds {file.subtype.replace('_', ' ')} sound; only PCM and float WAV, and FLAC, are read"
        )
    if not CLIP_HZ_MIN <= file.samplerate <= CLIP_HZ_MAX:
        raise ClipRefused(f"The clip claims {file.samplerate} Hz; {CLIP_HZ_MIN} to {CLIP_HZ_MAX} Hz are read")
    if file.channels > CHANNELS_MAX:
        raise ClipRefused(f"The clip has {file.channels} channels; at most {CHANNELS_MAX} are read")
    if file.frames < CLIP_S_MIN * file.samplerate:
        raise ClipRefused(f"The clip is shorter than {CLIP_S_MIN:g} s: there is no voice in it")
    if file.frames > CLIP_S_MAX * file.samplerate:
        raise ClipRefused(f"The clip is longer than {CLIP_S_MAX:g} s")
    if file.frames * file.channels * 4 > DECODED_BYTES_MAX:
        raise ClipRefused(f"The clip is larger than {DECODED_BYTES_MAX >> 20} MiB when decoded")


def read_mono(file: Any) -> NDArray[np.float32]:
    import numpy as np

    blocks = []
    while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
        blocks.append(np.mean(block, axis=-1))
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    if len(samples) != file.frames:
        raise ClipRefused("The clip ends before its header says")
    return samples


if __name__ == "__main__":
    main()
