"""One loudness for voices whose level nobody knows beforehand, on sound that is still being made.

Each voice has one gain, learned from all it has said: within a sentence it hardly moves, so loud stays louder than
soft. Only in the first seconds that a voice is ever heard does it have to be found out, and the gain moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .limiter import Limiter
from .loudness import TARGET_LUFS, k_weighted_power, lufs_of
from .pcm import Samples

_USUAL_LUFS, _USUAL_S = -21.0, 0.08  # an unknown voice, and for how many seconds of speech that guess counts
_KEPT_S = 30.0  # what a voice said longer ago than this hardly counts: it may have been replaced by another
_FINDING_S = 2.0  # a voice known for less may change its gain fast
_FAST_DB_S, _SLOW_DB_S = 30.0, 1.0
_OTHER_S, _OTHER_DB = 3.0, 8.0
_GAIN_MOST_DB, _LOST_MOST_DB = 30.0, 3.0
_SILENT_LUFS = -60.0


@dataclass(frozen=True, slots=True)
class VoiceLevel:
    """What is known of a voice's level."""

    lufs: float = _USUAL_LUFS  # as it comes from the engine
    seconds: float = 0.0  # of speech that this is known from
    lost_db: float = 0.0  # what the limiter takes of it


class Leveller:
    """Samples in, samples out at ``target_lufs`` with their peaks limited. Holds back 11 ms."""

    def __init__(self, rate: int, known: VoiceLevel | None = None, target_lufs: float = TARGET_LUFS) -> None:
        self._rate, self._known, self._target = rate, known or VoiceLevel(), target_lufs
        self._limiter = Limiter(rate)
        self._hop, self._block = rate // 10, rate * 4 // 10
        self._recent = np.zeros(0, np.float32)  # the last 400 ms of the input
        self._unmeasured = 0  # how many of them are new
        self._powers: list[float] = []  # K-weighted, of the last 400 ms every 100 ms
        self._gain_db: float | None = None

    @property
    def level(self) -> VoiceLevel:
        """What is known of the voice now, this reply included."""
        known, (loudness, seconds) = self._known, self._heard()
        if not seconds:
            return known
        if seconds > _OTHER_S and abs(loudness - known.lufs) > _OTHER_DB:
            known = VoiceLevel()  # somebody else speaks under this name now
        guess_s = known.seconds or _USUAL_S
        lufs = (known.lufs * guess_s + loudness * seconds) / (guess_s + seconds)
        lost_db = (known.lost_db * known.seconds + self._limiter.lost_db * seconds) / (known.seconds + seconds)
        return VoiceLevel(lufs, min(known.seconds + seconds, _KEPT_S), lost_db)

    def add(self, samples: Samples) -> Samples:
        """What is certain of it."""
        if not len(samples):
            return samples
        self._measure(samples)
        level = self.level
        if level.seconds < _FINDING_S:
            self._limiter.forget_lost()  # at a gain that is still wrong it says nothing
        wanted = self._target - level.lufs + min(level.lost_db, _LOST_MOST_DB)
        wanted = min(max(wanted, -_GAIN_MOST_DB), _GAIN_MOST_DB)
        start = wanted if self._gain_db is None else self._gain_db
        most = (_FAST_DB_S if level.seconds < _FINDING_S else _SLOW_DB_S) * len(samples) / self._rate
        self._gain_db = min(max(wanted, start - most), start + most)
        ramp = np.linspace(start, self._gain_db, len(samples) + 1, dtype=np.float32)[1:]
        return self._limiter.add(samples * np.power(np.float32(10), ramp / 20))

    def close(self) -> Samples:
        """The rest."""
        return self._limiter.close()

    def _measure(self, samples: Samples) -> None:
        """The K-weighted power of the last 400 ms, every 100 ms; at the beginning, of what there is."""
        self._recent = np.concatenate([self._recent, samples])
        self._unmeasured += len(samples)
        while self._unmeasured >= self._hop or not self._powers:
            self._unmeasured = max(0, self._unmeasured - self._hop)
            end = len(self._recent) - self._unmeasured
            self._powers.append(k_weighted_power(self._recent[max(0, end - self._block) : end], self._rate))
        self._recent = self._recent[-self._block - self._unmeasured :]

    def _heard(self) -> tuple[float, float]:
        """Gated loudness of this reply so far, and how many seconds of speech that is known from."""
        powers = np.array(self._powers)
        powers = powers[lufs_of(powers) > _SILENT_LUFS]
        if not len(powers):
            return _USUAL_LUFS, 0.0
        speech = powers[lufs_of(powers) > lufs_of(powers.mean()) - 10]
        return float(lufs_of(speech.mean())), 0.1 * len(speech)
