"""What is learned from: the sentences word by word, by the built-in English voice and by a deeper one made of it.

Every word begins with a frame, and its codes are those of the word alone, so they are the same wherever it stands. Of
natural sentences, where no two frames are alike, a model of this size learns in an hour which word comes when, and code
0, but the other codes hardly better than by chance. And codes that know what follows, as the encoder hears it, teach
the talker to read the next word from them, not from the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import samplerate

from wyoming_qwen3tts.audio.pcm import Samples

from .sentences import DAYS

RATE, FRAME = 24_000, 1_920
SPEAKERS = {"ryan": 1.14, "serena": 1.0}  # how much longer, and so deeper, than the built-in voice
_PACE = 1.15  # of the built-in voice: words by themselves come slowly
_LEVEL = 0.1  # root mean square
_LEAD_S, _TAIL_S, _FADE_S = 0.01, 0.02, 0.004  # what is left around a word, and how its ends are made smooth
_BEFORE, _COMMA, _AFTER = 1, 2, 2  # frames of silence


Word = tuple[str, str, bool]  # speaker, word, whether it ends a sentence
Part = Word | int  # or so many frames of silence


@dataclass(frozen=True, slots=True)
class Speech:
    """The words of both speakers, inside a sentence and at its end."""

    words: dict[Word, Samples]

    def say(self, speaker: str, text: str) -> Samples:
        """``text``, in whole frames, 24 kHz."""
        return np.concatenate([self.sound(part) for part in parts(speaker, text)])

    def sound(self, part: Part) -> Samples:
        return np.zeros(part * FRAME, np.float32) if isinstance(part, int) else self.words[part]


def parts(speaker: str, text: str) -> list[Part]:
    """What ``text`` is put together of."""
    found = re.findall(r"[A-Za-z]+|,", text)
    said: list[Part] = [
        _COMMA if part == "," else (speaker, part, at == len(found) - 1) for at, part in enumerate(found)
    ]
    return [_BEFORE, *said, _AFTER]


def speech_of(vocabulary: Iterable[str]) -> Speech:
    """Speak every word of ``vocabulary``; the same each time."""
    from hibari import Hibari

    voice, made = Hibari(), dict[Word, Samples]()
    for word in vocabulary:
        for is_last in (False, True):
            text = (word if word in DAYS else word.lower()) + ("." if is_last else ",")
            plain = np.asarray(voice(text, speed=_PACE, seed=0), np.float32)
            for speaker, ratio in SPEAKERS.items():
                said = plain if ratio == 1.0 else np.asarray(samplerate.resample(plain, ratio, "sinc_best"), np.float32)
                made[speaker, word, is_last] = _on_the_grid(said)
    return Speech(made)


def _on_the_grid(samples: Samples) -> Samples:
    """Of one loudness, without the silence around it, in the middle of whole frames."""
    samples = samples * (_LEVEL / max(1e-4, float(np.sqrt(np.mean(samples**2)))))
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    samples = samples[max(0, loud[0] - round(_LEAD_S * RATE)) : loud[-1] + round(_TAIL_S * RATE)].clip(-0.98, 0.98)
    fade = np.linspace(0, 1, round(_FADE_S * RATE), dtype=np.float32)
    samples[: len(fade)] *= fade
    samples[-len(fade) :] *= fade[::-1]
    around = -len(samples) % FRAME
    return np.pad(samples, (around // 2, around - around // 2)).astype(np.float32)
