"""A frame of the code predictor whose codes are drawn by kernels of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from ..code_predictor import CodePredictor
from ..fused import FusedTransformer
from ..layers import AttentionMetadata, KvCache, RMSNorm
from ..sampling import SamplingParams

Scores = Callable[[Tensor, RMSNorm, Tensor], Tensor]  # [B, hidden], behind the norm by a head: [B, vocab]
Pick = Callable[[Tensor, Tensor, Tensor, SamplingParams], tuple[Tensor, Tensor]]  # scores, noise, table: codes, rows


class DrawnByParts:
    """`code_predictor.DrawFrame` of two parts, for up to ``rows_most`` rows."""

    def __init__(self, scores: Scores, pick: Pick, rows_most: int) -> None:
        self._scores, self._pick, self._rows_most = scores, pick, rows_most

    def takes(self, how: SamplingParams, rows: int) -> bool:
        """See `DrawFrame`. Top-p wants its scores sorted."""
        return not how.greedy and how.top_p == 1.0 and rows <= self._rows_most

    def __call__(
        self,
        predictor: CodePredictor,
        x: Tensor,
        noise: Tensor,
        how: SamplingParams,
        cache: KvCache,
        places: tuple[AttentionMetadata, ...],
    ) -> tuple[Tensor, Tensor]:
        """See `DrawFrame`."""
        stack = cast("FusedTransformer", predictor.stack)
        codes, embeddings = [], [x[:, 1]]
        heads = [cast("nn.Linear", head).weight for head in predictor.heads]
        tables = [cast("nn.Embedding", embedding).weight for embedding in predictor.embeddings]
        for j, (metadata, head, table) in enumerate(zip(places, heads, tables, strict=True)):
            flat = stack.unnormed(predictor.projection(x), metadata, cache)
            last = flat.view(x.shape[0], x.shape[1], -1)[:, -1].contiguous()
            scores = self._scores(last, stack.norm, head)
            code, row = self._pick(scores, noise[:, j], table, how)
            codes.append(code)
            embeddings.append(row)
            x = row[:, None]
        # One reduction, as `CodePredictor.frame` has it.
        return torch.stack(codes, dim=1), torch.stack(embeddings, dim=1).sum(1)
