"""Replayed frames, one ahead of who reads them, say what frames made one by one say. The graphs are the stand-in's."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.configs import device_plan
from tests.engine.studio import Codes, Studio, stream, studio, write
from wyoming_qwen3tts.engine.qwen3 import loading
from wyoming_qwen3tts.engine.qwen3.loading import _NOBODY, Models, load_models
from wyoming_qwen3tts.engine.qwen3.priming import NullSink
from wyoming_qwen3tts.engine.qwen3.runner.graphed_frames import GraphedFrames, sizes
from wyoming_qwen3tts.engine.qwen3.runner.graphs import Graphs, GraphsFailed, NoGraphs, Replay, Work
from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs, traced
from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Utterance
from wyoming_qwen3tts.errors import DeviceLost
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.model.fused import lean
from wyoming_qwen3tts.model.prompt import PromptVoice as PromptVoice
from wyoming_qwen3tts.model.sampling import FrameSampling

NEVER = float("-inf")
TEXTS = ["The light in the kitchen is on.", "Hello world", "Your timer is done.", "Hello two."]
ROOM = 96
SHALLOW = TinyShape(layers=1, predictor_layers=1, codec_layers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("shallow"), shape=SHALLOW)


@pytest.fixture(scope="module")
def models(folder: Path) -> Models:
    return load_models([folder], device_plan(), None, lambda _: None)


@pytest.fixture(scope="module")
def cards(folder: Path) -> Models:
    """The same, as a card runs it."""
    models = load_models([folder], device_plan(), None, lambda _: None)
    lean(models.checkpoints[0].model)
    return models


def runner(models: Models, graphs: Graphs | None, slots: int = 3, **kwargs: Any) -> ModelRunner:
    return ModelRunner(models.checkpoints[0], models.codecs[0], slots=slots, positions=ROOM, graphs=graphs, **kwargs)


# -- the runner in a house whose people come, stall and leave at random


@dataclass(eq=False)
class Line:
    """One utterance as a script: its text, and how its text comes."""

    text: str
    speaker: str
    seed: int
    layout: Any
    frames_most: int
    pushes: bool  # its bias on EOS changes from frame to frame
    codes: Codes = field(default_factory=list)
    ended: bool = False
    has_left: bool = False
    never_ends: bool = False

    def utterance(self, slot: int) -> Utterance:
        live = self.layout == "live"
        reply = EngineRequest(NullSink())
        return Utterance(reply, _NOBODY, "en", self.layout, self.seed, text=self.text, is_text_over=not live, slot=slot)

    def bias(self, u: Utterance) -> float:
        if not u.may_end or self.never_ends:
            return NEVER
        return 1.0 * u.frames if self.pushes else 0.0

    def take(self, u: Utterance, frame: Any) -> bool:
        """Whether it goes on."""
        assert not frame.is_broken
        self.ended = frame.is_end
        if not frame.is_end:
            self.codes.append(frame.codes)
            u.frames += 1
        return not self.ended and len(self.codes) < self.frames_most


def script(seed: int, count: int) -> list[Line]:
    rng = random.Random(seed)
    return [
        Line(
            rng.choice(TEXTS),
            rng.choice(["ryan", "vivian"]),
            rng.randrange(1 << 40),
            rng.choice(["sentence", "live"]),
            rng.choice([1, 5, 25]),
            rng.random() < 0.3,
        )
        for _ in range(count)
    ]


def alone(models: Models, line: Line) -> None:
    """One after the other, with the whole text at hand: the plain loop."""
    plain = runner(models, None, slots=1)
    u = line.utterance(0)
    u.ids, u.is_text_over = models.checkpoints[0].prompts.tokenizer.speech(line.text), True
    room = plain.prefill(u, PromptVoice(line.speaker))
    while line.take(u, plain.frame([u], [line.bias(u)])[0]) and len(line.codes) < room:
        pass


def together(under_test: ModelRunner, lines: list[Line], rng: random.Random, slots: int) -> None:
    waiting, free = list(lines), list(range(slots))
    speaking: dict[Utterance, tuple[Line, list[int], int]] = {}
    while waiting or speaking:
        while waiting and free and rng.random() < 0.7:
            line = waiting.pop(0)
            slot = free.pop(0)
            u = line.utterance(slot)
            ids = under_test.prompts.tokenizer.speech(line.text)
            if line.layout == "live":
                u.ids, ids = ids[:1], ids[1:]
            speaking[u] = (line, ids, under_test.prefill(u, PromptVoice(line.speaker)))
        for u, (line, ids, _) in speaking.items():
            if line.layout == "live" and rng.random() < 0.6:
                count = rng.choice((1, 1, 2, 5))
                u.ids += ids[:count]
                del ids[:count]
                u.is_text_over = not ids
        ready = [u for u in speaking if u.has_text and rng.random() < 0.9]
        rng.shuffle(ready)
        if not ready:
            continue
        frames = under_test.frame(ready, [speaking[u][0].bias(u) for u in ready])
        for u, frame in zip(ready, frames, strict=True):
            line, _, room = speaking[u]
            line.has_left = rng.random() < 0.01
            if not line.take(u, frame) or len(line.codes) >= room or line.has_left:
                free.append(slot_of(u))
                free.sort()
                del speaking[u]


def slot_of(u: Utterance) -> int:
    assert u.slot is not None
    return u.slot


@pytest.mark.parametrize(("seed", "graphs"), [(2, NoGraphs), (3, SimulatedGraphs)])
def test_whoever_comes_stalls_ends_or_leaves_everybody_says_what_they_would_alone(
    models: Models, cards: Models, seed: int, graphs: Callable[[], Graphs]
) -> None:
    """The end of speech is the model's own here: it comes at any frame, also at one made ahead."""
    expected, found = script(seed, 8), script(seed, 8)
    for line in (*expected[:2], *found[:2]):  # these end by themselves
        line.pushes, line.frames_most = True, ROOM
    for line in expected:
        alone(models, line)
    under_test = runner(cards, graphs())

    together(under_test, found, random.Random(seed), slots=3)

    assert sum(line.ended for line in expected) >= 2
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.codes == theirs.codes[: len(mine.codes)]
        assert len(mine.codes) == len(theirs.codes) or mine.has_left


def test_a_frame_made_ahead_with_another_bias_than_asked_for_is_made_again(models: Models, cards: Models) -> None:
    expected, found = script(9, 2), script(9, 2)
    for line in (*expected, *found):
        line.pushes, line.layout = True, "sentence"
    for line in expected:
        alone(models, line)
    under_test = runner(cards, NoGraphs())

    together(under_test, found, _Never(0), slots=2)

    assert [line.codes for line in found] == [line.codes for line in expected]
    assert isinstance(under_test._frames, GraphedFrames)
    assert under_test._frames.taken_back > 3


def test_an_utterance_that_fills_its_slot_stays_inside_it(models: Models) -> None:
    line, theirs = script(0, 1)[0], script(0, 1)[0]
    for one in (line, theirs):
        one.layout, one.frames_most = "sentence", ROOM
        one.never_ends = True
    alone(models, theirs)
    under_test = runner(models, NoGraphs(), slots=1)

    together(under_test, [line], _Never(0), slots=1)

    assert line.codes == theirs.codes
    assert len(line.codes) > 50
    assert int(under_test._state.positions[0]) < ROOM


class _Never(random.Random):
    """Nobody leaves, nobody waits."""

    def random(self) -> float:
        return 0.5


def test_one_frame_is_always_under_way_while_another_is_looked_at(models: Models) -> None:
    """After an utterance's first frame: each call launches one frame, and reads one that was launched before."""
    graphs = _Watched()
    under_test = runner(models, graphs, slots=1)
    u = script(0, 1)[0].utterance(0)
    u.layout, u.is_text_over = "sentence", True
    under_test.prefill(u, PromptVoice("ryan"))
    graphs.log.clear()

    for _ in range(4):
        graphs.log.append("asked")
        under_test.frame([u], [NEVER])
        u.frames += 1

    first, second, *others = "".join(graphs.log).removeprefix("asked").split("asked")
    assert first == "launch0 read0 "  # not overtaken: its sound comes next
    assert second == "launch1 launch2 read1 "
    assert others == ["launch3 read2 ", "launch4 read3 "]


class _Watched(NoGraphs):
    """Notes what is launched on the frames' lane and when the host looks."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self._launched = 0

    def capture(self, work: Work, lane: Any) -> Replay:
        del lane
        return Replay(work, work)

    def fetch(self, tensor: torch.Tensor, landing: Any = None) -> Callable[[], torch.Tensor]:
        number, taken = sum(entry.startswith("launch") for entry in self.log), tensor.clone()
        self.log.append(f"launch{number} ")

        def wait() -> torch.Tensor:
            self.log.append(f"read{number} ")
            return taken

        return wait


def test_numbers_that_went_wrong_in_a_frame_nobody_read_spoil_nothing(models: Models) -> None:
    """Cancelled just then: the slot's next utterance must not meet what is no number."""
    expected, found = script(5, 1)[0], script(5, 1)[0]
    alone(models, expected)
    under_test = runner(models, NoGraphs(), slots=1)
    u = found.utterance(0)
    u.layout, u.is_text_over = "sentence", True
    under_test.prefill(u, PromptVoice("ryan"))
    under_test.frame([u], [NEVER])
    u.frames += 1
    with torch.inference_mode():
        under_test._frames.state.cache.keys.fill_(float("nan"))
        under_test._state.predictor_cache.keys.fill_(float("nan"))
    under_test.frame([u], [NEVER])

    together(under_test, [found], _Never(0), slots=1)

    assert found.codes == expected.codes


# -- the whole engine


@pytest.mark.timeout(300)
async def test_two_hundred_mixed_requests_get_the_same_codes_from_recordings(folder: Path) -> None:
    """Batches of 1 to 8; sentences, live and streamed text; two voices and languages; some leave."""
    eager = await _evening(folder, lambda: None)
    graphs = SimulatedGraphs()
    replayed = await _evening(folder, lambda: graphs)

    assert len(eager) >= 200
    assert replayed.keys() == eager.keys()
    leavers = 0
    for key, codes in eager.items():
        shorter = min(len(codes), len(replayed[key]))
        leavers += len(codes) != len(replayed[key])
        assert replayed[key][:shorter] == codes[:shorter], key
    assert leavers <= 25  # they leave by the clock
    assert graphs.replayed["frames"] > 200
    assert graphs.replayed["sound"] > 200


async def _evening(folder: Path, graphs: Callable[[], Graphs | None]) -> dict[Any, Codes]:
    rng = random.Random(7)
    async with studio(folder, slots=8, queue=300, graphs=graphs, ends=_by_seed) as room:
        for batch in (1, 2, 3, 4, 5, 6, 7, 8, 64, 100):
            visits = [_visit(room, rng.randrange(1 << 30)) for _ in range(batch)]
            await asyncio.gather(*visits)
        return {(u.seed, u.text, u.layout, u.voice.name): codes for u, codes in room.runner.codes.items()}


def _by_seed(utterance: Utterance) -> bool:
    return utterance.may_end and utterance.frames >= 2 + utterance.seed % 3


async def _visit(room: Studio, seed: int) -> None:
    rng = random.Random(seed)
    text, voice = (
        rng.choice(["Hello world", "Hello two.", "Your timer"]),
        rng.choice(["ryan-en", "vivian-de", "vivian-en"]),
    )
    feed = rng.choice(["sentence", "live", "hybrid"])
    if rng.random() < 0.3:
        pieces = stream()
        writing = asyncio.create_task(write(pieces, [text[:8], text[8:] + ". ", "Hello."], (0, 0.001)))
        await room.say(pieces, voice, seed=seed, feed=feed)
        await writing
    elif rng.random() < 0.1:
        async with room.engine.speak(room.request(text, voice, seed=seed, feed=feed)) as audio:
            with suppress(StopAsyncIteration):
                await anext(aiter(audio))
    else:
        await room.say(text, voice, seed=seed, feed=feed)


async def test_the_sound_of_recordings_is_the_sound_of_single_steps(folder: Path) -> None:
    heard = []
    kinds: list[Callable[[], Graphs | None]] = [lambda: None, SimulatedGraphs]
    for graphs in kinds:
        async with studio(folder, slots=2, graphs=graphs) as room:
            parts = await asyncio.gather(room.say(TEXTS[1], seed=1), room.say(TEXTS[3], "vivian-en", seed=2))
            heard.append(parts)

    for direct, replayed in zip(*heard, strict=True):
        samples = [torch.frombuffer(bytearray(pcm), dtype=torch.int16).int() for pcm in (direct, replayed)]
        assert len(samples[0]) == len(samples[1])
        assert int((samples[0] - samples[1]).abs().max()) <= 2


# -- what the stand-in refuses, and what happens then


@pytest.mark.parametrize(
    "ask",
    [
        lambda x: x.sum().item(),
        lambda x: x[x > 0],
        lambda x: x.nonzero(),
        lambda x: torch.tensor([1.0, 2.0]) + x[:2],
        lambda x: bool(x.any()),
    ],
    ids=["item", "mask", "nonzero", "host", "bool"],
)
@torch.inference_mode()
def test_a_recording_that_asks_for_a_value_is_refused(ask: Callable[[torch.Tensor], Any]) -> None:
    x = torch.arange(4.0)

    with pytest.raises(GraphsFailed, match="aten::"):
        traced(lambda: ask(x))


@torch.inference_mode()
def test_a_replay_does_what_was_recorded_with_what_is_there_now() -> None:
    x, out = torch.arange(4.0), torch.zeros(4)
    chosen = [2.0]

    def work() -> None:
        out.copy_(torch.cat((x[:2], x[2:] * chosen[0])) + 1)

    replay = SimulatedGraphs().capture(work, "frames")
    chosen[0] = 5.0
    x += 10

    replay()

    assert out.tolist() == [11, 12, 25, 27]


class _Liar(SimulatedGraphs):
    """Its replays forget the last operation."""

    def capture(self, work: Work, lane: Any) -> Replay:
        replay = super().capture(work, lane)
        self.recordings[-1].operations.pop()
        return replay


class _Broken(SimulatedGraphs):
    def capture(self, work: Work, lane: Any) -> Replay:
        raise GraphsFailed("the driver is too old")


@pytest.mark.parametrize(
    ("graphs", "why"), [(_Liar, "differs from what it was captured of"), (_Broken, "the driver is too old")]
)
def test_graphs_that_fail_or_lie_are_done_without_in_one_clear_line(
    models: Models, graphs: Callable[[], Graphs], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    (without,) = loading.build_runners(models, slots=1, positions=ROOM, graphs=graphs)

    loading.warm_up(without)
    (record,) = caplog.records
    assert why in record.message
    assert record.message.startswith("No CUDA graphs: ")
    assert "\n" not in record.message


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":1131'), None),
        (torch.AcceleratorError("CUDA error: out of memory"), None),
        (torch.AcceleratorError("CUDA error: an illegal memory access was encountered"), DeviceLost),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), RuntimeError),
    ],
    ids=["NVML", "memory", "lost", "a bug"],
)
def test_an_error_while_recording_is_what_it_is(
    models: Models, error: Exception, raised: type[Exception] | None
) -> None:
    class Breaks(SimulatedGraphs):
        def capture(self, work: Work, lane: Any) -> Replay:
            raise error

    if raised is None:
        (without,) = loading.build_runners(models, slots=1, positions=ROOM, graphs=Breaks)
        loading.warm_up(without)
    else:
        with pytest.raises(raised):
            loading.build_runners(models, slots=1, positions=ROOM, graphs=Breaks)


def test_a_machine_whose_cuda_fails_goes_on_without_graphs(models: Models, caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")

    (without,) = loading.build_runners(
        models, slots=1, positions=ROOM, graphs=lambda: loading.graphs_for("cuda:0", wanted=True)
    )

    loading.warm_up(without)
    assert "No CUDA graphs: " in caplog.text
    assert loading.graphs_for("cuda:0", wanted=False) is None
    assert loading.graphs_for("cpu", wanted=True) is None


@pytest.mark.parametrize(("most", "expected"), [(1, (1,)), (2, (1, 2)), (4, (1, 2, 4)), (6, (1, 2, 4, 6))])
def test_batch_sizes_are_powers_of_two_and_the_most(most: int, expected: tuple[int, ...]) -> None:
    assert sizes(most) == expected


def test_sampling_and_greedy_alike(models: Models) -> None:
    greedy = FrameSampling.from_defaults(models.checkpoints[0].config.sampling, greedy=True)
    u = script(0, 1)[0].utterance(0)
    u.layout, u.is_text_over = "sentence", True
    found = []
    for graphs in (None, SimulatedGraphs()):
        under_test = runner(models, graphs, slots=1, sampling=greedy)
        u.frames = 0
        under_test.prefill(u, PromptVoice("ryan"))
        codes = []
        for _ in _times(12):
            codes.append(under_test.frame([u], [NEVER])[0].codes)
            u.frames += 1
        found.append(codes)

    assert found[0] == found[1]


def _times(count: int) -> Iterator[int]:
    return iter(range(count))
