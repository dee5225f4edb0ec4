"""A clip becomes a voice. Runs once per voice, so it loads what it needs and lets go of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ..audio.loudness import integrated_lufs, level
from ..audio.pcm import Samples, trim
from ..errors import BadRequest
from ..model.config import load_config
from ..model.reference_codes import open_reference_encoder
from ..model.speaker import SAMPLES_MIN, open_speaker_encoder
from ..speech import VoiceName
from ..voice_files import ClonedVoice

RATE = 24_000
SHORTEST_S = 1.5  # three seconds and more sound like the person; less than this sounds like nobody
_SILENT_LUFS = -50.0
_CLIPPED_SHARE = 0.005
_PADDING_S = 0.5  # without it the reference's last sound bleeds into the speech (faster-qwen3-tts#9)


def clone(folder: Path, name: VoiceName, clip: Samples, text: str | None, *, raw: bool) -> ClonedVoice:
    """A voice from ``clip`` (mono, 24 kHz), by the Base checkpoint in ``folder``: its x-vector, and with ``text``,
    the clip's
    transcript, its codes too. ``raw`` takes the clip as it is.

    Raises:
        BadRequest: if the clip is too short, silent or clipped; says what to do.
        ModelFileError: if the checkpoint cannot clone.
    """
    config = load_config(folder)
    encoder = open_speaker_encoder(folder, config)
    if not raw:
        clip = _prepared(clip)
    if len(clip) < SAMPLES_MIN:
        raise BadRequest(f"The clip has {len(clip) / RATE:.2f} s of sound; at least {SHORTEST_S:g} s are needed.")
    samples = torch.from_numpy(np.ascontiguousarray(clip))
    with torch.inference_mode():
        vector = encoder(samples).float().numpy()
    codes = None
    if text is not None:
        if not text.strip():
            raise BadRequest("The transcript is empty. Write what is said in the clip, or leave --text out.")
        codes = open_reference_encoder(folder / "speech_tokenizer", config.codec)(samples).numpy()
    return ClonedVoice(name, vector, codes, text, f"{config.size} {config.type}")


def _prepared(clip: Samples) -> Samples:
    """Checked, without its silent ends, at one loudness, with a little silence behind it."""
    if integrated_lufs(clip, RATE) < _SILENT_LUFS:
        raise BadRequest("The clip is silent, or nearly so. Record it closer to the microphone.")
    if (np.abs(clip) > 0.999).mean() > _CLIPPED_SHARE:
        raise BadRequest("The clip is clipped: it was recorded too loud. Record it again with less gain.")
    spoken = trim(clip, RATE)
    if len(spoken) < SHORTEST_S * RATE:
        heard = f"The clip has {len(spoken) / RATE:.1f} s of speech"
        raise BadRequest(f"{heard}; at least {SHORTEST_S:g} s are needed, 3 to 15 are best.")
    levelled, _ = level(spoken, RATE, -20.0)
    return np.concatenate([levelled, np.zeros(round(_PADDING_S * RATE), np.float32)])
