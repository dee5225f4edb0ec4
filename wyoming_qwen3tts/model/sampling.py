"""Choosing codes on the device, without asking it anything, with random numbers that belong to a row alone.

The order of operations is that of transformers 4.57.3, which the official package samples with: repetition penalty,
minimum length, suppression, temperature, top-k, top-p, draw. Greedy decoding drops the last four only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .checkpoint.config import CONTROL_IDS, SamplingDefaults, TalkerConfig
from .checkpoint.files import LAYERS_MAX

MIN_TOKENS = 2  # the official code's min_new_tokens: the end token is impossible before
SEED_MAX = 2**63 - 1
NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How one code is drawn from its scores. ``greedy`` takes the best; the other values then mean nothing.

    ``top_k`` 0 and ``top_p`` 1 switch their filter off.
    """

    greedy: bool = False
    temperature: float = 0.9
    top_k: int = 50
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not self.greedy and not (
            0.0 < self.temperature < float("inf") and self.top_k >= 0 and 0.0 < self.top_p <= 1.0
        ):
            raise ValueError("temperature must be above 0, top_k at least 0, top_p above 0 and at most 1")


@dataclass(frozen=True, slots=True)
class FrameSampling:
    """How a frame's codes are drawn: code 0 by the talker, codes 1..15 by the code predictor."""

    talker: SamplingParams = SamplingParams()
    predictor: SamplingParams = SamplingParams()
    repetition_penalty: float = 1.05

    @classmethod
    def from_defaults(cls, defaults: SamplingDefaults, *, greedy: bool = False) -> FrameSampling:
        """What the checkpoint's ``generation_config.json`` asks for, or the same with arg-max everywhere."""
        return cls(
            SamplingParams(greedy or not defaults.do_sample, defaults.temperature, defaults.top_k, defaults.top_p),
            SamplingParams(
                greedy or not defaults.predictor_do_sample,
                defaults.predictor_temperature,
                defaults.predictor_top_k,
                defaults.predictor_top_p,
            ),
            defaults.repetition_penalty,
        )


class SamplerState(NamedTuple):
    """What drawing remembers of each row; moved in place.

    ``seen`` ``[B, vocab]`` bool: code-0 ids said so far in this utterance. ``frames`` ``[B]`` int64: how many.
    ``seeds`` ``[B]`` int64: the row's seed. ``eos_bias`` ``[B]`` float32 is added to the score of EOS: minus infinity
    while the row's text is not over, 0 otherwise.
    """

    seen: Tensor
    frames: Tensor
    seeds: Tensor
    eos_bias: Tensor

    def restart(self, row: int, seed: int) -> None:
        """Make ``row`` ready for a new utterance. ``seed`` is taken modulo 2**63."""
        self.seen[row].zero_()
        self.frames[row].zero_()
        self.eos_bias[row].zero_()
        self.seeds[row].fill_(seed & SEED_MAX)

    def advance(self, code0: Tensor, active: Tensor) -> None:
        """Remember that every row that is ``active`` (``[B]`` bool) has said ``code0`` (``[B]``)."""
        ids = code0[:, None]
        self.seen.scatter_(1, ids, self.seen.gather(1, ids) | active[:, None])
        self.frames.add_(active)


def init_sampler(slots: int, config: TalkerConfig, device: torch.device) -> SamplerState:
    """The state of ``slots`` rows that have said nothing yet, all with seed 0."""
    return SamplerState(
        torch.zeros(slots, config.stack.vocab_size, dtype=torch.bool, device=device),
        torch.zeros(slots, dtype=torch.int64, device=device),
        torch.zeros(slots, dtype=torch.int64, device=device),
        torch.zeros(slots, dtype=torch.float32, device=device),
    )


def suppressed_ids(config: TalkerConfig, device: torch.device) -> Tensor:
    """``[vocab]`` bool: the control ids, none of which but EOS may ever be said. Constant, so make it once."""
    ids = torch.arange(config.stack.vocab_size, device=device)
    return (ids >= config.stack.vocab_size - CONTROL_IDS) & (ids != config.ids.eos)


def process_logits(scores: Tensor, state: SamplerState, suppressed: Tensor, eos: int, penalty: float) -> Tensor:
    """Apply the rules that hold for greedy decoding too: penalty over the ids said, minimum length, suppression.

    ``[B, vocab]`` float32 to the same. The penalty acts once per distinct id, however often it was said.
    """
    punished = torch.where(scores < 0, scores * penalty, scores / penalty)
    scores = torch.where(state.seen, punished, scores)
    scores[:, eos] += state.eos_bias
    forbidden = suppressed.expand_as(scores).clone()
    forbidden[:, eos] = state.frames < MIN_TOKENS
    return scores.masked_fill(forbidden, NEVER)


def filter_scores(scores: Tensor, draw: SamplingParams) -> Tensor:
    """Temperature, top-k, top-p: ``[B, V]`` float32 to the same, with everything outside at minus infinity.

    Scores that tie with the k-th are kept, and top-p keeps at least the best, both as in transformers.
    """
    scores = scores / draw.temperature
    if 0 < draw.top_k < scores.shape[-1]:
        least = torch.topk(scores, draw.top_k).values[..., -1:]
        scores = scores.masked_fill(scores < least, NEVER)
    if draw.top_p < 1.0:
        ascending, order = scores.sort(descending=False)
        outside = ascending.softmax(dim=-1).cumsum(dim=-1) <= 1.0 - draw.top_p
        outside[..., -1] = False
        scores = scores.masked_fill(outside.scatter(-1, order, outside), NEVER)
    return scores


def choose(scores: Tensor, draw: SamplingParams, noise: Tensor | None) -> Tensor:
    """``[B, V]`` scores (and `gumbel_noise` of the same shape, unless greedy) to one id per row, ``[B]`` int64.

    The greatest sum of log-probability and Gumbel noise is a draw from the softmax: no multinomial, no sync.
    """
    if draw.greedy or noise is None:
        return scores.argmax(dim=-1)
    return (filter_scores(scores, draw) + noise).argmax(dim=-1)


def gumbel_noise(seeds: Tensor, frames: Tensor, first_codebook: int, codebooks: int, size: int) -> Tensor:
    """``[B, codebooks, size]`` float32 Gumbel numbers that depend on (seed, frame, codebook, id) and nothing else.

    ``seeds`` and ``frames`` are ``[B]`` int64. Counter-based: a row draws the same alone and in any batch, and a
    stalled row resumes where it was. The mixer is splitmix64's finaliser (Steele, Lea, Flood 2014).
    """
    books = torch.arange(first_codebook, first_codebook + codebooks, device=seeds.device)
    counters = frames[:, None] * LAYERS_MAX + books[None, :]  # a frame never has more codebooks
    keys = _mix(_mix(seeds)[:, None] + counters * _STRIDE)
    ids = torch.arange(size, device=seeds.device) * _STRIDE
    bits = _mix(keys[:, :, None] + ids) >> 41 & 0x7FFFFF  # 23 bits: with the half added they are exact in float32
    uniform = (bits.float() + 0.5) * 2.0**-23
    return -torch.log(-torch.log(uniform))


def _signed(value: int) -> int:
    """A 64-bit pattern as the int64 that torch wants; its products wrap around as the mixer needs."""
    return value - 2**64 if value >= 2**63 else value


_STRIDE = _signed(0x9E3779B97F4A7C15)
_MIX_1 = _signed(0xBF58476D1CE4E5B9)
_MIX_2 = _signed(0x94D049BB133111EB)


def _mix(x: Tensor) -> Tensor:
    """Spread every bit of int64 ``x`` over all 64 (shifts are logical: int64's sign is masked off)."""
    x = (x ^ (x >> 30 & (1 << 34) - 1)) * _MIX_1
    x = (x ^ (x >> 27 & (1 << 37) - 1)) * _MIX_2
    return x ^ (x >> 31 & (1 << 33) - 1)
