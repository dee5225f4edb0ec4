"""A stranger's clip to samples that the model can hear: the one way in for audio.

The clip is decoded in a child process with limits (``decoder.py``) and an empty environment: no token, no password
is there to be found. What comes back is a bounded number of floats, or one line that says why not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...util.processes import ProcessError, ProcessTimeout, run_blocking
from . import decoder, foreign
from .decoder import ANSWER_BYTES_MAX, CLIP_S_MAX, FORMATS, RATE_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLIP_BYTES_MAX = 10 << 20
WALL_S = 5.0
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # threads reserve address space
DAMAGED = "The clip could not be decoded: it is damaged, or made to harm the decoder"


class BadClip(ValueError):
    """The clip cannot be used. The message is one line that says why, fit for a user."""


def read_clip(path: Path) -> NDArray[np.float32]:
    """The clip in a file; see `decode_clip`.

    Raises:
        BadClip: also if the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return decode_clip(file.read(CLIP_BYTES_MAX + 1))
    except OSError as error:
        raise BadClip(f"The clip cannot be read: {error.strerror}") from error


def decode_clip(clip: bytes, timeout_s: float = WALL_S) -> NDArray[np.float32]:
    """WAV (PCM, float) or FLAC bytes to mono samples at 24 kHz, ``[n]`` float32, otherwise as they are; where ffmpeg
    is installed also what phones record (`foreign.FORMATS`).

    Channels are averaged. Takes up to ``timeout_s``, twice that with ffmpeg, and blocks: call it from a worker thread.

    Raises:
        BadClip: whatever the clip is instead, larger than 10 MiB, longer than 60 s, or anything the child died of.
    """
    if len(clip) > CLIP_BYTES_MAX:
        raise BadClip(f"The clip is larger than {CLIP_BYTES_MAX >> 20} MiB")
    magic = clip[:4]
    if magic not in FORMATS or (magic == b"RIFF" and clip[8:12] != b"WAVE"):
        clip = _from_foreign(clip, timeout_s)
    return _samples(_run_child(clip, timeout_s))


def readable_endings() -> tuple[str, ...]:
    """How files end that can be read on this machine, the best first."""
    return (".wav", ".flac", *(ending for form in foreign.readable() for ending in form.endings))


def _from_foreign(clip: bytes, timeout_s: float) -> bytes:
    form = foreign.format_of(clip)
    if form is None:
        others = "".join(f", {form.name}" for form in foreign.readable())
        raise BadClip(f"The clip is no sound file that is read here (WAV, FLAC{others}), whatever its name says")
    try:
        return foreign.to_wav(clip, form, timeout_s)
    except foreign.ForeignClipError as error:
        raise BadClip(str(error)) from error


def _run_child(clip: bytes, timeout_s: float) -> bytes:
    """What the decoder answers."""
    command = [sys.executable, "-P", decoder.__file__]
    try:
        output = run_blocking(
            command, clip, timeout_s=timeout_s, environment=ENVIRONMENT, output_bytes=ANSWER_BYTES_MAX
        )
    except ProcessTimeout as error:
        raise BadClip("The clip takes too long to decode") from error
    except ProcessError as error:
        raise BadClip(DAMAGED) from error
    if output.code:
        raise BadClip(DAMAGED)
    return output.stdout


def _samples(answer: bytes) -> NDArray[np.float32]:
    """What the child said, believed only as far as it fits."""
    line, _, body = answer.partition(b"\n")
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadClip(DAMAGED) from error
    if not isinstance(said, dict):
        raise BadClip(DAMAGED)
    if "refused" in said:
        raise BadClip(" ".join(str(said["refused"]).split())[:200])
    samples = np.frombuffer(body[: len(body) // 4 * 4], "<f4").astype(np.float32)
    is_whole = len(samples) == said.get("samples") and 0 < len(samples) <= (CLIP_S_MAX + 1) * RATE_HZ
    if not is_whole or not np.isfinite(samples).all():
        raise BadClip(DAMAGED)
    return samples
