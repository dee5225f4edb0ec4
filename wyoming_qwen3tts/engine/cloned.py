"""How a voice sounds to the model: a speaker of the checkpoint, or a clone from the voice folder. Engine thread
only."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..speech import Voice
from ..voice_files import ClonedVoice, VoiceFolder

if TYPE_CHECKING:
    from ..model.prompt import Voice as PromptVoice

CLONE = "clone:"  # before the name, in `Voice.speaker`: no speaker's name has a colon
_KEPT = 32  # a primed codec is 5 MB


class ClonedVoices:
    """The look-up that `LocalEngine` asks. The same clone is the same object, as what is computed for it is kept by
    that."""

    def __init__(self, folder: VoiceFolder) -> None:
        self._folder = folder
        self._kept: OrderedDict[tuple[str, int], PromptVoice] = OrderedDict()

    def __call__(self, voice: Voice) -> PromptVoice:
        """The model's voice.

        Raises:
            SpeechError: for a clone whose file is gone or damaged.
        """
        from ..model.prompt import Voice as PromptVoice

        if not voice.speaker.startswith(CLONE):
            return PromptVoice(speaker=voice.speaker)
        name = voice.speaker.removeprefix(CLONE)
        key = (name, self._folder.stamp(name))
        if key not in self._kept:
            self._kept[key] = model_voice(self._folder.read(name))
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def model_voice(cloned: ClonedVoice) -> PromptVoice:
    """A voice from the voice folder as the model takes it."""
    import numpy as np
    import torch

    from ..model.prompt import Voice as PromptVoice

    codes = None if cloned.codes is None else torch.from_numpy(np.ascontiguousarray(cloned.codes))
    return PromptVoice(None, torch.from_numpy(np.ascontiguousarray(cloned.vector)), codes, cloned.text)
