"""What torch's compiler makes of a layer's chains of small operations. Products and attention stay the library's.

Compiled by shape at first use, some seconds each: they depend on the rows of a batch, not on how far a row is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..code_predictor import DrawFrame
from ..fused import PlainKernels
from ..layers import AttentionMetadata, RMSNorm
from ..sampling import SamplingParams, choose
from .draw import DrawnByParts

SHAPES_MOST = 64  # of one function; torch's own limit is 8, and what lies above it runs as it is, unsaid


def _place(qkv: Tensor, cos: Tensor, sin: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`Kernels.place` but for the cache: queries, and ``[B, 2 * kv_heads, T, head_dim]`` keys and values."""
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


def _pick(scores: Tensor, noise: Tensor, table: Tensor, how: SamplingParams) -> tuple[Tensor, Tensor]:
    code = choose(scores.float(), how, noise)
    return code, F.embedding(code, table)


class CompiledKernels(PlainKernels):
    """`model.fused.Kernels` by ``torch.compile``; ``backend`` is one of its own."""

    name = "compiled"
    rows_most = 16

    def __init__(self, backend: str = "inductor") -> None:
        dynamo = torch._dynamo.config
        dynamo.recompile_limit = max(dynamo.recompile_limit, SHAPES_MOST)

        def made(function: Callable[..., Any]) -> Callable[..., Any]:
            return torch.compile(function, fullgraph=True, dynamic=False, backend=backend)

        self._place, self._swiglu, self._picked = made(_place), made(_swiglu), made(_pick)
        self.draw_frame: DrawFrame | None = DrawnByParts(self._scores, self._pick, self.rows_most)

    def place(self, qkv: Tensor, metadata: AttentionMetadata, both: Tensor, eps: float) -> Tensor:
        """See `Kernels`."""
        q: Tensor
        q, both[metadata.write] = self._place(qkv, metadata.cos, metadata.sin, eps)
        return q

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Tensor) -> Tensor:
        """See `Kernels`."""
        inner: Tensor = self._swiglu(self.normed_product(flat, norm, weight))
        return inner

    def _scores(self, last: Tensor, norm: RMSNorm, weight: Tensor) -> Tensor:
        return self.normed_product(last, norm, weight)

    def _pick(self, scores: Tensor, noise: Tensor, table: Tensor, how: SamplingParams) -> tuple[Tensor, Tensor]:
        code, row = self._picked(scores, noise, table, how)
        return code, row
