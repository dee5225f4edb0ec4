"""The decoder stack in as few kernels as plain torch has, for cards: a launch there costs more than its arithmetic.

Same weights, same cache, same results to the last rounding or so as `layers.Transformer`; what differs is how often a
number is written down on the way:

* RMS norm is one kernel on CUDA (torch 2.9 and later), its weight inside.
* The norm's weight per head and the rotary angle are one factor, made once per step for all layers: ``w * cos`` for the
  number itself, and the partner's weight times ``sin``, with its sign, for the one half a head away.
* Keys and values lie side by side in the cache and are written in one go.
* A layer's output is added to the residual by the matrix product that makes it.

No number in bfloat16 is rounded more often than in the official order of operations.
"""

from __future__ import annotations

from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .language_model import DrawFrame, LanguageModel
from .layers import AttentionMetadata, KvCache, Layer, RMSNorm, Transformer
from .rounded import Weight, full


def lean(model: LanguageModel) -> LanguageModel:
    """Swap both stacks of ``model`` for lean ones, in place; no weight is copied. Caches made before do not fit."""
    for part in (model.talker, model.predictor):
        if not isinstance(part.stack, FusedTransformer):
            part.stack = FusedTransformer(part.stack)
    return model


class Kernels(Protocol):
    """What a layer is made of. ``flat`` ``[N, hidden]`` is the residual, N rows of the batch."""

    name: str
    rows_most: int  # with more rows, plain torch is the faster one
    reads_mask: bool  # False: it looks at no position beyond a row's own anyway
    draw_frame: DrawFrame | None  # how a frame's codes are drawn; None: step by step

    def normed_product(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """``norm(flat) @ weight.T``."""

    def attended(self, qkv: Tensor, metadata: AttentionMetadata, both: Tensor, eps: float) -> Tensor:
        """Norm and turn queries and keys of ``qkv`` ``[B, T, groups + 2, kv_heads, head_dim]``; keys and values go into
        ``both`` ``[B, 2 * kv_heads, positions, head_dim]``. Returns what the queries see there,
        ``[B * T, heads * head_dim]``."""

    def add_product(self, flat: Tensor, y: Tensor, weight: Weight) -> None:
        """``flat += y @ weight.T``."""

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """SwiGLU of ``norm(flat) @ weight.T``, whose first half is the gate."""


class PlainKernels:
    """Plain torch."""

    name = "plain"
    rows_most = 1 << 30
    reads_mask = True
    draw_frame: DrawFrame | None = None

    def normed_product(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """See `Kernels`."""
        return F.linear(_normed(flat, norm), full(weight, flat))

    def attended(self, qkv: Tensor, metadata: AttentionMetadata, both: Tensor, eps: float) -> Tensor:
        """See `Kernels`."""
        _, length, parts, kv_heads, _ = qkv.shape
        q = self.place(qkv, metadata, both, eps)
        seen = both[:, :, : metadata.context_len]
        y = F.scaled_dot_product_attention(q, seen[:, :kv_heads], seen[:, kv_heads:], attn_mask=metadata.mask)
        y = y.view(len(y), kv_heads, parts - 2, length, -1) if length > 1 else y.unsqueeze(3)
        return y.permute(0, 3, 1, 2, 4).reshape(len(y) * length, -1)

    def place(self, qkv: Tensor, metadata: AttentionMetadata, both: Tensor, eps: float) -> Tensor:
        """`Kernels.attended` up to attention. Returns the queries, ``[B, kv_heads, groups * T, head_dim]``."""
        batch, length, parts, kv_heads, head_dim = qkv.shape
        groups = parts - 2
        even = torch.rms_norm(qkv, (head_dim,), None, eps)  # values too: one kernel, no copy
        across = even.roll(head_dim // 2, -1)
        turned = slice(groups + 1)
        product = even[:, :, turned] * metadata.cos
        if torch.compiler.is_compiling():  # it takes no view for `out`, and makes one kernel of all this anyway
            qkv = torch.cat((product.addcmul(across[:, :, turned], metadata.sin), qkv[:, :, groups + 1 :]), dim=2)
        else:
            torch.addcmul(product, across[:, :, turned], metadata.sin, out=qkv[:, :, turned])
        both[metadata.write] = qkv[:, :, groups:].flatten(2, 3).transpose(1, 2)
        q = qkv[:, :, :groups].reshape(batch, length, kv_heads, groups, head_dim)
        return q.permute(0, 2, 3, 1, 4).reshape(batch, kv_heads, groups * length, head_dim)

    def add_product(self, flat: Tensor, y: Tensor, weight: Weight) -> None:
        """See `Kernels`."""
        flat.addmm_(y, full(weight, flat).t())

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """See `Kernels`."""
        gate, up = F.linear(_normed(flat, norm), full(weight, flat)).chunk(2, dim=-1)
        return F.silu(gate) * up


PLAIN = PlainKernels()


def kernels_in(model: LanguageModel) -> Kernels | None:
    """Those that compute the layers of a lean ``model``; None for one that is not, such as the compiled library's."""
    stack = getattr(model.talker, "stack", None)
    return stack.kernels if isinstance(stack, FusedTransformer) else None


def use_kernels(model: LanguageModel, kernels: Kernels) -> None:
    """Have both stacks of a lean ``model`` computed by ``kernels``, from the next call on."""
    for part in (model.talker, model.predictor):
        if not isinstance(part.stack, FusedTransformer):
            raise TypeError("only a lean model's kernels can be chosen")
        part.stack.kernels = kernels
    model.draw_frame = kernels.draw_frame


class FusedTransformer(Transformer):
    """A `Transformer` over the layers of another.

    ``AttentionMetadata.cos`` and ``AttentionMetadata.sin`` hold factors of all layers,
    ``[layers, B or 1, T, groups + 1, 1, head_dim]``: queries come in groups of as many heads as there are keys.
    """

    arithmetic = "fused"
    turns: Tensor

    def __init__(self, stack: Transformer) -> None:
        nn.Module.__init__(self)
        self.kernels: Kernels = PLAIN
        self.config, self.layers, self.norm = stack.config, stack.layers, stack.norm
        self.register_buffer("inv_freq", stack.inv_freq, persistent=False)
        self.groups = self.config.heads // self.config.kv_heads
        self.register_buffer("turns", self._turns(), persistent=False)

    def _turns(self) -> Tensor:
        """``[layers, 1, 1, 2, groups + 1, 1, head_dim]``: what cosine and sine are multiplied by.

        The rotation pairs dimension i with i + half and takes the upper one with a minus.
        """
        kv_heads, half = self.config.kv_heads, self.config.head_dim // 2
        weights = torch.stack([layer.attention.qk_norm for layer in cast("list[Layer]", list(self.layers))])
        per_group = weights.view(len(weights), self.groups + 1, kv_heads, -1)[:, :, :1]
        low, high = per_group.split(half, dim=-1)
        pairs = torch.stack((per_group, torch.cat((-high, low), dim=-1)), dim=1)
        return pairs[:, None, None].detach()

    def init_cache(self, slots: int, positions: int) -> KvCache:
        """See `Transformer.init_cache`. Each row's values lie behind its keys."""
        config, weight = self.config, self.norm.weight
        shape = (config.layers, slots, 2 * config.kv_heads, positions, config.head_dim)
        return KvCache.of_joined(weight.new_zeros(shape))

    def forward(self, x: Tensor, metadata: AttentionMetadata, cache: KvCache) -> Tensor:
        """See `Transformer.forward`."""
        return _normed(self.unnormed(x, metadata, cache), self.norm).view(x.shape)

    def unnormed(self, x: Tensor, metadata: AttentionMetadata, cache: KvCache) -> Tensor:
        """`forward` without the last norm, ``[B * T, hidden]``."""
        flat = x.flatten(0, 1).clone()
        self.add_layers(flat, x.shape[1], metadata, cache)
        return flat

    def add_layers(self, flat: Tensor, length: int, metadata: AttentionMetadata, cache: KvCache) -> None:
        """Add what the layers say to ``flat`` ``[B * T, hidden]``, the residual, ``length`` being T."""
        batch = len(flat) // length
        if cache.joined is None:
            raise ValueError("this cache was made by another stack")
        kernels = self._kernels_for(len(flat))
        layers = cast("list[Layer]", list(self.layers))
        parts = zip(layers, metadata.cos.unbind(), metadata.sin.unbind(), cache.joined.unbind(), strict=True)
        for layer, cos, sin, both in parts:
            attention, mlp = layer.attention, layer.mlp
            qkv = kernels.normed_product(flat, layer.attention_norm, attention.qkv.weight)
            qkv = qkv.view(batch, length, self.groups + 2, self.config.kv_heads, self.config.head_dim)
            y = kernels.attended(qkv, metadata._replace(cos=cos, sin=sin), both, self.config.rms_norm_eps)
            kernels.add_product(flat, y, attention.out.weight)
            inner = kernels.gated(flat, layer.mlp_norm, mlp.gate_up.weight)
            kernels.add_product(flat, inner, mlp.down.weight)

    def _kernels_for(self, rows: int) -> Kernels:
        return self.kernels if rows <= self.kernels.rows_most else PLAIN

    def attention_metadata(
        self, positions: Tensor, cache: KvCache, context_len: int | None = None
    ) -> AttentionMetadata:
        """See `Transformer.attention_metadata`."""
        if not self._kernels_for(len(positions)).reads_mask:
            cos, sin = self.rotary(positions[:, None, None])
            write = (slice(None), slice(None), positions)
            return self._turned(AttentionMetadata(cos, sin, write, context_len or cache.positions, None))
        metadata = super().attention_metadata(positions, cache, context_len)
        rows, _, columns = metadata.write
        heads = torch.arange(2 * self.config.kv_heads, device=positions.device)[None, :, None]
        return self._turned(metadata)._replace(write=(rows, heads, columns))

    def place_run(self, start: int, length: int) -> AttentionMetadata:
        """See `Transformer.place_run`."""
        return self._turned(super().place_run(start, length))

    def place_span(self, start: Tensor, length: int, cache: KvCache) -> AttentionMetadata:
        """See `Transformer.place_span`."""
        return self._turned(super().place_span(start, length, cache))

    def _turned(self, metadata: AttentionMetadata) -> AttentionMetadata:
        """``[B or 1, 1, T, head_dim]`` cosines and sines to factors of all layers."""
        pair = torch.stack((metadata.cos, metadata.sin), dim=3).transpose(1, 2)  # [B, T, 1, 2, D]
        factors = self.turns * pair.transpose(2, 3)[..., None, :]
        return metadata._replace(cos=factors[:, :, :, 0], sin=factors[:, :, :, 1])


def _normed(x: Tensor, norm: RMSNorm) -> Tensor:
    return torch.rms_norm(x, (x.shape[-1],), norm.weight, norm.eps)
