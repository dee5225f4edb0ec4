"""What the tests of the Qwen3 engine share: tiny models, a runner that can be told what to do, and listeners."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import torch

from tests.engine.configs import device_plan, engine_config
from wyoming_qwen3tts.engine.qwen3.loading import Models
from wyoming_qwen3tts.engine.qwen3.runner.graphs import Graphs
from wyoming_qwen3tts.engine.qwen3.runner.runner import Frame, ModelRunner
from wyoming_qwen3tts.engine.qwen3.runtime import Runtime
from wyoming_qwen3tts.engine.qwen3.scheduler import Utterance
from wyoming_qwen3tts.model.fused import lean
from wyoming_qwen3tts.model.prompt import PromptVoice as PromptVoice
from wyoming_qwen3tts.speech.request import Feed, SpeechRequest
from wyoming_qwen3tts.speech.segment import OpenSegment, Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.speech.voice import Voice
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.reader import SegmentReader

torch.set_num_threads(1)

LONG = (
    "The light in the kitchen is on and the front door is locked for the night. It will rain tonight, "
    "and it is twelve degrees outside. Your timer for ten minutes is done."
)
Codes = list[list[int]]


def by_text(utterance: Utterance) -> bool:
    """A model that ends when it should: two frames a token."""
    return utterance.may_end and utterance.frames >= 2 * len(utterance.ids) + 1


def after(frames: int) -> Callable[[Utterance], bool]:
    return lambda utterance: utterance.frames >= frames


def never(_: Utterance) -> bool:
    return False


class StudioRunner(ModelRunner):
    """A runner that keeps every code it made, ends where it is told, and fails on demand."""

    ends: Callable[[Utterance], bool] = staticmethod(by_text)
    sabotage: Callable[[StudioRunner, str, Any], None] = staticmethod(lambda *_: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.codes: dict[Utterance, Codes] = {}
        self.order: list[str] = []  # prefill, frame, sound

    def prefill(self, utterance: Utterance, voice: PromptVoice) -> int:
        self.sabotage(self, "prefill", utterance)
        self.order.append("prefill")
        self.codes[utterance] = []
        return super().prefill(utterance, voice)

    def frame(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[Frame]:
        self.sabotage(self, "frame", utterances)
        self.order.append("frame")
        # A random model ends at random. Here the script decides, so the model itself may not.
        frames = super().frame(utterances, [float("-inf")] * len(utterances))
        ended = [Frame(f.codes, self.ends(u), f.is_broken) for u, f in zip(utterances, frames, strict=True)]
        for utterance, frame in zip(utterances, ended, strict=True):
            if not frame.is_end:
                self.codes[utterance].append(frame.codes)
        return ended

    def sound(self, chunks: Any) -> Any:
        self.sabotage(self, "sound", chunks)
        self.order.append("sound")
        return super().sound(chunks)

    def spoken(self) -> dict[str, Codes]:
        """Codes by text."""
        return {utterance.text: codes for utterance, codes in self.codes.items()}


class Studio:
    """An engine on the tiny checkpoint, and its runner; a new one after each restart."""

    def __init__(self, engine: Runtime, runners: list[StudioRunner]) -> None:
        self.engine, self.runners = engine, runners

    @property
    def runner(self) -> StudioRunner:
        return self.runners[-1]

    def voice(self, name: str = "ryan-en") -> Voice:
        return next(voice for voice in self.engine.voices() if voice.name == name)

    def request(
        self, text: TextStream | str | Sequence[str], voice: str | Voice = "ryan-en", **kwargs: Any
    ) -> SpeechRequest:
        chosen = self.voice(voice) if isinstance(voice, str) else voice
        return SpeechRequest(segments(text, chosen.language), chosen, **kwargs)

    async def say(self, text: TextStream | str | Sequence[str], voice: str | Voice = "ryan-en", **kwargs: Any) -> bytes:
        async with self.engine.speak(self.request(text, voice, **kwargs)) as audio:
            return b"".join([pcm async for pcm in audio])


def segments(text: TextStream | str | Sequence[str], language: str) -> AsyncIterator[Segment | OpenSegment]:
    """A stream through the front-end; a text, or several, as segments that are complete."""
    if isinstance(text, TextStream):
        return SegmentReader(text, FrontEnd(language=language))

    async def whole() -> AsyncIterator[Segment | OpenSegment]:
        for part in [text] if isinstance(text, str) else text:
            yield Segment(part, language)

    return whole()


@asynccontextmanager
async def studio(
    folder: Path,
    *,
    slots: int = 4,
    ends: Callable[[Utterance], bool] = by_text,
    sabotage: Callable[[StudioRunner, str, Any], None] = lambda *_: None,
    resolve: Any = None,
    on_fatal: Callable[[BaseException], None] = lambda _: None,
    graphs: Callable[[], Graphs | None] = lambda: None,
    now: Callable[[], float] = time.monotonic,
    **options: Any,
) -> AsyncIterator[Studio]:
    """``options`` are those of `EngineConfig`."""
    runners: list[StudioRunner] = []

    def build(models: Models) -> list[ModelRunner]:
        recorded = graphs()
        if recorded is not None:  # as on a card
            lean(models.checkpoints[0].model)
        runner = StudioRunner(models.checkpoints[0], models.codecs[0], slots=slots, positions=512, graphs=recorded)
        runner.ends, runner.sabotage = ends, sabotage
        runners.append(runner)
        return [runner]

    config = engine_config(slots=slots, **options)
    engine = Runtime([folder], config, device_plan(), build_runners=build, resolve=resolve, on_fatal=on_fatal, now=now)
    await engine.start()
    try:
        yield Studio(engine, runners)
    finally:
        await engine.close()


def stream() -> TextStream:
    return TextStream(limit_chars=8000, idle_s=5)


async def write(text: TextStream, pieces: Sequence[str], pauses: Sequence[float] = ()) -> None:
    """Send ``pieces`` one by one, in a rhythm, and close."""
    for at, piece in enumerate(pieces):
        text.add(piece)
        await asyncio.sleep(pauses[at % len(pauses)] if pauses else 0)
    text.close()


__all__ = [
    "LONG",
    "Codes",
    "Feed",
    "Studio",
    "StudioRunner",
    "after",
    "by_text",
    "never",
    "segments",
    "stream",
    "studio",
    "write",
]
