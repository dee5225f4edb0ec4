"""The blocks that talker and code predictor share: a Qwen3-style decoder over a static key/value cache.

The arithmetic follows the official package to the cast (RMSNorm and rotary angles in float32, attention in the model's
dtype), because greedy codes must be equal. Rotary positions are plain: the checkpoint's three "multimodal" position
streams are always equal, which makes them one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint.config import TransformerConfig

Index = tuple[Tensor | slice, ...]


class KvCache:
    """Keys (already rotated) and values, ``[layers, B, kv_heads, positions, head_dim]`` each, written in place.

    Where ``joined`` is given they are its views: ``[layers, B, 2 * kv_heads, positions, head_dim]``, the values last.

    A row needs no reset: a step sees only positions up to its own, and those it has written itself (or been given by
    `copy_prefix`), so whatever an earlier utterance left in a slot weighs nothing.
    """

    __slots__ = ("joined", "keys", "values")

    def __init__(self, keys: Tensor, values: Tensor, joined: Tensor | None = None) -> None:
        self.keys, self.values, self.joined = keys, values, joined

    @classmethod
    def of_joined(cls, joined: Tensor) -> KvCache:
        keys, values = joined.chunk(2, dim=2)
        return cls(keys, values, joined)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.keys, self.values))

    @property
    def positions(self) -> int:
        return self.keys.shape[3]

    def rows(self, start: int, count: int = 1) -> KvCache:
        """A view of ``count`` slots; writing to it writes here."""
        if self.joined is not None:
            return KvCache.of_joined(self.joined[:, start : start + count])
        return KvCache(self.keys[:, start : start + count], self.values[:, start : start + count])

    def copy_prefix(self, prefix: KvCache) -> None:
        """Fill every row's first positions from a one-row cache that is exactly as long as the prefix."""
        self.keys[:, :, :, : prefix.positions].copy_(prefix.keys)
        self.values[:, :, :, : prefix.positions].copy_(prefix.values)

    def blank(self) -> None:
        """Zeroes all rows. Needed after NaN: masked positions get weight 0, and 0 x NaN is NaN."""
        self.keys.zero_()
        self.values.zero_()


class AttentionMetadata(NamedTuple):
    """Where in the cache a step's inputs go and what they see. Made once per step, used by every layer."""

    cos: Tensor  # [B or 1, 1, T, head_dim]
    sin: Tensor
    write: Index  # picks ``[B, kv_heads, T, head_dim]`` out of a layer's keys and values
    context_len: int  # cache positions looked at
    mask: Tensor | None  # [B or 1, 1, T * queries per kv head, bound], 0 or -inf; None: everything up to bound is seen


def normalise(x: Tensor, eps: float) -> Tensor:
    """Divide by the root mean square of the last dimension: in float32, cast back to the input's dtype at the end."""
    wide = x.float()
    return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)).to(x.dtype)


class RMSNorm(nn.Module):
    """Root-mean-square norm. The weight is applied *after* the cast back, as in the official code."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * normalise(x, self.eps)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding that pairs dimension i with i + head_dim / 2 (not neighbours)."""
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-high, low), dim=-1) * sin


class Attention(nn.Module):
    """Grouped-query attention with a norm per query and key head.

    q, k and v come from one fused product; queries and keys are normed and rotated together, their norms' weights being
    written out head by head (``qk_norm``). Each fusion saves launches, of which a frame has over a thousand.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.eps = config.rms_norm_eps
        width = config.heads * config.head_dim
        self.qkv = nn.Linear(config.hidden_size, width + 2 * config.kv_heads * config.head_dim, bias=False)
        self.out = nn.Linear(width, config.hidden_size, bias=False)
        self.qk_norm = nn.Parameter(torch.empty((config.heads + config.kv_heads) * config.head_dim))

    def forward(self, x: Tensor, metadata: AttentionMetadata, keys: Tensor, values: Tensor) -> Tensor:
        """``[B, T, hidden] -> [B, T, hidden]``; updates ``keys``, ``values`` ``[B, kv_heads, positions, head_dim]``."""
        batch, length, _ = x.shape
        parts = self.qkv(x).view(batch, length, -1, self.head_dim).transpose(1, 2)
        qk, v = parts.split((self.heads + self.kv_heads, self.kv_heads), dim=1)
        qk = self.qk_norm.view(-1, 1, self.head_dim) * normalise(qk, self.eps)
        q, k = rotate(qk, metadata.cos, metadata.sin).split((self.heads, self.kv_heads), dim=1)
        keys[metadata.write] = k
        values[metadata.write] = v
        # Heads that share keys become extra query positions, so that no key or value is ever repeated in memory.
        q = q.reshape(batch, self.kv_heads, -1, self.head_dim)
        seen_keys, seen_values = keys[:, :, : metadata.context_len], values[:, :, : metadata.context_len]
        y = F.scaled_dot_product_attention(q, seen_keys, seen_values, attn_mask=metadata.mask)
        y = y.view(batch, self.heads, length, self.head_dim).transpose(1, 2).reshape(batch, length, -1)
        return self.out(y)  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """SwiGLU, with gate and up projections fused."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.hidden_size, 2 * config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """One pre-norm decoder layer."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.attention = Attention(config)
        self.mlp_norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = Mlp(config)

    def forward(self, x: Tensor, metadata: AttentionMetadata, keys: Tensor, values: Tensor) -> Tensor:
        x = x + self.attention(self.attention_norm(x), metadata, keys, values)
        return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Decoder layers and the final norm. Positions come from the caller; the state is the caller's `KvCache`."""

    inv_freq: Tensor

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        # Made on the CPU even while the parameters are on the meta device, and float32 whatever they are.
        exponents = torch.arange(0, config.head_dim, 2, dtype=torch.int64, device="cpu").float() / config.head_dim
        self.register_buffer("inv_freq", 1.0 / config.rope_theta**exponents, persistent=False)

    def init_cache(self, slots: int, positions: int) -> KvCache:
        """A cache for ``slots`` rows of up to ``positions`` inputs, on the parameters' device and in their dtype."""
        shape = (self.config.layers, slots, self.config.kv_heads, positions, self.config.head_dim)
        weight = self.norm.weight
        return KvCache(weight.new_zeros(shape), weight.new_zeros(shape))

    def forward(self, x: Tensor, metadata: AttentionMetadata, cache: KvCache) -> Tensor:
        """``[B, T, hidden] -> [B, T, hidden]`` after the final norm; ``cache`` is updated."""
        for layer, keys, values in zip(self.layers, cache.keys.unbind(), cache.values.unbind(), strict=True):
            x = layer(x, metadata, keys, values)
        return self.norm(x)  # type: ignore[no-any-return]

    def rotary(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """``[...] -> [..., head_dim]`` cosines and sines, computed in float32, in the parameters' dtype."""
        angles = positions.unsqueeze(-1).float() * self.inv_freq
        angles = torch.cat((angles, angles), dim=-1)
        dtype = self.norm.weight.dtype
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def attention_metadata(
        self, positions: Tensor, cache: KvCache, context_len: int | None = None
    ) -> AttentionMetadata:
        """One input per row, each at its own position.

        ``positions`` is ``[B]`` int64. ``bound`` is a number above all of them that the caller knows without asking
        the device; it saves reading the cache's unused end.
        """
        context_len = context_len or cache.positions
        cos, sin = self.rotary(positions[:, None, None])
        rows = torch.arange(positions.shape[0], device=positions.device)[:, None, None]
        heads = torch.arange(self.config.kv_heads, device=positions.device)[None, :, None]
        hidden = torch.arange(context_len, device=positions.device)[None, :] > positions[:, None]
        mask = torch.zeros(hidden.shape, dtype=cos.dtype, device=hidden.device).masked_fill(hidden, float("-inf"))
        return AttentionMetadata(cos, sin, (rows, heads, positions[:, None, None]), context_len, mask[:, None, None, :])

    def place_run(self, start: int, length: int) -> AttentionMetadata:
        """``length`` inputs from position ``start`` on, the same in every row."""
        device = self.inv_freq.device
        positions = torch.arange(start, start + length, device=device)
        cos, sin = self.rotary(positions[None, None])
        write = (slice(None), slice(None), slice(start, start + length))
        if length == 1:
            return AttentionMetadata(cos, sin, write, start + 1, None)
        hidden = torch.arange(start + length, device=device)[None, :] > positions[:, None]
        mask = torch.zeros(hidden.shape, dtype=cos.dtype, device=device).masked_fill(hidden, float("-inf"))
        groups = self.config.heads // self.config.kv_heads
        return AttentionMetadata(cos, sin, write, start + length, mask.repeat(groups, 1)[None, None])

    def place_span(self, start: Tensor, length: int, cache: KvCache) -> AttentionMetadata:
        """`place_run` from where the device says: ``start`` is an int64 scalar there. All of ``cache`` is looked at."""
        positions = start + torch.arange(length, device=start.device)
        cos, sin = self.rotary(positions[None, None])
        hidden = torch.arange(cache.positions, device=start.device)[None, :] > positions[:, None]
        mask = torch.zeros(hidden.shape, dtype=cos.dtype, device=start.device).masked_fill(hidden, float("-inf"))
        groups = self.config.heads // self.config.kv_heads
        write = (slice(None), slice(None), positions)
        return AttentionMetadata(cos, sin, write, cache.positions, mask.repeat(groups, 1)[None, None])
