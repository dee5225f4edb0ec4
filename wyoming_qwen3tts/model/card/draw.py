"""A frame whose codes are drawn by kernels of one's own."""

from __future__ import annotations

from typing import Protocol, cast

import torch
from torch import Tensor, nn

from ..fused import FusedTransformer
from ..language_model import FrameState, LanguageModel
from ..layers import RMSNorm
from ..rounded import Weight
from ..sampling import FrameSampling, SamplerState, SamplingParams


class Draws(Protocol):
    """What drawing a frame is made of, B rows. A code goes into ``codes`` ``[B]``, what it weighs into ``rows``
    ``[B, H]``, both views; that row is also returned, as a tensor that the caller may write to."""

    def noise(self, sampler: SamplerState, books: int, size: int) -> Tensor:
        """`gumbel_noise` of a frame's first ``books`` codebooks, ``[B, books, size]``."""

    def first(
        self,
        scores: Tensor,
        noise: Tensor,
        model: LanguageModel,
        state: FrameState,
        how: FrameSampling,
        codes: Tensor,
        rows: Tensor,
    ) -> Tensor:
        """Code 0 of the talker's ``scores`` ``[B, V]``; ``state.sampler`` is moved on."""

    def scores(self, last: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """``[B, hidden]``, behind the norm by a head: ``[B, vocab]``."""

    def pick(
        self, scores: Tensor, noise: Tensor, table: Tensor, how: SamplingParams, codes: Tensor, rows: Tensor
    ) -> Tensor:
        """A code of the code predictor's ``scores``, and its row of ``table``."""


class DrawnByParts:
    """`language_model.DrawFrame` by ``draws``, for up to ``rows_most`` rows."""

    def __init__(self, draws: Draws, rows_most: int) -> None:
        self._draws, self._rows_most = draws, rows_most

    def takes(self, sampling: FrameSampling, rows: int) -> bool:
        """See `DrawFrame`. Top-p wants its scores sorted."""
        drawn = all(not how.greedy and how.top_p == 1.0 for how in (sampling.talker, sampling.predictor))
        return drawn and rows <= self._rows_most

    def __call__(
        self, model: LanguageModel, hidden: Tensor, state: FrameState, sampling: FrameSampling
    ) -> tuple[Tensor, Tensor]:
        """See `DrawFrame`."""
        draws, talker, predictor = self._draws, model.talker, model.predictor
        batch, width = hidden.shape
        groups, sizes = predictor.code_groups, (talker.head.out_features, predictor.stack.config.vocab_size)
        codes = torch.empty(batch, groups, dtype=torch.int64, device=hidden.device)
        rows = hidden.new_empty(batch, groups, width)
        # Of all codes at once: a number depends on its code's id, and not on how many there are.
        noise = draws.noise(state.sampler, groups, max(sizes))
        first = noise[:, 0, : sizes[0]]
        row = draws.first(talker.head(hidden), first, model, state, sampling, codes[:, 0], rows[:, 0])
        x = torch.stack((hidden, row), dim=1)
        stack = cast("FusedTransformer", predictor.stack)
        heads = [cast("Weight", head.weight) for head in predictor.heads]
        tables = [cast("nn.Embedding", embedding).weight for embedding in predictor.embeddings]
        for j, (metadata, head, table) in enumerate(zip(state.places, heads, tables, strict=True), 1):
            flat = predictor.projection(x).flatten(0, 1)
            stack.add_layers(flat, x.shape[1], metadata, state.predictor_cache)
            last = flat.view(batch, x.shape[1], -1)[:, -1].contiguous()
            scores = draws.scores(last, stack.norm, head)
            row = draws.pick(scores, noise[:, j, : sizes[1]], table, sampling.predictor, codes[:, j], rows[:, j])
            x = row[:, None]
        # One reduction, as `CodePredictor.frame` has it.
        return codes, rows.sum(1)
