"""The sampler's rules, by hand-made scores, and its random numbers."""

from __future__ import annotations

import math

import pytest
import torch

from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint
from wyoming_qwen3tts.model.sampling import (
    FrameSampling,
    SamplingParams,
    choose,
    filter_scores,
    gumbel_noise,
    init_sampler,
    process_logits,
    suppressed_ids,
)

CONFIG = published_config("0.6B")
EOS = CONFIG.talker.ids.eos
CPU = torch.device("cpu")


def rules(
    scores: torch.Tensor, *, said: list[int] | None = None, frames: int = 2, penalty: float = 1.05
) -> torch.Tensor:
    state = init_sampler(1, CONFIG.talker, CPU)
    for code in said or []:
        state.advance(torch.tensor([code]), torch.tensor([True]))
    state.frames.fill_(frames)
    return process_logits(scores[None], state, suppressed_ids(CONFIG.talker, CPU), EOS, penalty)[0]


def scores_of(values: dict[int, float], rest: float = -9.0) -> torch.Tensor:
    scores = torch.full((CONFIG.talker.stack.vocab_size,), rest)
    for id_, value in values.items():
        scores[id_] = value
    return scores


def test_the_penalty_divides_positive_and_multiplies_negative_scores_once_per_id() -> None:
    ruled = rules(scores_of({3: 2.1, 4: -2.0, 5: 2.1}), said=[3, 3, 3, 4], penalty=1.05)

    assert ruled[[3, 4, 5]].tolist() == pytest.approx([2.0, -2.1, 2.1])


def test_a_waiting_row_neither_learns_nor_forgets_what_it_said() -> None:
    state = init_sampler(2, CONFIG.talker, CPU)
    state.advance(torch.tensor([3, 3]), torch.tensor([True, True]))

    for code in (3, 4):
        state.advance(torch.tensor([code, code]), torch.tensor([False, True]))

    assert [torch.nonzero(row).flatten().tolist() for row in state.seen] == [[3], [3, 4]]
    assert state.frames.tolist() == [1, 3]


def test_a_greedy_choice_obeys_the_penalty() -> None:
    scores = scores_of({3: 2.1, 5: 2.05})

    assert choose(rules(scores)[None], SamplingParams(greedy=True), None).tolist() == [3]
    assert choose(rules(scores, said=[3])[None], SamplingParams(greedy=True), None).tolist() == [5]


def test_the_end_is_impossible_before_two_codes_and_possible_after() -> None:
    scores = scores_of({EOS: 9.0, 7: 1.0})

    assert [int(rules(scores, frames=frames).argmax()) for frames in (0, 1, 2)] == [7, 7, EOS]


def test_no_control_id_but_the_end_is_ever_possible() -> None:
    ruled = rules(torch.ones(CONFIG.talker.stack.vocab_size))

    possible = torch.nonzero(ruled.isfinite()).flatten().tolist()

    assert possible == [*range(2048), 2150]


def test_top_k_keeps_the_best_and_everything_that_ties_with_the_last() -> None:
    kept = filter_scores(torch.tensor([[1.0, 5.0, 3.0, 3.0, 2.0]]), SamplingParams(temperature=1.0, top_k=2))

    assert kept.isfinite().tolist() == [[False, True, True, True, False]]


def test_top_p_keeps_the_smallest_set_that_reaches_the_mass() -> None:
    scores = torch.tensor([[0.1, 0.5, 0.15, 0.25]]).log()

    def kept(top_p: float) -> list[bool]:
        return filter_scores(scores, SamplingParams(temperature=1.0, top_k=0, top_p=top_p)).isfinite()[0].tolist()

    assert kept(0.4) == [False, True, False, False]
    assert kept(0.7) == [False, True, False, True]
    assert kept(1.0) == [True] * 4
    assert kept(1e-6) == [False, True, False, False]


def test_temperature_comes_before_top_p() -> None:
    scores = torch.tensor([[0.6, 0.4]]).log()

    flat = filter_scores(scores, SamplingParams(temperature=100.0, top_k=0, top_p=0.55))
    sharp = filter_scores(scores, SamplingParams(temperature=0.1, top_k=0, top_p=0.55))

    assert (flat.isfinite().sum().item(), sharp.isfinite().sum().item()) == (2, 1)


@pytest.mark.parametrize("draw", [{"temperature": 0.0}, {"temperature": float("nan")}, {"top_k": -1}, {"top_p": 0.0}])
def test_impossible_settings_are_refused(draw: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="temperature"):
        SamplingParams(**draw)  # type: ignore[arg-type]


def test_draws_follow_the_softmax() -> None:
    probabilities = torch.tensor([0.5, 0.3, 0.15, 0.05])
    draws = 20_000
    seeds = torch.full((draws,), 11)
    noise = gumbel_noise(seeds, torch.arange(draws), 0, 1, 4)[:, 0]

    chosen = choose(probabilities.log().expand(draws, 4), SamplingParams(temperature=1.0, top_k=0), noise)

    found = torch.bincount(chosen, minlength=4) / draws
    torch.testing.assert_close(found, probabilities, atol=0.015, rtol=0)


def test_a_greedy_setting_comes_from_the_caller_or_from_the_checkpoint() -> None:
    assert FrameSampling.from_defaults(CONFIG.sampling) == FrameSampling()
    assert FrameSampling.from_defaults(CONFIG.sampling, greedy=True).predictor.greedy


def test_random_numbers_belong_to_seed_frame_codebook_and_id_alone() -> None:
    seeds, frames = torch.tensor([1, 2, 1, 2**63 - 1]), torch.tensor([0, 5, 5, 5])

    batch = gumbel_noise(seeds, frames, 1, 15, 64)

    for row in range(4):
        alone = gumbel_noise(seeds[row : row + 1], frames[row : row + 1], 1, 15, 64)
        assert torch.equal(batch[row], alone[0])
    assert torch.equal(gumbel_noise(seeds, frames, 4, 1, 32), batch[:, 3:4, :32])
    assert batch.flatten().unique().numel() > 0.99 * batch.numel()
    assert batch.isfinite().all()


def splitmix(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % 2**64
    return x ^ (x >> 31)


@pytest.mark.parametrize("seed", [0, 42, 2**63 - 1])
def test_random_numbers_are_those_of_splitmix_on_every_machine_and_version(seed: int) -> None:
    stride, frame, book = 0x9E3779B97F4A7C15, 7, 3
    key = splitmix((splitmix(seed) + (frame * 256 + book) * stride) % 2**64)
    bits = [splitmix((key + id_ * stride) % 2**64) >> 41 & 0x7FFFFF for id_ in range(500)]

    noise = gumbel_noise(torch.tensor([seed]), torch.tensor([frame]), book, 1, 500)[0, 0]

    expected = [-math.log(-math.log((bit + 0.5) / 2**23)) for bit in bits]
    torch.testing.assert_close(noise, torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_a_bias_on_eos_forbids_it_or_pushes_it_and_is_gone_with_the_utterance(tiny: Checkpoint) -> None:
    config = tiny.config.talker
    state = init_sampler(3, config, torch.device("cpu"))
    state.frames.fill_(5)
    state.eos_bias.copy_(torch.tensor([0.0, float("-inf"), 2.5]))
    scores = torch.zeros(3, config.stack.vocab_size)

    ruled = process_logits(scores, state, suppressed_ids(config, torch.device("cpu")), config.ids.eos, 1.05)
    state.restart(2, 0)

    assert ruled[:, config.ids.eos].tolist() == [0.0, float("-inf"), 2.5]
    assert torch.equal(ruled[0, :10], ruled[1, :10])
    assert state.eos_bias[2] == 0.0
