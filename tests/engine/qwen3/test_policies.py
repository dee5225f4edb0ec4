"""Chunks leave no hole, guards cut what runs away and nothing else, mailboxes hold what they promise."""

from __future__ import annotations

import asyncio
from itertools import pairwise

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


def test_slow_speech_is_not_cut_and_an_endless_one_is() -> None:
    guard, ids = (
        RunawayGuard(GuardLimits()),
        20,
    )  # a sentence of 15 words; at a slow 1.5 words a second it takes 125 frames

    verdicts = [guard.made(frame % 97, ids) for frame in range(240)]

    assert not any(verdicts[:239])
    assert "no end" in (verdicts[239] or "")


@pytest.mark.parametrize(("ids", "frames"), [(1, 192), (16, 192), (30, 360), (200, 750), (None, 750)])
def test_the_budget_follows_the_text_up_to_a_minute(ids: int | None, frames: int) -> None:
    guard = RunawayGuard(GuardLimits())

    stops = [frame for frame in range(1, 751) if guard.made(frame % 97, ids)]

    assert stops[0] == frames


@pytest.mark.parametrize("pattern", [[7], [1, 2, 3], list(range(12))])
def test_the_same_sounds_over_and_over_are_stopped(pattern: list[int]) -> None:
    guard = RunawayGuard(GuardLimits())

    verdicts = [guard.made(code, 1000) for code in range(100, 120)]
    verdicts += [guard.made(pattern[at % len(pattern)], 1000) for at in range(60)]

    assert not any(verdicts[:60])
    assert "over and over" in (verdicts[-1] or "")


def test_a_pause_of_two_seconds_is_no_runaway_and_three_are() -> None:
    guard = RunawayGuard(GuardLimits())

    guard.heard(LOUD, text_is_over=True)
    two_seconds = guard.heard(np.repeat(QUIET, 25, 0), text_is_over=True)
    guard.heard(LOUD, text_is_over=True)
    kept, why = guard.heard(np.repeat(QUIET, 38, 0), text_is_over=True)

    assert two_seconds == (25, None)
    assert kept == 32
    assert "silence" in (why or "")


def test_silence_before_the_text_is_over_counts_for_nothing() -> None:
    guard = RunawayGuard(GuardLimits())

    assert guard.heard(np.repeat(QUIET, 90, 0), text_is_over=False) == (90, None)


def test_the_push_towards_the_end_is_off_unless_asked_for() -> None:
    usual, pushed = RunawayGuard(GuardLimits()), RunawayGuard(GuardLimits(eos_bias_from=0.5))
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
