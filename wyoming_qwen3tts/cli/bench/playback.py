"""``bench --playback``: replies played in real time, by an engine slower than that; what the wait before them costs.

The real service holds replies back (see `engine.head_start`). Without a model the engine is simulated: it takes a set
number of seconds for each second of sound, with a spread from frame to frame. All replies play at the same time then,
each with a service of its own; a model speaks them one after the other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ...app.build import speech_service
from ...engine.failover import FailoverEngine
from ...engine.head_start import HeadStart
from ...engine.qwen3.chunking import ChunkPolicy
from ...service.options import SpeechOptions
from ...service.service import SpeechService
from ...service.stats import RequestStats
from ...settings import Limits, Settings
from ...speech.audio_format import FORMAT
from ...speech.engine import AudioStream, Engine, EngineStatus, Phase
from ...speech.request import SpeechRequest
from ...speech.voice import Voice, VoiceName
from ...voices.catalog import VoiceCatalog

#: Speed (RTF) and seconds of speech. The wait that the last two of a speed need is about what is allowed, and more.
CASES = ((0.9, 12.0), (1.15, 12.0), (1.15, 40.0), (1.3, 20.0), (1.5, 3.0), (1.5, 8.0), (1.5, 12.0), (1.5, 20.0))
LENGTHS = (3.0, 8.0, 12.0, 40.0)  # for a model: its own speed counts
_SENTENCE = "The light in the hall is on and the front door is locked. "
_CHAR_S = 0.07  # of sound a character; the book starts with 0.065 and learns
_FIRST_S = 0.15  # to an engine's first frame, beside the frame
_FRAME_S = 0.08
_SPREAD = 0.1  # of a frame's time
_TONE = b"\x00\x10" * (FORMAT.frame_bytes // 2)


class PacedEngine(Engine):
    """Sound that takes ``rtf`` seconds a second, the same at every run."""

    status = EngineStatus(Phase.READY)

    def __init__(self, name: str, rtf: float) -> None:
        self.name, self._rtf = name, rtf
        self._voice = Voice(VoiceName(f"{name}-en"), name, ("en",), name, name)

    def voices(self) -> tuple[Voice, ...]:
        return (self._voice,)

    async def start(self) -> None:
        return

    async def close(self) -> None:
        return

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        async with aclosing(self._packets(request)) as audio:
            yield AudioStream(self.name, audio)

    async def _packets(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        chance, owed_s = random.Random(0), 0.0  # noqa: S311  a load, no secret
        now, chunks = asyncio.get_running_loop().time, ChunkPolicy()
        await asyncio.sleep(_FIRST_S)
        size, played_at = 0, now()  # of the last packet; when a listener has played what was made
        due_at = now()  # a machine that wakes us late makes nobody slower
        async for segment in request.whole_segments():
            owed_s += (1 + len(segment.text)) * _CHAR_S  # what is left of a frame goes to the next sentence
            frames = int(owed_s / _FRAME_S)
            owed_s -= frames * _FRAME_S
            due_at = max(due_at, now() - _FRAME_S)  # the text was waited for
            while frames:
                size = min(frames, chunks.frames(size, played_at - now(), _FRAME_S * self._rtf))
                for _ in range(size):
                    due_at += _FRAME_S * self._rtf * chance.uniform(1 - _SPREAD, 1 + _SPREAD)
                    await asyncio.sleep(due_at - now())
                yield _TONE * size
                frames, played_at = frames - size, max(played_at, now()) + size * _FRAME_S
            yield b""


@dataclass(slots=True)
class Listener:
    """Plays in real time from the first piece on, as a loudspeaker does."""

    began: float
    first_at: float | None = None  # anything, such as silence
    sound_at: float | None = None
    dry_at: float = 0.0  # when what came is played
    underruns: int = 0
    dry_s: float = 0.0

    def hear(self, pcm: bytes, now: float) -> None:
        if self.first_at is None:
            self.first_at = self.dry_at = now
        if self.sound_at is not None and now > self.dry_at:
            self.underruns += 1
            self.dry_s += now - self.dry_at
        if self.sound_at is None and any(pcm):
            self.sound_at = now
        self.dry_at = max(self.dry_at, now) + FORMAT.seconds(len(pcm))


@dataclass(frozen=True, slots=True)
class Played:
    """One reply, and how it was heard."""

    listener: Listener
    stats: RequestStats

    @property
    def first_s(self) -> float:
        """Seconds to the first sound; all of them, if there was none."""
        end = self.listener.dry_at if self.listener.sound_at is None else self.listener.sound_at
        return end - self.listener.began


def bench_playback(settings: Settings) -> dict[str, Any]:
    """Play: the configured model's replies, or with none the simulated engine's.

    Raises:
        SpeechError: if a reply cannot be spoken.
    """
    return asyncio.run(playback(settings))


async def playback(settings: Settings, cases: Sequence[tuple[float, float]] = CASES) -> dict[str, Any]:
    """As `bench_playback`, in a loop that runs."""
    if settings.engine.model:
        runs, engine = await _by_model(settings), ", ".join(settings.engine.model)
    else:
        await _play_alone(0.1, "Hello.", 0.0)  # what is loaded at the first reply is no part of the others
        pairs = await asyncio.gather(
            *(_simulated(settings.engine.head_start_s, rtf, seconds) for rtf, seconds in cases)
        )
        runs, engine = list(pairs), "simulated"
    return {"engine": engine, "head_start_s": settings.engine.head_start_s, "runs": runs}


async def _simulated(head_start_s: float, rtf: float, seconds: float) -> dict[str, Any]:
    text = text_of(seconds)
    held, at_once = await asyncio.gather(*(_play_alone(rtf, text, most_s) for most_s in (head_start_s, 0.0)))
    return _row(rtf, held, at_once)


async def _play_alone(rtf: float, text: str, most_s: float) -> Played:
    """By a server that has just started: it knows its speed from one sentence, and nothing of its voice."""
    slow, fallback = PacedEngine("natural", rtf), PacedEngine("builtin", 0.05)
    head_start = HeadStart(most_s, measures=True) if most_s else None
    clock = asyncio.get_running_loop().time
    engine = FailoverEngine(slow, fallback, head_start=head_start, clock=clock)
    await engine.start()
    service = SpeechService(engine, VoiceCatalog(engine.voices), Limits(), slots=1, clock=clock)
    try:
        return await play(service, text)
    finally:
        await service.close()


async def _by_model(settings: Settings) -> list[dict[str, Any]]:
    """The same replies held back and at once, by the same engine's files loaded twice in turn."""
    heard: list[list[Played]] = []
    for most_s in (settings.engine.head_start_s, 0.0):
        async with speech_service(with_head_start(settings, most_s)) as service:
            service.load()
            await service.loaded()
            heard.append([await play(service, text_of(seconds)) for seconds in LENGTHS])
    return [_row(None, held, at_once) for held, at_once in zip(*heard, strict=True)]


async def play(service: SpeechService, text: str) -> Played:
    """Have ``text`` spoken, and hear it as it comes."""
    now = asyncio.get_running_loop().time
    told: list[RequestStats] = []
    service.observe(told.append)
    listener = Listener(now())
    options = SpeechOptions(fills_pauses=True, language="en", server="bench")
    async with service.speak(service.whole_text(text), options) as reply:
        async for pcm in reply:
            listener.hear(pcm, now())
    return Played(listener, told[-1])


def with_head_start(settings: Settings, most_s: float) -> Settings:
    """The settings with another ``engine.head_start_s``."""
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"head_start_s": most_s})})


def text_of(seconds: float) -> str:
    """Sentences that the simulated engine takes so long to speak, or a little less."""
    chars = int(seconds / _CHAR_S) - 1
    return (_SENTENCE * (1 + chars // len(_SENTENCE)))[: chars - 1].rstrip(" .") + "."


def _row(rtf: float | None, held: Played, at_once: Played) -> dict[str, Any]:
    return {
        "rtf": rtf if rtf is not None else round(at_once.stats.working_s / max(at_once.stats.seconds, 0.08), 2),
        "speech_s": round(at_once.stats.seconds, 1),
        "spoken_by": held.stats.engine,
        "first_sound_s": round(held.first_s, 2),
        "underruns": held.listener.underruns,
        "dry_s": round(held.listener.dry_s, 2),
        "at_once": {
            "first_sound_s": round(at_once.first_s, 2),
            "underruns": at_once.listener.underruns,
            "dry_s": round(at_once.listener.dry_s, 2),
        },
        "wait_costs_s": round(held.first_s - at_once.first_s, 2),
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"Replies played in real time; engine: {result['engine']}; held back up to {result['head_start_s']:g} s",
        f"{'RTF':>5} {'speech':>7}  {'spoken by':<10}{'first sound':>12}{'underruns':>10}{'the wait costs':>16}"
        "   begun at once instead",
    ]
    for run in result["runs"]:
        bare = run["at_once"]
        stutters = f"{bare['underruns']} underruns, {bare['dry_s']:.1f} s of holes" if bare["underruns"] else "no hole"
        lines.append(
            f"{run['rtf']:>5.2f} {run['speech_s']:>5.1f} s  {run['spoken_by']:<10}{run['first_sound_s']:>10.2f} s"
            f"{run['underruns']:>10}{run['wait_costs_s']:>14.2f} s   "
            f"first sound {bare['first_sound_s']:.2f} s, {stutters}"
        )
    return "\n".join(lines)
