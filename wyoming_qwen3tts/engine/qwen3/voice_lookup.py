"""How a voice sounds to the model: a speaker of the checkpoint, or a clone from the voice folder. Engine thread
only."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ...speech.voice import Voice
from ...util.lru import LruCache
from ...voices.folder import ClonedVoice, VoiceFolder
from .blends import BLEND, Blends

if TYPE_CHECKING:
    from ...model.prompt import PromptVoice as PromptVoice

CLONE = "clone:"  # before the name, in `Voice.speaker`: no speaker's name has a colon
DESCRIBED = "describe:"  # instead of a speaker: nobody yet but the request's instruction
_KEPT = 32  # a primed codec is 5 MB
_MIXED_KEPT = 16


class ClonedVoices:
    """The look-up that `LocalEngine` asks. The same clone is the same object, as what is computed for it is kept by
    that."""

    def __init__(self, folder: VoiceFolder, blends: Blends | None = None) -> None:
        """``blends`` makes those that are typed, and not kept."""
        self._folder, self._blends = folder, blends
        self._mixed = LruCache["PromptVoice"](_MIXED_KEPT)  # beside the others: strangers may name any number
        self._kept = LruCache["PromptVoice"](_KEPT)
        self._described: PromptVoice | None = None

    def __call__(self, voice: Voice) -> PromptVoice:
        """The model's voice.

        Raises:
            SpeechError: for a clone whose file is gone or damaged.
        """
        from ...model.prompt import PromptVoice as PromptVoice

        if voice.speaker == DESCRIBED:
            self._described = self._described or PromptVoice()
            return self._described
        if voice.speaker.startswith(BLEND) and self._blends is not None:
            return self._blend(voice.speaker.removeprefix(BLEND), self._blends)
        if not voice.speaker.startswith(CLONE):
            return PromptVoice(speaker=voice.speaker)
        name = voice.speaker.removeprefix(CLONE)
        key = (name, self._folder.stamp(name))
        return self._kept.of(key, lambda: model_voice(self._folder.read(name)))

    def _blend(self, recipe: str, blends: Blends) -> PromptVoice:
        """Without a key: what is computed for it is not kept on disk."""
        return self._mixed.of(
            (recipe, blends.stamps(recipe)), lambda: replace(model_voice(blends.made(recipe)), key=None)
        )


def model_voice(cloned: ClonedVoice) -> PromptVoice:
    """A voice from the voice folder as the model takes it."""
    import torch

    from ...model.prompt import PromptVoice as PromptVoice

    codes = None if cloned.codes is None else torch.from_numpy(cloned.codes.copy())
    vector = torch.from_numpy(cloned.vector.copy())  # a file's bytes may not be written to
    return PromptVoice(None, vector, codes, cloned.text, _content_key(cloned), cloned.is_of_speakers)


def _content_key(cloned: ClonedVoice) -> str:
    digest = hashlib.sha256(cloned.vector.tobytes())
    if cloned.codes is not None:
        digest.update(cloned.codes.tobytes())
    digest.update((cloned.text or "").encode())
    return digest.hexdigest()
