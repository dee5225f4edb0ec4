"""What a machine ear makes of a checkpoint that speaks: sentences through the real engine and the real Wyoming server,
in every way that text can come and numbers can be rounded. ``script/hear-tiny`` prints docs/performance.md's table.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from tests.harness import STOP, Server, chunk, pcm, start
from tests.studio.own_voices import Home, home, settings_of, wav
from tests.studio.own_voices import speech as recorded
from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.engine.qwen3 import loading
from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs

from . import checkpoint, ear, sentences
from .speaker import deeper
from .speech import SPEAKERS

VOICES = ("serena-en", "ryan-en")
HIGH, LOW, BETWEEN = "Clone of Serena", "Clone of Ryan", "Clone of a third"
CLONES = {HIGH: SPEAKERS["serena"], LOW: SPEAKERS["ryan"], BETWEEN: sum(SPEAKERS.values()) / 2}  # how deep the clip is


@dataclass(frozen=True, slots=True)
class Way:
    """How sentences are spoken. ``pause_s``: between the words of a text that comes in pieces, None: all at once.
    ``voices`` take turns; those of `CLONES` are made before."""

    name: str
    feed: str = "sentence"
    pause_s: float | None = None
    dtype: str = "float32"
    quantize: str = "none"
    together: int = 1
    voices: tuple[str, ...] = VOICES
    records: bool = False  # frames and prompts, as CUDA graphs do on a card

    @property
    def clones(self) -> tuple[str, ...]:
        return tuple(name for name in self.voices if name in CLONES)


PLAIN = Way("whole sentences, float32")
CLONED = Way("cloned voices: both speakers, from a clip of each", voices=(HIGH, LOW))
WAYS = (
    PLAIN,
    Way("live, a word every 20 ms", "live", 0.02),
    Way("live, a word every 150 ms", "live", 0.15),
    Way("live, a word every 400 ms", "live", 0.4),
    Way("hybrid, a word every 60 ms", "hybrid", 0.06),
    Way("four at a time", together=4),
    Way("four at a time, live, a word every 60 ms", "live", 0.06, together=4),
    Way("bfloat16", dtype="bfloat16"),
    Way("int8", dtype="auto", quantize="int8"),
    Way("int4", dtype="auto", quantize="int4"),
    Way("int4, live, a word every 60 ms", "live", 0.06, dtype="auto", quantize="int4"),
    Way("by recorded graphs (their stand-in)", records=True),
    CLONED,
    Way("a cloned voice between the two speakers", voices=(BETWEEN,)),
)


@asynccontextmanager
async def speaking(folder: Path, way: Way = PLAIN) -> AsyncIterator[Home]:
    """A server with the checkpoint in ``folder``, set as ``way`` wants it, clones made; nothing of it is kept."""
    with tempfile.TemporaryDirectory() as data:
        if way.clones:
            folder = checkpoint.write_base(folder, Path(data) / "base")
        door = {"uri": "tcp://127.0.0.1:0", "api_keys": ["ear:ear-to-the-door"]}
        settings = settings_of(Path(data), folder, http=door, voices={"cloning": True})
        engine = settings.engine.model_copy(
            update={
                "feed": way.feed,
                "dtype": way.dtype,
                "quantize": way.quantize,
                "slots": max(2, way.together),
                "head_start_s": 0.0,
            }
        )
        with recording() if way.records else nullcontext():
            async with home(settings.model_copy(update={"engine": engine})) as house:
                for name in way.clones:
                    await clone(house, name, deeper(recorded(), CLONES[name]))
                yield house


@contextmanager
def recording() -> Iterator[None]:
    """Engines that are built meanwhile record their work, as on a card."""
    build = loading.build_runners

    def build_recording(models: loading.Models, **given: Any) -> list[ModelRunner]:
        return build(models, **{**given, "graphs": SimulatedGraphs, "road": "graphs"})

    with patch.object(loading, "build_runners", build_recording):
        yield


async def clone(house: Home, name: str, clip: Samples) -> None:
    """A voice from ``clip``, 24 kHz, as the page makes it: without a transcript, so that the model has its x-vector."""
    async with house.web() as client:
        reply = await client.post(
            "/v1/audio/voices",
            data={"name": name, "consent": "It is nobody's."},
            files={"audio_sample": ("clip.wav", wav(clip), "audio/wav")},
        )
    assert reply.status_code == 200, reply.text


async def say(server: Server, text: str, voice: str, pause_s: float | None = None) -> Samples:
    """``text`` as a Wyoming client hears it, 24 kHz."""
    wire = await server.connect()
    await wire.send(start(voice={"name": voice}))

    async def write() -> None:
        if pause_s is None:
            await wire.send(chunk(text))
        else:
            for at, word in enumerate(text.split(" ")):
                await wire.send(chunk(f" {word}" if at else word))
                await asyncio.sleep(pause_s)
        await wire.send(STOP)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        events = await wire.until("synthesize-stopped", "error")
    await wire.close()
    if events[-1].type != "synthesize-stopped":
        raise AssertionError(f"{text!r} was not spoken: {events[-1].data}")
    return np.frombuffer(pcm(events), "<i2").astype(np.float32) / np.float32(32_768)


async def all_said(server: Server, texts: Sequence[str], way: Way = PLAIN) -> list[Samples]:
    """``texts`` in turn by one voice and the next, as many at a time as ``way`` has it."""
    at_a_time = asyncio.Semaphore(way.together)

    async def one(at: int, text: str) -> Samples:
        async with at_a_time:
            return await say(server, text, way.voices[at % len(way.voices)], way.pause_s)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(at, text)) for at, text in enumerate(texts)]
    return [task.result() for task in tasks]


async def word_errors(folder: Path, texts: Sequence[str], way: Way) -> float:
    """The share of wrong words."""
    async with speaking(folder, way) as house:
        spoken = await all_said(house.server, texts, way)
        assert {stats.engine for stats in house.stats} == {"qwen3"}, "another engine stood in"
    return ear.word_errors(texts, [await asyncio.to_thread(ear.hear, one) for one in spoken])


async def cut_off(folder: Path, texts: Sequence[str], way: Way) -> tuple[int, float]:
    """How many of ``texts`` did not end by themselves, and the longest sound of one, in seconds."""
    async with speaking(folder, way) as house:
        spoken = await all_said(house.server, texts, way)
        return house.core.counters.stopped, max(map(len, spoken)) / 24_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/hear-tiny", description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--sentences", type=int, default=100, help="held-out sentences of each row")
    parser.add_argument("--base", type=Path, help="write the checkpoint that clones there, and hear nothing")
    parser.add_argument("--ends", type=int, help="count how many of so many sentences had to be cut off; hear nothing")
    parser.add_argument("--rows", type=int, default=len(WAYS), help="the first so many rows")
    wanted = parser.parse_args()
    if wanted.base is not None:
        checkpoint.write_base(wanted.checkpoint, wanted.base)
        return
    from .train import DRILLS, SENTENCES

    made = sentences.make(SENTENCES, DRILLS)
    if wanted.ends is not None:
        texts = (*made.held_out, *made.train)[: wanted.ends]
        number, longest_s = asyncio.run(cut_off(wanted.checkpoint, texts, Way("four at a time", together=4)))
        print(f"{number} of {len(texts)} sentences were cut off; the longest sound has {longest_s:.1f} s")  # noqa: T201
        return
    texts = made.held_out[: wanted.sentences]
    print("| how it is spoken | wrong words |\n|---|---|")  # noqa: T201
    for way in WAYS[: wanted.rows]:
        wrong = asyncio.run(word_errors(wanted.checkpoint, texts, way))
        print(f"| {way.name} | {100 * wrong:.1f} % |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
