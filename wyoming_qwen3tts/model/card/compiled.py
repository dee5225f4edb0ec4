"""What torch's compiler makes of a layer's chains of small operations. Products and attention stay the library's.

Compiled by shape at first use, some seconds each: they depend on the rows of a batch, not on how far a row is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..fused import PlainKernels
from ..language_model import DrawFrame, FrameState, LanguageModel
from ..layers import AttentionMetadata, RMSNorm
from ..rounded import Weight
from ..sampling import FrameSampling, SamplerState, SamplingParams, choose, gumbel_noise, process_logits
from .draw import DrawnByParts

Made = Callable[[Callable[..., Any]], Callable[..., Any]]
SHAPES_MOST = 64  # of one function; torch's own limit is 8, and what lies above it runs as it is, unsaid


def _place(qkv: Tensor, cos: Tensor, sin: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`PlainKernels.place` but for the cache: queries, and ``[B, 2 * kv_heads, T, head_dim]`` keys and values."""
    batch, length, parts, kv_heads, head_dim = qkv.shape
    groups = parts - 2
    even = torch.rms_norm(qkv, (head_dim,), None, eps)[:, :, : groups + 1]
    turned = (even * cos).addcmul(even.roll(head_dim // 2, -1), sin)
    q = turned[:, :, :groups].reshape(batch, length, kv_heads, groups, head_dim).permute(0, 2, 3, 1, 4)
    kept = torch.cat((turned[:, :, groups:], qkv[:, :, groups + 1 :]), dim=2).flatten(2, 3).transpose(1, 2)
    return q.reshape(batch, kv_heads, groups * length, head_dim), kept.contiguous()


def _swiglu(gate_up: Tensor) -> Tensor:
    gate, up = gate_up.chunk(2, dim=-1)
    return F.silu(gate) * up


def _pick(scores: Tensor, noise: Tensor, table: Tensor, how: SamplingParams, codes: Tensor, rows: Tensor) -> Tensor:
    code = choose(scores.float(), how, noise)
    row = F.embedding(code, table)
    codes.copy_(code)
    rows.copy_(row)
    return row


def _first(
    scores: Tensor,
    noise: Tensor,
    table: Tensor,
    state: tuple[SamplerState, Tensor, Tensor],
    how: FrameSampling,
    eos: int,
    codes: Tensor,
    rows: Tensor,
) -> Tensor:
    """``state``: what drawing remembers, who speaks, and what may not be said."""
    sampler, active, suppressed = state
    ruled = process_logits(scores.float(), sampler, suppressed, eos, how.repetition_penalty)
    row = _pick(ruled, noise, table, how.talker, codes, rows)
    sampler.advance(codes, active)
    return row


class _CompiledDraws:
    """`draw.Draws` by ``made``, which compiles a function."""

    def __init__(self, made: Made, product: Callable[[Tensor, RMSNorm, Weight], Tensor]) -> None:
        self._noise, self._first, self._pick, self._product = made(gumbel_noise), made(_first), made(_pick), product

    def noise(self, sampler: SamplerState, books: int, size: int) -> Tensor:
        """See `Draws`."""
        noise: Tensor = self._noise(sampler.seeds, sampler.frames, 0, books, size)
        return noise

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
        """See `Draws`."""
        table, eos = model.talker.codec_embedding.weight, model.config.talker.ids.eos
        moved = (state.sampler, state.active, state.suppressed)
        row: Tensor = self._first(scores, noise, table, moved, how, eos, codes, rows)
        return row

    def scores(self, last: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """See `Draws`."""
        return self._product(last, norm, weight)

    def pick(
        self, scores: Tensor, noise: Tensor, table: Tensor, how: SamplingParams, codes: Tensor, rows: Tensor
    ) -> Tensor:
        """See `Draws`."""
        row: Tensor = self._pick(scores, noise, table, how, codes, rows)
        return row


class CompiledKernels(PlainKernels):
    """`model.fused.Kernels` by ``torch.compile``; ``backend`` is one of its own."""

    name = "compiled"
    rows_most = 16

    def __init__(self, backend: str = "inductor") -> None:
        dynamo = torch._dynamo.config
        dynamo.recompile_limit = max(dynamo.recompile_limit, SHAPES_MOST)

        def made(function: Callable[..., Any]) -> Callable[..., Any]:
            return torch.compile(function, fullgraph=True, dynamic=False, backend=backend)

        self._place, self._swiglu = made(_place), made(_swiglu)
        self.draw_frame: DrawFrame | None = DrawnByParts(_CompiledDraws(made, self.normed_product), self.rows_most)

    def place(self, qkv: Tensor, metadata: AttentionMetadata, both: Tensor, eps: float) -> Tensor:
        """See `PlainKernels`."""
        q: Tensor
        q, both[metadata.write] = self._place(qkv, metadata.cos, metadata.sin, eps)
        return q

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """See `Kernels`."""
        inner: Tensor = self._swiglu(self.normed_product(flat, norm, weight))
        return inner
