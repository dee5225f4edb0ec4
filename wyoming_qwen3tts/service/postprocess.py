"""Which chain of sound a reply gets: by its options, the engine that speaks, and what is known of the voice's level."""

from __future__ import annotations

from ..audio.chain import AudioPipeline, PipelineStep
from ..audio.earcon import gong
from ..audio.leveller import Leveller, VoiceLevel
from ..audio.limiter import Limiter
from ..audio.loudness import TARGET_LUFS
from ..audio.resample import StreamResampler
from ..audio.speed import SpeedChange
from ..settings import Audio
from ..speech.audio_format import FORMAT, AudioFormat
from ..speech.voice import Voice
from ..voices.levels import VoiceLevels
from .options import ResolvedOptions

_LEVELLED = frozenset({"builtin"})  # engines that come at TARGET_LUFS already
_AT_TARGET = VoiceLevel(TARGET_LUFS, seconds=30)


class PostProcessor:
    """For all replies. Without ``levels`` voices stay as loud as they come. ``turn_pause_s`` is the silence between two
    voices of one reply, where its text asks for none. Event loop only."""

    def __init__(
        self, audio: Audio | None = None, levels: VoiceLevels | None = None, *, turn_pause_s: float = 0.0
    ) -> None:
        self.audio, self.turn_pause_s = audio or Audio(), turn_pause_s
        self._levels = levels
        self._gongs: dict[int, bytes] = {}  # by rate

    def begin(
        self,
        voice: Voice,
        engine: str,
        options: ResolvedOptions,
        made_rate: int = FORMAT.rate,
        rate: int = FORMAT.rate,
        *,
        is_first: bool = True,
    ) -> ReplyPipeline:
        """The way of one reply's sound, or one turn's, to its listener: made in ``made_rate`` Hz, wanted in ``rate``;
        chime and lead-in come before the first only."""
        steps: list[PipelineStep] = []
        leveller, wanted = None, AudioFormat(rate)
        if made_rate != rate:
            steps.append(StreamResampler(made_rate, rate))
        if options.speed != 1:
            steps.append(SpeedChange(rate, options.speed))
        if self._levels is not None and engine not in _LEVELLED:
            leveller = Leveller(rate, self._levels.of(voice.name), self.audio.loudness)
            steps.append(leveller)
        elif self._levels is not None and self.audio.loudness != TARGET_LUFS:
            steps.append(Leveller(rate, _AT_TARGET, self.audio.loudness))
        elif options.speed != 1:
            steps.append(Limiter(rate))
        before = (
            wanted.silence(self.audio.lead_in_s) + (self._chime(rate) if options.chime else b"") if is_first else b""
        )
        after = wanted.silence(self.audio.tail_s)
        chain = AudioPipeline(steps, options.volume, before=before, after=after, most_bytes=4 * wanted.frame_bytes)
        return ReplyPipeline(chain, leveller, len(before))

    def learn(self, voice: Voice, pipeline: ReplyPipeline) -> None:
        """Remember how loud the voice came."""
        if self._levels is not None and pipeline.leveller is not None:
            self._levels.learned(voice.name, pipeline.leveller.level)

    async def close(self) -> None:
        if self._levels is not None:
            await self._levels.close()

    def _chime(self, rate: int) -> bytes:
        if rate not in self._gongs:
            self._gongs[rate] = gong(rate)
        return self._gongs[rate]


class ReplyPipeline:
    """One reply's chain, what measured it, and how much comes before the reply's own sound."""

    def __init__(self, chain: AudioPipeline, leveller: Leveller | None, before_bytes: int = 0) -> None:
        self.add, self.close, self.leveller = chain.add, chain.close, leveller
        self.before_bytes = before_bytes
