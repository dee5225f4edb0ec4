"""Slots, batches and cached prefixes change nothing about what an utterance says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint, build_on_meta, load_checkpoint
from wyoming_qwen3tts.model.generate import generate_codes, official_frames, prefix_cache
from wyoming_qwen3tts.model.language_model import FrameState
from wyoming_qwen3tts.model.prompt import Prompt, PromptVoice
from wyoming_qwen3tts.model.sampling import FrameSampling, SamplingParams

TEXTS = [
    "The light in the kitchen is on.",
    "Hello world",
    "It will rain tonight, and the front door is locked.",
    "Your timer",
]
SPEAKERS = ["ryan", "dylan", "vivian", "ono_anna"]
SEEDS = [1, 2, 3, 2**40]
GREEDY = FrameSampling(SamplingParams(greedy=True), SamplingParams(greedy=True))
FRAMES = 12


def prompts(tiny: Checkpoint) -> list[Prompt]:
    pairs = zip(TEXTS, SPEAKERS, strict=True)
    return [tiny.prompts.sentence(text, PromptVoice(speaker), "english") for text, speaker in pairs]


def alone(tiny: Checkpoint, prompt: Prompt, sampling: FrameSampling, seed: int, frames: int = FRAMES) -> Tensor:
    return torch.stack(list(generate_codes(tiny.model, prompt, sampling, seed, frames)))


@torch.inference_mode()
def admit(tiny: Checkpoint, state: FrameState, slot: int, prompt: Prompt, seed: int) -> Tensor:
    """Read a prompt into a slot; the first input ``[H]`` of its frames comes back."""
    whole = torch.cat((prompt.prefix, prompt.own))
    tiny.model.talker.prefill(whole[None, :-1], state.cache.rows(slot))
    state.restart(slot, prompt.length - 1, seed)
    return whole[-1]


@torch.inference_mode()
def run(tiny: Checkpoint, state: FrameState, x: Tensor, sampling: FrameSampling, frames: int = FRAMES) -> Tensor:
    """``[B, H] -> [B, frames, 16]``"""
    made = []
    for _ in range(frames):
        codes, embedding = tiny.model.frame(x[:, None], state, sampling)
        made.append(codes)
        x = embedding + tiny.prompts.pad
    return torch.stack(made, dim=1)


@pytest.mark.parametrize("sampling", [GREEDY, FrameSampling()], ids=["greedy", "sampled"])
def test_a_batch_of_four_says_what_each_row_says_alone(tiny: Checkpoint, sampling: FrameSampling) -> None:
    state = tiny.model.init_state(4, 64)
    x = torch.stack([admit(tiny, state, i, p, SEEDS[i]) for i, p in enumerate(prompts(tiny))])

    together = run(tiny, state, x, sampling)

    for row, prompt in enumerate(prompts(tiny)):
        expected = alone(tiny, prompt, sampling, SEEDS[row])
        assert torch.equal(together[row, : len(expected)], expected), row


def test_a_seed_gives_the_same_codes_in_any_batch(tiny: Checkpoint) -> None:
    prompt = prompts(tiny)[0]
    expected = alone(tiny, prompt, FrameSampling(), 77)

    for slots, slot in ((1, 0), (2, 1), (5, 3)):
        state = tiny.model.init_state(slots, 64)
        x = torch.stack([admit(tiny, state, i, prompts(tiny)[i % 4], 77 if i == slot else i) for i in range(slots)])
        x[slot] = admit(tiny, state, slot, prompt, 77)
        assert torch.equal(run(tiny, state, x, FrameSampling())[slot, : len(expected)], expected)


def test_another_seed_gives_other_codes(tiny: Checkpoint) -> None:
    prompt = prompts(tiny)[0]

    assert not torch.equal(alone(tiny, prompt, FrameSampling(), 1), alone(tiny, prompt, FrameSampling(), 2))


@pytest.mark.parametrize("sampling", [GREEDY, FrameSampling()], ids=["greedy", "sampled"])
def test_a_used_slot_is_as_good_as_a_fresh_one(tiny: Checkpoint, sampling: FrameSampling) -> None:
    first, second = prompts(tiny)[2], prompts(tiny)[1]
    state = tiny.model.init_state(1, 64)
    run(tiny, state, admit(tiny, state, 0, first, 5)[None], sampling, frames=20)

    again = run(tiny, state, admit(tiny, state, 0, second, 6)[None], sampling)

    expected = alone(tiny, second, sampling, 6)
    assert torch.equal(again[0, : len(expected)], expected)


def test_a_slot_that_went_wrong_is_as_good_as_a_fresh_one_once_blanked(tiny: Checkpoint) -> None:
    prompt = prompts(tiny)[1]
    state = tiny.model.init_state(2, 64)
    for tensor in (*state.cache, *state.predictor_cache):
        tensor.fill_(float("nan"))

    state.cache.rows(1).blank()
    state.predictor_cache.rows(1).blank()
    first = admit(tiny, state, 1, prompt, 6)
    codes = run(tiny, state, torch.stack((first, first)), FrameSampling())

    expected = alone(tiny, prompt, FrameSampling(), 6)
    assert torch.equal(codes[1, : len(expected)], expected)
    assert state.cache.keys[:, 0].isnan().any()  # the other row was left as it was


def test_a_slot_that_waits_while_others_speak_goes_on_where_it_was(tiny: Checkpoint) -> None:
    state = tiny.model.init_state(2, 64)
    first, second = (admit(tiny, state, i, prompts(tiny)[i], SEEDS[i]) for i in range(2))
    state.active[1] = False

    run(tiny, state, torch.stack((first, torch.full_like(second, 3.0))), FrameSampling(), frames=7)
    state.active[1] = True
    resumed = run(tiny, state, torch.stack((first, second)), FrameSampling())

    expected = alone(tiny, prompts(tiny)[1], FrameSampling(), SEEDS[1])
    assert torch.equal(resumed[1, : len(expected)], expected)


def test_a_cached_prefix_changes_no_state_and_no_code(tiny: Checkpoint) -> None:
    prompt = prompts(tiny)[2]
    cached = prefix_cache(tiny.model, prompt.prefix)
    whole = tiny.model.talker.init_cache(1, prompt.length)
    continued = tiny.model.talker.init_cache(1, prompt.length)

    with torch.inference_mode():
        expected = tiny.model.talker.prefill(torch.cat((prompt.prefix, prompt.own))[None], whole)
        continued.copy_prefix(cached)
        found = tiny.model.talker.prefill(prompt.own[None], continued, prompt.prefix.shape[0])

    torch.testing.assert_close(found, expected[:, -prompt.own.shape[0] :], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(continued.keys, whole.keys, atol=1e-5, rtol=1e-5)
    uncached = alone(tiny, prompt, FrameSampling(), 9)
    assert torch.equal(
        torch.stack(list(generate_codes(tiny.model, prompt, FrameSampling(), 9, FRAMES, cached))), uncached
    )


def test_the_bound_on_positions_changes_nothing(tiny: Checkpoint) -> None:
    results = []
    for context_len in (None, 40):
        state = tiny.model.init_state(1, 64)
        x = admit(tiny, state, 0, prompts(tiny)[0], 0)
        with torch.inference_mode():
            results.append(tiny.model.talker.step(x[None, None], state.cache, state.positions, context_len))

    torch.testing.assert_close(*results, atol=1e-6, rtol=1e-6)


@torch.inference_mode()
def test_no_frame_asks_the_device_for_a_value(tiny: Checkpoint) -> None:
    """On the meta device there are no values: whatever asks for one raises."""
    model = build_on_meta(tiny.config).to("meta")
    state = model.init_state(2, 32)
    x = torch.empty(2, 1, tiny.config.talker.stack.hidden_size, device="meta")

    codes, embedding = model.frame(x, state, FrameSampling())

    assert codes.shape == (2, 16)
    assert embedding.shape == (2, tiny.config.talker.stack.hidden_size)


def test_frames_stop_at_the_limit_and_the_official_limit_is_one_token_more(tiny: Checkpoint) -> None:
    prompt = prompts(tiny)[0]

    assert len(alone(tiny, prompt, GREEDY, 0, frames=5)) == 5
    assert official_frames(6) == 5


def test_late_text_gives_the_same_codes_as_text_at_hand(tiny: Checkpoint) -> None:
    ids = tiny.prompts.tokenizer.speech(TEXTS[2])
    asked: list[int] = []

    def late() -> Iterator[int]:
        for id_ in ids:
            asked.append(id_)
            yield id_

    at_hand = alone(tiny, tiny.prompts.live(ids, PromptVoice("ryan")), GREEDY, 0)
    frames = generate_codes(tiny.model, tiny.prompts.live(late(), PromptVoice("ryan")), GREEDY, 0, FRAMES)
    for made, codes in enumerate(islice(frames, 8)):
        assert torch.equal(codes, at_hand[made])
        assert len(asked) == made + 1  # a frame is out before the next text is asked for


def test_bfloat16_runs_and_stays_near_float32(tiny: Checkpoint, tiny_folders: dict[str, Path]) -> None:
    small = load_checkpoint(tiny_folders["custom_voice"], dtype=torch.bfloat16)
    prompt = small.prompts.sentence(TEXTS[0], PromptVoice("ryan"))
    wide = tiny.prompts.sentence(TEXTS[0], PromptVoice("ryan"))

    with torch.inference_mode():
        narrow_hidden = small.model.talker.prefill(prompt.prefix[None], small.model.talker.init_cache(1, 32))
        wide_hidden = tiny.model.talker.prefill(wide.prefix[None], tiny.model.talker.init_cache(1, 32))

    assert narrow_hidden.dtype == torch.bfloat16
    torch.testing.assert_close(narrow_hidden.float(), wide_hidden, atol=0.2, rtol=0.1)
    assert len(list(generate_codes(small.model, prompt, FrameSampling(), 0, 4))) == 4
