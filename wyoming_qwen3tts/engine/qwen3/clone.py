"""A clip becomes a voice. Runs once per voice, so it loads what it needs and lets go of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...audio.loudness import level
from ...audio.pcm import Samples, trim
from ...audio.reference.check import SHORTEST_S, examine
from ...errors import BadRequest
from ...model.checkpoint.config import load_config
from ...model.reference_codes import open_reference_encoder
from ...model.speaker import SAMPLES_MIN, open_speaker_encoder
from ...speech.voice import VoiceName
from ...voices.file_format import TEXT_CHARS_MAX, ClonedVoice
from .device_errors import device_errors

RATE = 24_000
_PADDING_S = 0.5  # without it the reference's last sound bleeds into the speech (faster-qwen3-tts#9)


def clone(folder: Path, name: VoiceName, clip: Samples, text: str | None, *, raw: bool) -> ClonedVoice:
    """A voice from ``clip`` (mono, 24 kHz), by the Base checkpoint in ``folder``: its x-vector, and with ``text``,
    the clip's transcript, its codes too. ``raw`` takes the clip as it is.

    Raises:
        BadRequest: if the clip cannot become a voice; says what to do.
        ModelFileError: if the checkpoint cannot clone.
        OutOfMemory: if the clip needs more than there is.
    """
    if not raw:
        for problem in examine(clip, RATE).errors:
            raise BadRequest(problem.message, field="clip", why=f"clip-{problem.code}")
        clip = prepared(clip)
    return encoded(folder, name, clip, text)


def prepared(clip: Samples) -> Samples:
    """Without its silent ends, at one loudness, with a little silence behind it."""
    levelled, _ = level(trim(clip, RATE), RATE, -20.0)
    return np.concatenate([levelled, np.zeros(round(_PADDING_S * RATE), np.float32)])


def encoded(folder: Path, name: VoiceName, clip: Samples, text: str | None) -> ClonedVoice:
    """See `clone`; the clip as it is."""
    config = load_config(folder)
    encoder = open_speaker_encoder(folder, config)
    if len(clip) < SAMPLES_MIN:
        raise BadRequest(
            f"The clip has {len(clip) / RATE:.2f} s of sound; at least {SHORTEST_S:g} s are needed.",
            field="clip",
            why="clip-too-short",
        )
    if text is not None and not text.strip():
        raise BadRequest(
            "The transcript is empty. Write what is said in the clip, or leave it out.", field="text", why="text-empty"
        )
    if text is not None and len(text) > TEXT_CHARS_MAX:
        raise BadRequest(f"The transcript has more than {TEXT_CHARS_MAX:,} characters.", field="text", why="too-long")
    samples = torch.from_numpy(np.ascontiguousarray(clip))
    codes = None
    with torch.inference_mode(), device_errors():
        vector = encoder(samples).float().numpy()
        if text is not None:
            codes = open_reference_encoder(folder / "speech_tokenizer", config.codec)(samples).numpy()
    return ClonedVoice(name, vector, codes, text, f"{config.size} {config.type}")
