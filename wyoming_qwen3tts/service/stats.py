"""What became of one request, for the log line, the metrics and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import SpeechError
from ..speech.audio_format import FORMAT, AudioFormat
from ..speech.voice import Voice


@dataclass(slots=True, eq=False)
class RequestStats:
    """What became of one request. Its reply writes it; others read. Times are of the service's clock, in seconds."""

    server: str = "-"
    client: str = ""
    voice: str = "-"  # who speaks
    instead_of: str = ""  # whom somebody else speaks for; none: the voice that was asked for speaks
    instead_why: str = ""  # the code of why somebody else does, as in `AudioStream`; `no-model` too
    language: str = "-"
    engine: str = "-"  # which one spoke
    chars: int = 0
    ttfa_s: float | None = None  # from the later of entry and first text to the first audio
    working_s: float = 0.0  # time the engine was waited for
    audio_bytes: int = 0
    format: AudioFormat = FORMAT  # of them
    silence_bytes: int = 0  # beside them, sent while the text paused
    is_cached: bool = False  # spoken from a recording
    outcome: str = "listener left"  # for people
    is_done: bool = False  # spoken to its end
    was_cut_off: bool = False  # a sentence of it did not end and was stopped
    error: SpeechError | None = None
    started: float = 0.0
    first_audio_at: float | None = None
    held_bytes: int = 0  # silence before the first sound, while that was held back
    head_start: str = ""  # how it was held back, or why another voice spoke, in words
    dry_at: float = 0.0  # when a listener who plays all at once as it comes has nothing left

    def finish(self, outcome: str, notes: Sequence[str] = (), remarks: Sequence[str] = ()) -> None:
        """It was spoken to its end. ``notes`` are the request's; ``remarks`` tell what marks in the text asked for in
        vain."""
        self.is_done, self.was_cut_off = True, bool(notes)
        self.outcome = "; ".join([outcome, *notes, *remarks])

    def fail(self, error: SpeechError) -> None:
        """It ended with an error."""
        self.outcome, self.error = f"{error.code}: {error}", error

    def speaks(self, engine: str, voice: Voice | None, why: str = "") -> None:
        """``engine`` makes the sound; ``voice`` is whoever it takes in the place of the one that was asked for, and
        ``why`` the code of the reason."""
        self.engine = engine
        if voice is not None and voice.name != self.voice:
            self.voice, self.instead_of, self.instead_why = voice.name, self.instead_of or self.voice, why

    def count(self, pcm: bytes, now: float) -> None:
        """This much more goes to the listener."""
        if self.first_audio_at is None:
            self.first_audio_at, self.ttfa_s = now, now - self.started
        self.audio_bytes += len(pcm)
        self.dry_at = max(self.dry_at, now) + self.format.seconds(len(pcm))

    def count_silence(self, pcm: bytes, now: float) -> None:
        """This much goes to the listener that is not the reply's own."""
        if self.first_audio_at is None:
            self.held_bytes += len(pcm)
        else:
            self.silence_bytes += len(pcm)
        self.dry_at = max(self.dry_at, now) + self.format.seconds(len(pcm))

    @property
    def seconds(self) -> float:
        """Of sound so far."""
        return self.format.seconds(self.audio_bytes)

    def lead_s(self, now: float) -> float:
        """Audio made so far that a listener who plays from the first sound on has not played yet, in seconds."""
        if self.first_audio_at is None:
            return 0.0
        return self.format.seconds(self.audio_bytes + self.silence_bytes) - (now - self.first_audio_at)

    def line(self) -> str:
        """For the log."""
        made = f"{self.seconds:.1f} s of speech"
        if self.silence_bytes:
            made += f", {self.format.seconds(self.silence_bytes):.1f} s of silence while its text paused"
        if self.head_start:
            made += f", {self.head_start}"
        first = "no sound" if self.ttfa_s is None else f"first sound after {self.ttfa_s * 1000:.0f} ms"
        who = f"{self.voice} instead of {self.instead_of}" if self.instead_of else self.voice
        told = [f"{who} by {self.engine}", f"{self.chars} characters", made, first, *self._pace()]
        return f"{', '.join(told)}: {self.outcome}"

    def _pace(self) -> list[str]:
        """How fast it was made; nothing of a recording."""
        if not self.seconds or self.working_s <= 0:
            return []
        times = self.seconds / self.working_s
        return [f"{times:.0f} times as fast as speech" if times >= 10 else f"{times:.1f} times as fast as speech"]
