"""The Qwen3 engine on a tiny checkpoint: sound from the first words, a house full of listeners, never a runaway."""

from __future__ import annotations

import asyncio
import gc
import random
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.configs import device_plan, engine_config
from tests.engine.studio import LONG, Codes, Studio, StudioRunner, after, by_text, never, stream, studio, write
from tests.harness import quick_collections, until
from wyoming_qwen3tts.audio.pcm import from_pcm
from wyoming_qwen3tts.engine.qwen3 import loading
from wyoming_qwen3tts.engine.qwen3.feeder import FeedRules
from wyoming_qwen3tts.engine.qwen3.guards import GuardLimits
from wyoming_qwen3tts.engine.qwen3.loading import Models
from wyoming_qwen3tts.engine.qwen3.runner.runner import Frame, ModelRunner
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs
from wyoming_qwen3tts.engine.qwen3.runtime import Runtime
from wyoming_qwen3tts.engine.qwen3.scheduler import Utterance
from wyoming_qwen3tts.errors import (
    Busy,
    DeviceLost,
    EngineDown,
    EngineError,
    NotNow,
    OutOfMemory,
    SpeechError,
    TextStalled,
)
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.model.generate import generate_codes
from wyoming_qwen3tts.model.prompt import PromptVoice as PromptVoice
from wyoming_qwen3tts.model.sampling import FrameSampling
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase
from wyoming_qwen3tts.speech.request import Feed, SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.speech.voice import Voice, VoiceName

LINE = "The light in the kitchen is on."


async def codes_of(room: Studio, text: TextStream | str, **kwargs: Any) -> dict[str, Codes]:
    room.runner.codes.clear()
    await room.say(text, **kwargs)
    return room.runner.spoken()


# -- what is said


async def test_the_codes_are_those_of_the_plain_loop(folder: Path) -> None:
    async with studio(folder) as room:
        codes = (await codes_of(room, LINE, seed=5))[LINE]

        prompts, model = room.runner.prompts, room.runner.model
        plain = generate_codes(
            model, prompts.sentence(LINE, PromptVoice("ryan"), "english"), FrameSampling(), 5, len(codes)
        )
        assert [frame.tolist() for frame in plain] == codes


async def test_live_codes_are_those_of_the_plain_loop_in_the_streaming_layout(folder: Path) -> None:
    async with studio(folder) as room:
        codes = (await codes_of(room, LINE, seed=5, feed="live"))[LINE]

        prompts, model = room.runner.prompts, room.runner.model
        prompt = prompts.live(prompts.tokenizer.speech(LINE), PromptVoice("ryan"), "english")
        assert [frame.tolist() for frame in generate_codes(model, prompt, FrameSampling(), 5, len(codes))] == codes


def cuts(text: str, rng: random.Random) -> list[str]:
    ends = sorted({0, len(text), *(rng.randrange(len(text)) for _ in range(rng.choice((0, 3, 30, 150))))})
    return [text[start:end] for start, end in pairwise(ends)]


@pytest.mark.parametrize("feed", ["sentence", "live", "hybrid"])
async def test_whatever_the_cuts_and_their_rhythm_the_codes_are_the_whole_texts(folder: Path, feed: Feed) -> None:
    """One frame a token, so that the text is often late and the utterance stalls."""
    async with studio(folder, ends=lambda u: u.may_end and u.frames >= len(u.ids)) as room:
        whole = stream()
        await write(whole, [LONG])
        expected = await codes_of(room, whole, feed=feed)
        assert len(expected) == 3
        for seed in range(6):
            rng = random.Random(seed)
            pieces, text = cuts(LONG, rng), stream()
            pauses = [rng.choice((0, 0, 0.001, 0.004)) for _ in pieces]
            _, found = await asyncio.gather(write(text, pieces, pauses), codes_of(room, text, feed=feed))
            assert found == expected, f"seed {seed}"


async def test_a_text_that_is_late_stalls_its_utterance_and_nobody_else(folder: Path) -> None:
    async with studio(folder) as room:
        text, heard = stream(), asyncio.Event()
        text.add("The light in the kitchen is on and ")

        async def listen() -> None:
            async with room.engine.speak(room.request(text, feed="live")) as audio:
                async for _ in audio:
                    heard.set()

        listening = asyncio.create_task(listen())
        await heard.wait()
        await room.say("Hello world", voice="vivian-en")
        frames = room.engine.counters.frames
        await asyncio.sleep(0.03)

        late = next(u for u in room.runner.codes if u.layout == "live")
        assert room.engine.counters.frames == frames
        assert late.frames == len(late.ids) > 0
        text.add("the front door is locked.")
        text.close()
        await listening
        assert late.text == "The light in the kitchen is on and the front door is locked."


async def test_streams_of_a_word_now_and_then_silence_nobody_and_sound_as_if_nothing_had_been(folder: Path) -> None:
    words = ("The light in the kitchen is on ", "and the front door is locked ", "now.")

    async def trickled(room: Studio, between: Callable[[], Awaitable[None]]) -> bytes:
        text = stream()
        listening = asyncio.create_task(room.say(text, feed="live", is_stream=True))
        text.add(words[0])
        for word in words[1:]:
            await between()
            text.add(word)
        text.close()
        return await listening

    async def none() -> None: ...

    async with studio(folder, slots=1) as room:
        expected, codes = await trickled(room, none), room.runner.spoken()

    async with studio(folder, slots=1, text_pause_s=0.02) as room:

        async def somebody_speaks() -> None:
            await until(lambda: _is_dry(room))
            assert await room.say("Hello", voice="vivian-en")

        assert are_the_same_sound(await trickled(room, somebody_speaks), expected)
        assert room.runner.spoken().items() >= codes.items()
        assert room.engine.counters.parked == len(words) - 1


def _is_dry(room: Studio) -> bool:
    """Whether the live utterance has said all that it was given, and something new since it lost its slot."""
    live = next((u for u in room.runner.codes if u.layout == "live"), None)
    return live is not None and live.frames == len(live.ids) > live.frames_before


async def test_a_seed_gives_the_same_codes_alone_and_among_others(folder: Path) -> None:
    async with studio(folder) as room:
        alone = (await codes_of(room, LINE, seed=9))[LINE]
        room.runner.codes.clear()

        await asyncio.gather(
            *(room.say(f"Number {n} is somebody else.", "vivian-en", seed=n) for n in range(3)), room.say(LINE, seed=9)
        )

        assert room.runner.spoken()[LINE] == alone
        assert room.runner.frames < room.engine.counters.frames  # they did share frames


def are_the_same_sound(one: bytes, other: bytes) -> bool:
    """Equal but for one 16-bit step: on some CPUs a matrix product rounds by where in memory its operands lie (P12)."""
    left, right = (np.frombuffer(pcm, "<i2").astype(int) for pcm in (one, other))
    return len(left) == len(right) and bool(np.abs(left - right).max() <= 1)


async def test_a_voice_has_one_seed_for_every_sentence_and_every_day(folder: Path) -> None:
    async with studio(folder) as room:
        first = await room.say([LINE, LINE])
        codes = list(room.runner.codes.values())

        assert codes[-2] == codes[-1]
        assert are_the_same_sound(await room.say([LINE, LINE]), first)
        assert await room.say([LINE, LINE], seed=1) != first


@pytest.mark.parametrize("kind", ["voice_design", "base"])
async def test_described_and_cloned_voices_are_whatever_the_voice_store_says(
    tiny_folders: dict[ModelType, Path], kind: ModelType
) -> None:
    described = PromptVoice()
    cloned = PromptVoice(vector=torch.ones(64) * 0.1)
    in_context = PromptVoice(
        vector=torch.ones(64) * 0.1, ref_codes=torch.arange(160).reshape(10, 16), ref_text="Hello world"
    )
    found = {"voice_design": described, "base": cloned, "in-context": in_context}
    names = [kind, "in-context"] if kind == "base" else [kind]

    async with studio(tiny_folders[kind], resolve=lambda voice: found[voice.speaker]) as room:
        sounds = {}
        for name in names:
            voice = Voice(VoiceName("x"), "X", ("en",), "qwen3", name)
            sounds[name] = await room.say(LINE, voice, instruct="a warm voice", feed="live")
            again = await room.say(LINE, voice, instruct="a warm voice", feed="live")
            assert are_the_same_sound(again, sounds[name])  # the primed state of a reference is a copy each time
        assert len(set(sounds.values())) == len(names)
        assert {u.layout for u in room.runner.codes if u.voice.speaker == "in-context"} <= {"sentence"}


async def test_a_voice_that_no_model_speaks_and_a_store_that_breaks_end_this_reply_only(folder: Path) -> None:
    def resolve(voice: Voice) -> PromptVoice:
        if voice.speaker == "vivian":
            raise OSError("disk gone")
        return PromptVoice(vector=torch.ones(64)) if voice.speaker == "aiden" else PromptVoice(voice.speaker)

    async with studio(folder, resolve=resolve) as room:
        with pytest.raises(SpeechError, match="No loaded model speaks as aiden-en"):
            await room.say(LINE, "aiden-en")
        with pytest.raises(EngineError, match="cannot be used"):
            await room.say(LINE, "vivian-en")
        assert await room.say(LINE)


# -- when it is said


async def test_the_first_packet_leaves_after_one_prompt_one_frame_and_one_codec_step(folder: Path) -> None:
    async with studio(folder) as room:
        await room.say("Hello world")  # reads the voice's prefix
        room.runner.order.clear()
        prefills = room.runner.prefills

        async with room.engine.speak(room.request(LINE)) as audio:
            first = await anext(aiter(audio))

        assert room.runner.order[:3] == ["prefill", "frame", "sound"]
        assert room.runner.prefills == prefills + 1
        assert len(first) == FORMAT.frame_bytes


async def test_a_live_first_packet_costs_no_prompt_at_all_where_the_voice_is_known(folder: Path) -> None:
    async with studio(folder) as room:
        await room.say("Hello world", feed="live")
        prefills = room.runner.prefills
        text = stream()
        text.add("The light in the kitchen is on and ")

        async with room.engine.speak(room.request(text, feed="live")) as audio:
            assert len(await anext(aiter(audio))) == FORMAT.frame_bytes
            assert room.runner.prefills == prefills
            text.close()


async def test_between_sentences_nobody_waits_and_the_pause_is_as_set(folder: Path) -> None:
    def pause_of(pcm: bytes) -> int:
        quiet = np.flatnonzero(np.diff(np.flatnonzero(np.abs(from_pcm(pcm)) > 0)) > 1000)
        return int(np.diff(np.flatnonzero(np.abs(from_pcm(pcm)) > 0))[quiet][0])

    async with studio(folder, feed=FeedRules("hybrid", 0.4)) as room:
        pcm = await room.say([LINE, "Hello world."])

        assert pause_of(pcm) / FORMAT.rate == pytest.approx(0.4, abs=0.01)
        joined = "".join(room.runner.order)
        assert "frameprefillframe" in joined.replace("sound", "")


async def test_an_asked_for_pause_is_kept(folder: Path) -> None:
    async def parts() -> Any:
        yield Segment(LINE, "en", pause_s=1.5)
        yield Segment(LINE, "en")

    async with studio(folder) as room:
        request = room.request(LINE)
        object.__setattr__(request, "segments", parts())
        async with room.engine.speak(request) as audio:
            pcm = b"".join([packet async for packet in audio])

    assert bytes(int(1.4 * FORMAT.rate) * 2) in pcm


async def test_no_click_at_the_joints_and_none_where_speech_is_cut_off(folder: Path) -> None:
    """Where sound stops, it has come down to nothing: no sample next to silence is loud."""
    async with studio(folder) as room:
        joined = from_pcm(await room.say([LINE, LINE, LINE]))
    async with studio(folder, ends=never, guard=GuardLimits(frames_least=20, frames_per_id=1)) as room:
        cut = from_pcm(await room.say([LINE, LINE]))

    for samples in (joined, cut):
        silent = np.convolve(samples == 0, np.ones(100), "valid") == 100
        starts = np.flatnonzero(np.diff(silent.astype(int)) == 1)
        assert len(starts) >= 2
        assert np.abs(samples[starts]).max() < 0.02
        assert np.abs(samples).max() > 0.1


# -- who is said it to


async def test_a_listener_who_leaves_costs_at_most_two_more_frames(folder: Path) -> None:
    async with studio(folder, ends=never, slots=1) as room:
        async with room.engine.speak(room.request(LINE)) as audio:
            await anext(aiter(audio))
        made = room.engine.counters.frames

        await until(lambda: not room.engine.busy_slots)
        assert room.engine.counters.frames - made <= 2


async def test_a_listener_who_reads_nothing_costs_a_mailbox_and_no_more(folder: Path) -> None:
    async with studio(folder, ends=never, audio_queue_frames=5) as room, room.engine.speak(room.request(LINE)):
        await until(lambda: room.engine.counters.frames >= 5)
        await asyncio.sleep(0.05)

        assert room.engine.counters.frames <= 5 + 4  # the last packet may overlap
        assert room.engine.busy_slots == 1


async def test_an_announcement_starts_while_a_long_reply_speaks(folder: Path) -> None:
    async with studio(folder, slots=2) as room, room.engine.speak(room.request(LONG)) as long:
        await anext(aiter(long))
        order = len(room.runner.order)
        async with room.engine.speak(room.request("Hello world", "vivian-en")) as short:
            await anext(aiter(short))

        since = [what for what in room.runner.order[order:] if what != "sound"]
        assert since.index("prefill") <= 2  # not behind more than the frame in work


async def test_64_listeners_on_4_slots_all_end_or_are_refused_at_once(folder: Path) -> None:
    async with studio(folder, slots=4, queue=20, ends=after(6)) as room:
        outcomes = await asyncio.gather(*(room.say(LINE, seed=n) for n in range(64)), return_exceptions=True)

        spoken = [pcm for pcm in outcomes if isinstance(pcm, bytes)]
        assert len(spoken) == 24
        assert all(len(pcm) > 5 * FORMAT.frame_bytes for pcm in spoken)
        assert [type(error) for error in outcomes if not isinstance(error, bytes)] == [Busy] * 40
        assert room.engine.busy_slots == 0


async def test_a_reply_says_whether_it_came_when_every_slot_was_taken(folder: Path) -> None:
    async with studio(folder, slots=1, ends=after(6)) as room:
        first, second = room.request(LINE), room.request(LINE, seed=1)
        async with room.engine.speak(first) as speaking, room.engine.speak(second) as waiting:
            heard = [await anext(speaking)] + [pcm async for pcm in speaking] + [pcm async for pcm in waiting]
        async with room.engine.speak(room.request(LINE)) as by_itself:
            await anext(by_itself)

        assert all(heard)
        assert [audio.has_queued for audio in (speaking, waiting, by_itself)] == [False, True, False]


async def test_frames_of_one_listener_and_quiet_moments_are_told_to_who_chooses_threads(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tuner:
        frames, pieces = 0, 0

        def made_frame(self, seconds: float) -> None:
            assert seconds > 0
            self.frames += 1

        def step(self) -> bool:
            self.pieces += 1
            return self.pieces < 5

    tuner = Tuner()
    monkeypatch.setattr(loading, "thread_tuner", lambda *_: tuner)
    async with studio(folder, ends=after(8)) as room:
        await room.say(LINE)
        await until(lambda: tuner.pieces >= 5)

        assert 7 <= tuner.frames <= 9  # the turn that reads the prompt is no frame's


@pytest.mark.parametrize(("sound_s", "warned"), [(0.9, False), (1.1, True)])
async def test_a_model_that_is_slow_on_this_machine_is_said_so_once(
    folder: Path, sound_s: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """By a clock that only the codec moves; the first frame, which takes longer everywhere, is not counted."""
    clock = [0.0]

    def slow(runner: StudioRunner, what: str, _: Any) -> None:
        if what == "sound":
            clock[0] += sound_s if "sound" in runner.order else 30.0

    async with studio(folder, sabotage=slow, now=lambda: clock[0]):
        pass

    lines = [record.message for record in caplog.records if "first sound" in record.message]
    assert len(lines) == warned
    assert all(word in line for line in lines for word in ("1.1 s", "engine.patience_s", "smaller model", "int8"))


# -- what goes wrong


async def test_a_runaway_is_cut_off_and_said_so(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with studio(folder, ends=never, guard=GuardLimits(frames_least=30, frames_per_id=1)) as room:
        request = room.request(LINE)
        async with room.engine.speak(request) as audio:
            pcm = b"".join([packet async for packet in audio])

        assert FORMAT.seconds(len(pcm)) == pytest.approx(30 * 0.08 + 0.15, abs=0.1)
        assert room.engine.counters.stopped == 1
        assert "cut off" in request.notes[0]
        assert "cut off" in caplog.text


async def test_a_runaway_nobody_has_heard_is_tried_again_with_another_seed(folder: Path) -> None:
    """All of the first attempt is below what counts as sound."""

    def first_is_silent(runner: StudioRunner, what: str, chunks: Any) -> None:
        if what == "sound":
            silent = any(utterance.attempts == 1 and utterance.text == LINE for utterance, _ in chunks)
            runner.codec.step = (lambda codes, *_: torch.zeros(len(codes), codes.shape[1] * 1920)) if silent else step  # type: ignore[method-assign]

    async with studio(folder) as room:
        step = room.runner.codec.step
        room.runner.sabotage = first_is_silent
        pcm = await room.say(LINE, seed=3)
        utterance = next(u for u in room.runner.codes if u.text == LINE)

        assert len(pcm) > 10 * FORMAT.frame_bytes
        assert (utterance.attempts, room.engine.counters.retried) == (2, 1)
        assert utterance.seed != 3


async def test_a_model_that_says_nothing_at_all_is_an_error_after_two_attempts(folder: Path) -> None:
    async with studio(folder) as room:
        room.runner.codec.step = lambda codes, *_: torch.zeros(len(codes), codes.shape[1] * 1920)  # type: ignore[method-assign]

        with pytest.raises(EngineError, match="twice"):
            await room.say(LINE)
        assert room.engine.counters.retried == 1


def _not_numbers_in_the_talker(runner: StudioRunner, what: str, utterances: Any) -> None:
    for u in utterances if what == "frame" else ():
        if u.frames == 8 and u.text == LINE:
            runner._state.cache.keys[:, u.slot].fill_(float("nan"))


def _not_numbers_in_the_codec(runner: StudioRunner, what: str, chunks: Any) -> None:
    for u, _ in chunks if what == "sound" else ():
        if u.frames >= 8 and u.text == LINE:
            for tensor in filter(torch.is_floating_point, runner._sounds):
                tensor[u.slot].fill_(float("inf"))


@pytest.mark.parametrize("spoil", [_not_numbers_in_the_talker, _not_numbers_in_the_codec])
async def test_numbers_that_go_wrong_end_one_reply_cleanly_and_spoil_nothing(folder: Path, spoil: Any) -> None:
    async with studio(folder, slots=2) as room:
        expected = await room.say("Hello world", "vivian-en")
        room.runner.sabotage = torch.inference_mode()(spoil)
        heard: list[bytes] = []
        neighbour = asyncio.create_task(room.say("Hello world", "vivian-en"))

        async def listen() -> None:
            async with room.engine.speak(room.request(LINE)) as audio:
                async for pcm in audio:
                    heard.append(pcm)  # noqa: PERF401  the iterator raises

        with pytest.raises(EngineError, match="numbers"):
            await listen()

        samples = from_pcm(b"".join(heard))
        assert len(samples) > 3 * 1920
        assert np.abs(np.diff(samples[-480:])).max() < 0.1
        assert samples[-1] == 0
        assert np.abs(np.diff(from_pcm(await neighbour) - from_pcm(expected))).max() < 0.001
        assert room.engine.counters.broken == 1
        room.runner.sabotage = lambda *_: None
        assert await room.say(LINE)
        assert room.engine.status.phase is Phase.READY


async def test_codes_that_are_none_end_the_reply(folder: Path) -> None:
    async with studio(folder) as room:
        room.runner._codebook = 3

        with pytest.raises(EngineError, match="numbers"):
            await room.say(LINE)


async def test_out_of_memory_in_a_prompt_is_the_newcomers_trouble(folder: Path) -> None:
    def full(runner: StudioRunner, what: str, utterance: Any) -> None:
        if what == "prefill" and utterance.voice.speaker == "vivian":
            raise OutOfMemory("full")

    async with studio(folder, sabotage=full) as room:
        speaking = asyncio.create_task(room.say(LINE))
        with pytest.raises(OutOfMemory):
            await room.say(LINE, "vivian-en")

        assert await speaking
        assert room.engine.counters.out_of_memory == 1


async def test_out_of_memory_in_a_frame_drops_the_newest_and_nobody_else(folder: Path) -> None:
    def full(runner: StudioRunner, what: str, utterances: Any) -> None:
        if what == "frame" and len(utterances) > 1:
            raise OutOfMemory("full")

    async with studio(folder) as room:
        expected = await room.say(LINE)
        room.runner.sabotage = full
        async with room.engine.speak(room.request(LINE)) as audio:
            stream_ = aiter(audio)
            heard = [await anext(stream_)]
            with pytest.raises(OutOfMemory):
                await room.say(LINE, "vivian-en")
            heard += [pcm async for pcm in stream_]

        assert np.abs(from_pcm(b"".join(heard)) - from_pcm(expected)).max() < 0.001


async def test_out_of_memory_in_the_codec_ends_whom_it_hit_and_the_next_is_spoken(folder: Path) -> None:
    def full(runner: StudioRunner, what: str, chunks: Any) -> None:
        if what == "sound" and any(utterance.voice.speaker == "vivian" for utterance, _ in chunks):
            raise OutOfMemory("full")

    async with studio(folder, sabotage=full) as room:
        with pytest.raises(OutOfMemory):
            await room.say(LINE, "vivian-en")

        assert await room.say(LINE)
        assert room.engine.busy_slots == 0


async def test_a_sentence_that_leaves_no_room_for_speech_is_refused(folder: Path) -> None:
    async with studio(folder) as room:
        with pytest.raises(EngineError, match="too long"):
            await room.say("unpronounceable " * 40)

        assert await room.say(LINE)


async def test_a_text_source_that_breaks_ends_its_reply_only(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def breaks() -> AsyncIterator[Segment]:
        yield Segment(LINE, "en")
        raise KeyError("a bug")

    async with studio(folder) as room:
        request = SpeechRequest(breaks(), room.voice())
        with pytest.raises(EngineError, match="could not be read"):
            async with room.engine.speak(request) as audio:
                assert [pcm async for pcm in audio]

        assert "a bug" in caplog.text
        assert await room.say(LINE)


async def test_replies_in_slots_that_are_not_neighbours_say_what_they_say_alone(folder: Path) -> None:
    """The one between has left; its row rides along and moves nothing."""
    async with studio(folder, slots=3, audio_queue_frames=200) as room:
        alone = [(await codes_of(room, text))[text] for text in (LINE, LONG)]
        room.runner.codes.clear()
        async with room.engine.speak(room.request("Somebody else " * 5, "vivian-en")) as audio:
            first = asyncio.create_task(room.say(LINE))
            await anext(aiter(audio))
            long = asyncio.create_task(room.say(LONG))
            await until(lambda: room.engine.busy_slots == 3)

        await asyncio.gather(first, long)
        assert [room.runner.spoken()[text] for text in (LINE, LONG)] == alone


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError('NVML_SUCCESS == r INTERNAL ASSERT FAILED at "CUDACachingAllocator.cpp":1131'),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate"),
        MemoryError(),
    ],
    ids=lambda error: f"{type(error).__name__} {str(error)[:20]}",
)
async def test_memory_that_runs_out_ends_one_reply_of_three_whoever_says_it(folder: Path, error: Exception) -> None:
    async with studio(folder, audio_queue_frames=200) as room:
        codes, model, failures = room.runner.model.codes, room.runner.model, [error]

        def full(*args: Any) -> Any:
            if len(room.runner.codes) == 3 and failures:
                raise failures.pop()
            return codes(*args)

        room.runner.codes.clear()
        model.codes = full  # type: ignore[method-assign, assignment]
        try:
            said = await asyncio.gather(
                *(room.say(LINE, name) for name in ("ryan-en", "vivian-en", "ryan-de")), return_exceptions=True
            )
        finally:
            model.codes = codes  # type: ignore[method-assign]

        assert not failures
        assert sorted(type(each).__name__ for each in said) == ["OutOfMemory", "bytes", "bytes"]
        assert room.engine.status.phase is Phase.READY
        assert len(room.runners) == 1  # nothing was built anew


async def test_a_prompt_that_found_no_memory_is_read_again_without_what_was_kept(folder: Path) -> None:
    async with studio(folder) as room:
        expected = await codes_of(room, LINE)
        runner, failures = room.runner, [RuntimeError("CUDA error: out of memory")]
        read, cleared, forget = runner._reader.read, [0], runner.forget_voices

        def full(*args: Any) -> torch.Tensor | None:
            if failures:
                raise failures.pop()
            return read(*args)

        def counted() -> None:
            cleared[0] += 1
            forget()

        runner._reader.read = full  # type: ignore[method-assign, assignment]
        runner.forget_voices = counted  # type: ignore[method-assign]
        found = await codes_of(room, LINE)

        assert found == expected
        assert cleared == [1]
        assert room.engine.counters.out_of_memory == 0


async def test_a_thread_that_fails_tells_everybody_and_starts_anew_three_times(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fatal: list[BaseException] = []

    def die(runner: StudioRunner, what: str, _: Any) -> None:
        if what == "frame" and runner.order:
            raise ZeroDivisionError("a bug")

    async with studio(folder, on_fatal=fatal.append) as room:
        for attempt in range(4):
            room.runner.sabotage = lambda r, what, u: die(r, what, u) if r.prefills > 2 else None
            with pytest.raises(EngineDown):
                await room.say(LINE)
            await until(lambda: room.engine.status.phase is not Phase.RESTARTING)
            assert room.engine.status == (
                EngineStatus(Phase.READY, runs_on="cpu, float32")
                if attempt < 3
                else EngineStatus(Phase.FAILED, "a bug")
            )
            if attempt < 3:
                room.runner.sabotage = lambda *_: None
                assert await room.say(LINE)
        await until(lambda: fatal)

        assert isinstance(fatal[0], ZeroDivisionError)
        with pytest.raises(EngineDown, match="a bug"):
            await room.say(LINE)


@pytest.mark.parametrize("recorded", [False, True], ids=["steps", "graphs"])
async def test_the_old_engine_is_gone_before_the_new_one_is_built(folder: Path, recorded: bool) -> None:
    """A card has room for one."""
    made: list[weakref.ref[Any]] = []
    alive: list[int] = []
    fail = [False]

    class Breaks(ModelRunner):
        def frame(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[Frame]:
            frames = super().frame(utterances, biases)
            if fail[0]:
                fail[0] = False
                raise ZeroDivisionError("a bug") from MemoryError()
            return frames

    def build(models: Models) -> list[ModelRunner]:
        alive.append(sum(ref() is not None for ref in made))
        graphs = SimulatedGraphs() if recorded else None
        runner = Breaks(models.checkpoints[0], models.codecs[0], slots=1, positions=64, graphs=graphs)
        made_now = [runner, runner._state.cache.keys, runner._sounds[0], *([graphs] if graphs else [])]
        made.extend(weakref.ref(each) for each in made_now)
        return [runner]

    def tensors() -> int:
        """Bytes of those that this test has made."""
        gc.collect()
        found = [each for each in gc.get_objects() if type(each) in (torch.Tensor, torch.nn.Parameter)]
        return sum({each.untyped_storage().data_ptr(): each.untyped_storage().nbytes() for each in found}.values())

    gc.collect()
    with quick_collections():
        engine = Runtime([folder], engine_config(slots=1, positions=64), device_plan(), build_runners=build)
        await engine.start()
        room = Studio(engine, [])
        await room.say("Hello.")
        before = tensors()
        for _ in range(2):
            fail[0] = True
            with pytest.raises(EngineDown, match="starting anew"):
                await room.say("Hello.")
            await until(lambda: engine.status.phase is Phase.READY)
            await room.say("Hello.")

        assert alive == [0, 0, 0]
        assert tensors() <= 1.05 * before
        await engine.close()


async def test_a_lost_device_is_fatal_at_once(folder: Path) -> None:
    fatal: list[BaseException] = []

    def lose(_: StudioRunner, what: str, utterance: Any) -> None:
        if what == "prefill" and utterance.text == LINE:
            raise DeviceLost("The GPU failed: CUDA error: an illegal memory access was encountered")

    async with studio(folder, on_fatal=fatal.append, sabotage=lose) as room:
        with pytest.raises(EngineDown):
            await room.say(LINE)
        await until(lambda: fatal)

        assert str(room.engine.status).startswith("failed: The GPU failed")


async def test_a_device_that_hangs_is_noticed(folder: Path) -> None:
    fatal: list[BaseException] = []
    released = threading.Event()

    def hang(_: StudioRunner, what: str, utterances: Any) -> None:
        if what == "frame" and utterances[0].text == LINE:
            released.wait(5)

    async with studio(folder, on_fatal=fatal.append, sabotage=hang, turn_s=0.2) as room:
        with pytest.raises(EngineDown, match="hangs"):
            await room.say(LINE)

        assert len(fatal) == 1
        assert "hangs" in room.engine.status.reason
        released.set()


@pytest.mark.parametrize("hangs_in", ["load_models", "build_runners"])
async def test_a_device_that_hangs_while_it_is_loaded_is_noticed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, hangs_in: str
) -> None:
    """No new process: it would fare no better. The built-in voice goes on."""
    fatal: list[BaseException] = []
    released, real = threading.Event(), getattr(loading, hangs_in)
    monkeypatch.setattr(loading, hangs_in, lambda *a, **k: (released.wait(5), real(*a, **k))[1])
    config = engine_config(slots=1, positions=64, load_s=0.2)
    engine = Runtime([folder], config, device_plan(), on_fatal=fatal.append)

    with pytest.raises(EngineDown, match="no step forward in loading") as failed:
        await engine.start()
    assert not isinstance(failed.value, NotNow)
    assert engine.status.phase is Phase.FAILED
    released.set()
    await engine.close()
    assert engine.status.phase is Phase.FAILED
    assert not fatal


async def test_a_folder_that_is_no_model_fails_the_start_with_one_line(folder: Path, tmp_path: Path) -> None:
    import shutil

    broken = shutil.copytree(folder, tmp_path / "model")
    (broken / "model.safetensors").write_bytes(b"nothing")
    engine = Runtime([broken], engine_config(), device_plan())

    with pytest.raises(EngineDown, match=r"model\.safetensors"):
        await engine.start()
    assert engine.status.phase is Phase.FAILED
    await engine.close()


async def test_a_text_that_stalls_ends_its_reply(folder: Path) -> None:
    async with studio(folder) as room:
        text = TextStream(limit_chars=100, idle_s=0.05)
        text.add("The light in the kitchen is on and ")

        with pytest.raises(TextStalled):
            await room.say(text, feed="live")
        await until(lambda: not room.engine.busy_slots)


async def test_closing_ends_whoever_is_spoken_to_and_the_thread(folder: Path) -> None:
    async with studio(folder, ends=never) as room:
        async with room.engine.speak(room.request(LINE)) as audio:
            stream_ = aiter(audio)
            await anext(stream_)
            await room.engine.close()
            with pytest.raises(EngineDown):
                async for _ in stream_:
                    pass

        assert "qwen3-engine" not in [thread.name for thread in threading.enumerate()]
        with pytest.raises(EngineDown):
            await room.say(LINE)


# -- what it costs


async def test_many_short_utterances_leave_memory_threads_and_files_flat(folder: Path) -> None:
    import psutil

    process = psutil.Process()
    async with studio(folder, ends=after(2)) as room:

        async def some(count: int) -> tuple[int, int, int]:
            for at in range(0, count, 4):
                await asyncio.gather(*(room.say(f"Line {n} of many.", seed=n) for n in range(at, at + 4)))
            room.runner.codes.clear()
            room.runner.order.clear()
            return process.memory_info().rss, process.num_threads(), process.num_fds()

        await some(80)
        rss, threads, files = await some(60)
        rss_after, threads_after, files_after = await some(200)

        assert rss_after - rss < 8 << 20
        assert (threads_after, files_after) == (threads, files)
        assert room.engine.busy_slots == 0


async def loop_lags_ms(room: Studio) -> list[float]:
    """By how much the event loop was late each time while four replies are spoken, in order of size."""
    lags = []
    speaking = [asyncio.create_task(room.say(LINE, seed=n)) for n in range(4)]
    while not all(task.done() for task in speaking):
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        lags.append((time.perf_counter() - began - 0.001) * 1000)
    await asyncio.gather(*speaking)
    return sorted(lags)


@pytest.mark.timing
async def test_the_event_loop_is_not_held_while_the_engine_works(folder: Path) -> None:
    """99 of 100 times it is late by less than 5 ms; the machine may be busy otherwise, so the best of five counts."""
    async with studio(folder, ends=after(60), audio_queue_frames=100) as room:
        best = 1e9
        for _ in range(5):
            lags = await loop_lags_ms(room)
            assert len(lags) > 50
            best = min(best, lags[int(len(lags) * 0.99)])

    assert best < 5


def test_the_engine_can_be_named_without_torch() -> None:
    """The image for remote engines has none, and `--help` must not load it."""
    script = "import sys; import wyoming_qwen3tts.engine.qwen3.runtime; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_voices_are_every_speaker_in_every_language(folder: Path) -> None:
    voices = {voice.name: voice for voice in Runtime([folder], engine_config(), device_plan()).voices()}

    assert len(voices) == 90
    assert voices["uncle_fu-zh"].label == "Uncle Fu (Chinese)"  # type: ignore[index]
    assert voices["ryan-en"].languages == ("en",)  # type: ignore[index]


def test_by_text_is_a_model_that_knows_its_text() -> None:
    """The studio's own script: it may not depend on when the text came."""
    reply: Any = None
    voice: Any = None
    utterance = Utterance(reply, voice, "en", "live", 0)
    utterance.ids, utterance.frames = [1, 2], 9

    assert not by_text(utterance)
    utterance.is_text_over = True
    assert by_text(utterance)
