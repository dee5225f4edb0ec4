"""Chunks leave no hole, guards cut what runs away and nothing else, mailboxes hold what they promise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from wyoming_qwen3tts.engine.qwen3.audio_queue import AudioQueue
from wyoming_qwen3tts.engine.qwen3.chunking import ChunkPolicy
from wyoming_qwen3tts.engine.qwen3.guards import FRAME_S, GuardLimits, RunawayGuard
from wyoming_qwen3tts.errors import EngineError
from wyoming_qwen3tts.speech.audio_format import FORMAT


def packets(policy: ChunkPolicy, frame_cost_s: float, total: int) -> tuple[list[int], float]:
    """Sizes of the packets of ``total`` frames, and the least lead that the listener had when one arrived."""
    now = sent_s = first_at = 0.0
    size, least = policy.frames(0, 0.0, 0.0), float("inf")
    sizes: list[int] = []
    while sum(sizes) < total:
        now += size * frame_cost_s
        if sizes:
            least = min(least, sent_s - (now - first_at))
        else:
            first_at = now
        sizes.append(size)
        sent_s += size * FRAME_S
        size = policy.frames(size, sent_s - (now - first_at), frame_cost_s)
    return sizes, least


@pytest.mark.parametrize("most", [4, 12])
@pytest.mark.parametrize("cost_ms", [2, 10, 25, 40, 60, 75])
def test_the_first_packet_is_one_frame_and_no_hole_follows(most: int, cost_ms: int) -> None:
    sizes, least_lead_s = packets(ChunkPolicy(most), cost_ms / 1000, total=120)

    assert sizes[0] == 1
    assert least_lead_s >= 0
    assert max(sizes) <= most


@pytest.mark.parametrize(("most", "cost_ms"), [(4, 10), (12, 10), (12, 30)])
def test_packets_grow_to_the_most_where_the_machine_is_fast(most: int, cost_ms: int) -> None:
    sizes, _ = packets(ChunkPolicy(most), cost_ms / 1000, total=200)

    assert sizes[-2] == most
    assert all(after <= 2 * before for before, after in pairwise(sizes))


def test_a_machine_slower_than_speech_sends_frame_by_frame() -> None:
    assert set(packets(ChunkPolicy(4), 0.1, total=40)[0]) == {1}


LOUD = np.full((1, 1920), 0.1, dtype=np.float32)
QUIET = np.full((1, 1920), 0.001, dtype=np.float32)


def is_stopped_at(guard: RunawayGuard, codes: Iterable[int], ids: int | None) -> int | None:
    """Behind which of ``codes``, counted from 1; None: behind none."""
    return next((at for at, code in enumerate(codes, start=1) if guard.made(code, ids)), None)


def speech(frames: int, seed: int = 1) -> Any:
    """Code 0 of frames that say something: one like the other only by chance."""
    return np.random.default_rng(seed).integers(0, 2048, frames).tolist()


@pytest.mark.parametrize("ids", [1, 10, 20, 40, 60])
def test_slow_speech_is_not_cut(ids: int) -> None:
    """25 frames a token: what slow styles and non-native speakers reach (vLLM-Omni 0.32)."""
    guard, codes = RunawayGuard(GuardLimits()), speech(25 * ids)
    sounds = 0.1 * np.random.default_rng(2).normal(size=(25 * ids, 1920)).astype(np.float32)
    sounds *= np.geomspace(1, 4, 7)[np.arange(len(sounds)) % 7, None].astype(np.float32)

    assert is_stopped_at(guard, codes, ids) is None
    assert guard.heard(sounds, text_is_over=True) == (len(sounds), None)


@pytest.mark.parametrize(
    ("is_cloned", "ids", "frames"),
    [
        (True, 1, 192), (True, 16, 192), (True, 20, 240), (True, 30, 360), (True, 1000, 2500), (True, None, 2500),
        (False, 1, 400), (False, 10, 400), (False, 20, 800), (False, 60, 2400), (False, 100, 2500), (False, None, 2500),
    ],
)  # fmt: skip
def test_the_budget_follows_the_text_and_the_kind_of_voice(is_cloned: bool, ids: int | None, frames: int) -> None:
    guard = RunawayGuard(GuardLimits(), is_cloned=is_cloned)

    assert is_stopped_at(guard, speech(2600), ids) == frames


def test_a_full_slot_is_named_as_the_reason() -> None:
    guard = RunawayGuard(GuardLimits(), room=990)

    verdicts = [guard.made(code, 60) for code in speech(990)]

    assert not any(verdicts[:-1])
    assert verdicts[-1] == "no end after 79 s, which is all that a slot has room for"


def one_in_ten(codes: list[int]) -> list[int]:
    """As often as that another code in its place."""
    return [code if at % 10 != 4 else 3000 + at for at, code in enumerate(codes)]


@pytest.mark.parametrize("change", [list, one_in_ten])
@pytest.mark.parametrize("length", [1, 3, 12, 25])
@pytest.mark.parametrize(("ids", "within"), [(1000, 50), (2, 25)])
def test_the_same_sounds_over_and_over_are_stopped(
    length: int, change: Callable[[list[int]], list[int]], ids: int, within: int
) -> None:
    """Within 4 s, or 2 s of an utterance that is long already; a pattern has to come twice for that."""
    guard, before = RunawayGuard(GuardLimits()), speech(60)
    pattern = speech(length, seed=5)

    stopped = is_stopped_at(guard, before + change([pattern[at % length] for at in range(200)]), ids)

    least = max(within, 2 * length)
    assert stopped is not None
    assert least - 5 <= stopped - len(before) <= least + 2


@pytest.mark.parametrize("ids", [1000, 2])
def test_a_phrase_that_comes_twice_among_others_is_speech(ids: int) -> None:
    """So is one that is said again and again with every fourth code another one each time."""
    phrase, others = speech(16, seed=3), speech(128, seed=6)
    varied = [phrase[at % 16] if at % 4 else other for at, other in enumerate(others)]

    assert is_stopped_at(RunawayGuard(GuardLimits()), speech(30) + phrase + speech(20, 4) + phrase, ids) is None
    assert is_stopped_at(RunawayGuard(GuardLimits()), speech(30) + varied, 1000) is None


def sine(level_db: float, frames: int) -> np.ndarray:
    """A tone of so many dB (RMS) below full scale."""
    wave = np.sin(2 * np.pi * 200 * np.arange(1920) / 24_000) * np.sqrt(2) * 10 ** (level_db / 20)
    return np.tile(wave.astype(np.float32), (frames, 1))


def noise(level_db: float, frames: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(frames, 1920)) * 10 ** (level_db / 20)).astype(np.float32)


@pytest.mark.parametrize("quiet", [QUIET, noise(-46, 1), sine(-45.5, 1), np.zeros_like(QUIET)])
@pytest.mark.parametrize(("ids", "frames"), [(1000, 32), (2, 15)])
@pytest.mark.parametrize("at_a_time", [1, 4, 50])
def test_near_silence_is_stopped_within_2_5_s_and_in_a_long_utterance_1_2_s(
    quiet: np.ndarray, ids: int, frames: int, at_a_time: int
) -> None:
    guard = RunawayGuard(GuardLimits())
    guard.made(1, ids)
    guard.heard(noise(-20, 40) * np.geomspace(1, 3, 40, dtype=np.float32)[:, None], text_is_over=True)
    kept, why = 0, None
    for start in range(0, 50, at_a_time):
        more, why = guard.heard(np.repeat(quiet, 50, 0)[start : start + at_a_time], text_is_over=True)
        kept += more
        if why:
            break

    assert kept == frames
    assert "silence" in (why or "")


def test_a_pause_of_two_seconds_is_no_runaway() -> None:
    guard = RunawayGuard(GuardLimits())
    guard.made(1, 100)

    for _ in range(3):
        assert guard.heard(np.repeat(QUIET, 25, 0), text_is_over=True) == (25, None)
        assert guard.heard(LOUD, text_is_over=True) == (1, None)


@pytest.mark.parametrize("sound", [sine(-20, 60), sine(-6, 60), noise(-35, 60)])
def test_a_level_that_stays_for_three_seconds_is_stopped_however_loud(sound: np.ndarray) -> None:
    guard = RunawayGuard(GuardLimits())
    guard.made(1, 1000)

    kept, why = guard.heard(sound, text_is_over=True)

    assert kept == 38
    assert "stays the same" in (why or "")


def test_a_level_that_moves_by_more_than_a_decibel_is_speech() -> None:
    guard = RunawayGuard(GuardLimits())
    guard.made(1, 1000)
    moving = np.concatenate([sine(-20 - 1.2 * (at % 30 == 0), 1) for at in range(90)])

    assert guard.heard(moving, text_is_over=True) == (90, None)


def test_before_the_text_is_over_no_sound_is_judged() -> None:
    guard = RunawayGuard(GuardLimits())

    assert guard.heard(np.repeat(QUIET, 90, 0), text_is_over=False) == (90, None)


def test_the_push_towards_the_end_is_off_unless_asked_for() -> None:
    usual, pushed = (RunawayGuard(limits, is_cloned=True) for limits in (GuardLimits(), GuardLimits(eos_bias_from=0.5)))
    for frame in range(100):
        usual.made(frame, 1)
        pushed.made(frame, 1)

    assert usual.eos_bias(1) == 0.0
    assert pushed.eos_bias(1) == pytest.approx(0.25 * (100 - 96))


async def test_a_mailbox_is_bounded_and_taking_makes_room() -> None:
    woken: list[int] = []
    async with AudioQueue(asyncio.get_running_loop(), 2, lambda: woken.append(1)) as audio_queue:
        frame = bytes(FORMAT.frame_bytes)
        wants = []
        for _ in range(3):
            wants.append(audio_queue.wants_audio)
            audio_queue.put(frame)
        audio_queue.end()
        async for _ in audio_queue:
            pass

        assert wants == [True, True, False]
        assert audio_queue.wants_audio
        assert woken
    assert not audio_queue.wants_audio


async def test_an_error_comes_behind_the_audio_that_was_made_before_it() -> None:
    async with AudioQueue(asyncio.get_running_loop(), 4, lambda: None) as audio_queue:
        audio_queue.put(b"ab")
        audio_queue.fail(EngineError("gone"))
        audio = aiter(audio_queue)
        heard = await anext(audio)
        with pytest.raises(EngineError, match="gone"):
            await anext(audio)

    assert heard == b"ab"


async def test_a_large_packet_comes_out_in_pieces_of_four_frames() -> None:
    async with AudioQueue(asyncio.get_running_loop(), 25, lambda: None) as audio_queue:
        audio_queue.put(bytes(11 * FORMAT.frame_bytes))
        audio_queue.end()

        sizes = [len(pcm) // FORMAT.frame_bytes async for pcm in audio_queue]

    assert sizes == [4, 4, 3]


def test_a_mailbox_whose_loop_is_gone_is_abandoned() -> None:
    loop = asyncio.new_event_loop()
    audio_queue = AudioQueue(loop, 2, lambda: None)
    loop.close()

    audio_queue.put(b"ab")

    assert audio_queue.abandoned
