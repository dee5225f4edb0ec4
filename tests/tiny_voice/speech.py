"""What is learned from: the sentences, spoken by the built-in English voice and by a deeper one made of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import samplerate

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.util.files import atomic_file

RATE, FRAME = 24_000, 1_920
SPEAKERS = {"ryan": 1.14, "serena": 1.0}  # how much longer, and so deeper, than the built-in voice
_LEVEL = 0.1  # root mean square
_LEAD_S, _TAIL_S = 0.08, 0.12  # silence that is left around speech
_STRETCH = 0.03  # how much a voice's other takes are longer or shorter, at most


def spoken(texts: list[str], keep_in: Path, tell: Callable[[str], None]) -> list[Samples]:
    """The sentences in the built-in voice, in the order of ``texts``; made once, and kept in ``keep_in``."""
    file = keep_in / "speech.npz"
    if not file.exists():
        tell(f"Speaking {len(texts)} sentences")
        _make(texts, file)
    with np.load(file) as kept:
        kept_ends = kept["ends"][:-1]
        whole = kept["samples"].astype(np.float32) / 32_768
    return np.split(whole, kept_ends)


def take(speaker: str, samples: Samples, chance: np.random.Generator | None = None) -> Samples:
    """As ``speaker`` says it, in whole frames; with ``chance`` a little longer or shorter, and later by part of a
    frame, as no two takes of one sentence are alike."""
    ratio = SPEAKERS[speaker]
    if chance is not None:
        ratio *= 1 + chance.uniform(-_STRETCH, _STRETCH)
        samples = np.pad(samples, (int(chance.integers(FRAME)), 0))
    if ratio != 1.0:
        samples = np.asarray(samplerate.resample(samples, ratio, "sinc_fastest"), np.float32)
    return np.pad(samples, (0, -len(samples) % FRAME))


def _make(texts: list[str], file: Path) -> None:
    from hibari import Hibari

    voice = Hibari()
    with ThreadPoolExecutor(2) as pool:
        every = [_trimmed(np.asarray(one, np.float32)) for one in pool.map(lambda text: voice(text, seed=0), texts)]
    samples = np.concatenate(every)
    ends = np.cumsum([len(one) for one in every])

    with atomic_file(file) as out:
        np.savez(out, samples=(samples * 32_767).astype(np.int16), ends=ends)


def _trimmed(samples: Samples) -> Samples:
    """Of one loudness, with as little silence around it as leaves every sound whole."""
    samples = samples * (_LEVEL / max(1e-4, float(np.sqrt(np.mean(samples**2)))))
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    start, end = max(0, loud[0] - round(_LEAD_S * RATE)), loud[-1] + round(_TAIL_S * RATE)
    return np.clip(samples[start:end], -0.98, 0.98)
