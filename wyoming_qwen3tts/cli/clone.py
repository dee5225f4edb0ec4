"""``clone``: a clip of somebody becomes a voice."""

from __future__ import annotations

import sys
from pathlib import Path

from ..app import build_engine
from ..audio.reference import BadClip, read_clip
from ..engine import clone as cloning
from ..errors import BadRequest
from ..model.config import load_config
from ..settings import Settings
from ..speakers import QWEN_SPEAKERS
from ..voice_files import VoiceFolder, new_name
from .download import fetched


def clone(settings: Settings, name: str, clip: str, text: str | None, *, raw: bool) -> int:
    """Make the voice and keep it in the data folder.

    Raises:
        SpeechError: for a name, clip or model that cannot be used; says what to do.
    """
    folders = list(fetched(settings, settings.engine.model))
    base = next((folder for folder in folders if load_config(folder).type == "base"), None)
    if base is None:
        raise BadRequest(
            "Cloning needs a Base checkpoint: --engine.model Qwen/Qwen3-TTS-12Hz-0.6B-Base (or 1.7B-Base, or a folder)"
        )
    store = VoiceFolder(settings.voices_dir)
    taken = {voice.casefold() for voice in store.names()} | set(QWEN_SPEAKERS)
    for voice in build_engine(settings).voices():
        taken |= {voice.name.casefold(), voice.speaker.casefold()}
    for folder in folders:
        taken |= set(load_config(folder).talker.speakers)
    fresh = new_name(name, taken)
    try:
        samples = read_clip(Path(clip))
    except BadClip as error:
        raise BadRequest(f"{clip}: {error}.") from None
    path = store.add(cloning.clone(base, fresh, samples, text, raw=raw))
    sys.stdout.write(f"{fresh} is kept in {path}\n")
    return 0
