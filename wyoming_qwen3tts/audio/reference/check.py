"""Whether a clip can become a voice: length, level, clipping, noise, music. Says what is wrong and what to do.

Measured on speech of eleven synthetic voices in ten languages and on synthetic music (``tests/audio``): *noise* is how
far the loud moments stand above the quiet ones, and finds hiss, hum and rooms; *music* is how much the spectrum
resembles itself a quarter of a second later, which speech never does for long. It finds what is held: chords, pads,
melodies, a band, also behind a voice as loud as they are. It does not find drums alone, nor a singer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..loudness import integrated_lufs
from ..pcm import Samples, trim

SHORTEST_S = 1.5  # three seconds and more sound like the person; less than this sounds like nobody
BEST_S, LONGEST_BEST_S = 3.0, 15.0
_SILENT_LUFS, _QUIET_LUFS = -50.0, -35.0
_CLIPPED_SHARE = 0.005
_NOISY_DB, _NOISE_DB = 20.0, 12.0  # clean speech: 35 and more; noise 10 dB below it: 16
_MUSIC = 0.85  # speech: at most 0.66, with noise 5 dB below it 0.74; music: 0.9 and more
_MUSIC_FLATNESS = 0.2  # noise resembles itself too, but has no peaks
_HOP_S, _WINDOW_S, _LATER_S = 0.01, 0.043, 0.25


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a clip. A warning does not keep it from becoming a voice."""

    code: str  # unreadable, too-short, silent, clipped, noise, music; quiet, noisy, short, long
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class ClipReport:
    """What was measured. ``lufs`` and ``snr_db`` are None where there is nothing to measure."""

    seconds: float = 0.0
    speech_s: float = 0.0  # without the silence at both ends
    lufs: float | None = None
    peak: float = 0.0
    clipped_share: float = 0.0
    snr_db: float | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if not problem.is_warning)

    @property
    def ok(self) -> bool:
        """It can become a voice, if perhaps not the best one."""
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ok": self.ok}


def unreadable(why: str) -> ClipReport:
    """The report of a clip that could not be decoded."""
    return ClipReport(problems=(Problem("unreadable", why),))


def examine(clip: Samples, rate: int) -> ClipReport:
    """The report of ``clip`` (mono). A minute of it takes half a second: call it from a worker thread."""
    loudness = integrated_lufs(clip, rate)
    spoken = trim(clip, rate)
    seconds, speech_s = len(clip) / rate, len(spoken) / rate
    peak = float(np.abs(clip).max(initial=0.0))
    clipped = float((np.abs(clip) > 0.999).mean()) if len(clip) else 0.0
    lufs = None if loudness == float("-inf") else round(loudness, 1)
    report = ClipReport(round(seconds, 2), round(speech_s, 2), lufs, round(peak, 3), round(clipped, 4))
    if lufs is None or lufs < _SILENT_LUFS:
        silent = Problem("silent", "The clip is silent, or nearly so. Record it closer to the microphone.")
        return _with(report, None, silent)
    if speech_s < SHORTEST_S:
        heard = f"The clip has {speech_s:.1f} s of speech"
        short = Problem("too-short", f"{heard}; at least {SHORTEST_S:g} s are needed, 3 to 15 are best.")
        return _with(report, None, short)
    snr_db, likeness, flatness = _texture(spoken, rate)
    found = [*_level_problems(lufs, clipped), *_texture_problems(snr_db, likeness, flatness), *_lengths(speech_s)]
    return _with(report, round(snr_db, 1), *found)


def _with(report: ClipReport, snr_db: float | None, *problems: Problem) -> ClipReport:
    return ClipReport(report.seconds, report.speech_s, report.lufs, report.peak, report.clipped_share, snr_db, problems)


def _level_problems(lufs: float, clipped: float) -> Iterator[Problem]:
    if clipped > _CLIPPED_SHARE:
        yield Problem("clipped", "The clip is clipped: it was recorded too loud. Record it again with less gain.")
    if lufs < _QUIET_LUFS:
        yield Problem("quiet", f"The clip is quiet ({lufs:.0f} LUFS); closer to the microphone is better.", True)


def _texture_problems(snr_db: float, likeness: float, flatness: float) -> Iterator[Problem]:
    if likeness > _MUSIC and flatness < _MUSIC_FLATNESS:
        yield Problem("music", "The clip sounds like music, or has music in it. Use one with speech alone.")
    elif snr_db < _NOISE_DB:
        yield Problem(
            "noise",
            f"The clip is mostly noise: speech is only {snr_db:.0f} dB above it. Record it in a quiet room, close to "
            "the microphone.",
        )
    elif snr_db < _NOISY_DB:
        yield Problem("noisy", f"There is noise behind the speech ({snr_db:.0f} dB below it); it is copied too.", True)


def _lengths(speech_s: float) -> Iterator[Problem]:
    if speech_s < BEST_S:
        yield Problem("short", f"The clip has {speech_s:.1f} s of speech; 3 to 15 are best.", True)
    elif speech_s > 2 * LONGEST_BEST_S:
        yield Problem("long", f"The clip has {speech_s:.0f} s of speech; 3 to 15 are best, and speak faster.", True)


def _texture(spoken: Samples, rate: int) -> tuple[float, float, float]:
    """Decibels between loud and quiet moments; likeness of the spectrum to itself `_LATER_S` later, 0 to 1, in the
    upper quarter of moments; its flatness, 0 (tones) to 1 (noise)."""
    hop, size = round(_HOP_S * rate), round(_WINDOW_S * rate)
    frames = np.lib.stride_tricks.sliding_window_view(spoken, size)[::hop]
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
    loud_db, quiet_db = np.percentile(level_db, (95, 5))
    low, high = round(90 * size / rate), round(5_000 * size / rate)
    power: npt.NDArray[np.float32] = np.abs(np.fft.rfft(frames * np.hanning(size).astype(np.float32))) ** 2
    power = power[:, low:high] + np.float32(1e-10)
    is_heard = level_db > loud_db - 25
    shape = np.sqrt(power)
    shape /= np.linalg.norm(shape, axis=1, keepdims=True)
    later = round(_LATER_S / _HOP_S)
    both = is_heard[:-later] & is_heard[later:]
    likeness = (shape[:-later] * shape[later:]).sum(axis=1)[both]
    flatness = np.exp(np.log(power[is_heard]).mean(axis=1)) / power[is_heard].mean(axis=1)
    upper = float(np.percentile(likeness, 75)) if len(likeness) else 0.0
    return float(loud_db - quiet_db), upper, float(np.median(flatness))
