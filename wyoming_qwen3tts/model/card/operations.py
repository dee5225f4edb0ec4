"""The Triton kernels as torch operations: seen by whoever records, counts or traces, and with shapes of their own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
from torch import Tensor

from ..checkpoint.files import LAYERS_MAX
from ..language_model import DrawFrame, FrameState, LanguageModel
from ..layers import AttentionMetadata, RMSNorm
from ..rounded import Weight
from ..sampling import MIN_TOKENS, FrameSampling, SamplerState, SamplingParams
from . import triton_kernels as kernels
from .draw import DrawnByParts

ROWS_MOST = 8  # above that a matrix product reads weights as well, and computes faster
BLOCK_N, BLOCK_K = 16, 128
BLOCK_SEEN = 32  # positions of the cache that are looked at together


def blocks(rows: int) -> tuple[int, int]:
    """Rows as a power of two, and outputs of a program: what one holds in registers stays the same."""
    padded = triton.next_power_of_2(rows)
    return padded, max(4, BLOCK_N // max(1, padded // 2))


def _weight(weight: Tensor, scales: Tensor | None) -> tuple[Tensor, Tensor, int]:
    """What a kernel reads: levels, scales (the weight again, where there are none), bits (0: numbers)."""
    if scales is None:
        return weight, weight, 0
    return weight, scales, 8 if weight.dtype == torch.int8 else 4


@torch.library.custom_op("qwen3tts::normed_product", mutates_args=())
def normed_product(x: Tensor, norm: Tensor, weight: Tensor, eps: float, scales: Tensor | None = None) -> Tensor:
    """``rms_norm(x) @ weight.T``, ``[N, K] -> [N, M]``; with ``scales``, ``weight`` is of `Rounded`."""
    out = x.new_empty(x.shape[0], weight.shape[0])
    rows, block_n = blocks(x.shape[0])
    grid = (triton.cdiv(out.shape[1], block_n),)
    w, by, bits = _weight(weight, scales)
    kernels.product_kernel[grid](
        x, norm, w, by, out, out.shape[1], x.shape[0], rows, x.shape[1], block_n, BLOCK_K, eps, True, False, bits
    )  # fmt: skip
    return out


@normed_product.register_fake
def _(x: Tensor, norm: Tensor, weight: Tensor, eps: float, scales: Tensor | None = None) -> Tensor:
    del norm, eps, scales
    return x.new_empty(x.shape[0], weight.shape[0])


@torch.library.custom_op("qwen3tts::add_product", mutates_args=("flat",))
def add_product(flat: Tensor, y: Tensor, weight: Tensor, scales: Tensor | None = None) -> None:
    """``flat += y @ weight.T``, ``[N, M]`` and ``[N, K]``; with ``scales``, ``weight`` is of `Rounded`."""
    rows, block_n = blocks(y.shape[0])
    grid = (triton.cdiv(flat.shape[1], block_n),)
    w, by, bits = _weight(weight, scales)
    kernels.product_kernel[grid](
        y, y, w, by, flat, flat.shape[1], y.shape[0], rows, y.shape[1], block_n, BLOCK_K, 0.0, False, True, bits
    )  # fmt: skip


@add_product.register_fake
def _(flat: Tensor, y: Tensor, weight: Tensor, scales: Tensor | None = None) -> None:
    del flat, y, weight, scales


@torch.library.custom_op("qwen3tts::gated", mutates_args=())
def gated(x: Tensor, norm: Tensor, weight: Tensor, eps: float, scales: Tensor | None = None) -> Tensor:
    """SwiGLU behind norm and product: ``[N, K] -> [N, M]`` by ``weight`` ``[2 * M, K]``; with ``scales``, of
    `Rounded`."""
    out = x.new_empty(x.shape[0], weight.shape[0] // 2)
    rows, block_n = blocks(2 * x.shape[0])
    grid = (triton.cdiv(out.shape[1], block_n),)
    w, by, bits = _weight(weight, scales)
    kernels.gated_kernel[grid](
        x, norm, w, by, out, out.shape[1], x.shape[0], rows // 2, x.shape[1], block_n, BLOCK_K, eps, bits
    )  # fmt: skip
    return out


@gated.register_fake
def _(x: Tensor, norm: Tensor, weight: Tensor, eps: float, scales: Tensor | None = None) -> Tensor:
    del norm, eps, scales
    return x.new_empty(x.shape[0], weight.shape[0] // 2)


@torch.library.custom_op("qwen3tts::attend", mutates_args=("seen",))
def attend(
    qkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor | None, start: int, seen: Tensor, eps: float
) -> Tensor:
    """`Kernels.attended`: every row at its own of ``positions``, or all from ``start`` on. ``seen`` may be a view whose
    heads and positions lie as usual."""
    batch, length, parts, kv_heads, dim = qkv.shape
    groups = parts - 2
    out = qkv.new_empty(batch * length, groups * kv_heads * dim)
    cos, sin = cos.contiguous(), sin.contiguous()
    factor_row = cos.stride(0) if cos.shape[0] > 1 else 0
    most = triton.cdiv(seen.shape[2], BLOCK_SEEN) * BLOCK_SEEN  # in steps: each number is compiled for
    kernels.attend_kernel[batch * length, groups * kv_heads](
        qkv, cos, sin, cos if positions is None else positions, start, out, seen, factor_row, seen.stride(0),
        seen.stride(1), eps, dim**-0.5, positions is not None, length, groups, kv_heads, dim, BLOCK_SEEN, most,
    )  # fmt: skip
    return out


@attend.register_fake
def _(qkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor | None, start: int, seen: Tensor, eps: float) -> Tensor:
    del cos, sin, positions, start, seen, eps
    batch, length, parts, kv_heads, dim = qkv.shape
    return qkv.new_empty(batch * length, (parts - 2) * kv_heads * dim)


@torch.library.custom_op("qwen3tts::uniform", mutates_args=())
def uniform(seeds: Tensor, frames: Tensor, books: int, size: int) -> Tensor:
    """The numbers that `gumbel_noise` takes the logarithms of, ``[B, books, size]`` float32."""
    out = torch.empty(seeds.shape[0], books, size, device=seeds.device)
    block = min(1024, triton.next_power_of_2(size))
    kernels.uniform_kernel[seeds.shape[0], books, triton.cdiv(size, block)](
        seeds, frames, out, LAYERS_MAX, books, size, block
    )
    return out


@uniform.register_fake
def _(seeds: Tensor, frames: Tensor, books: int, size: int) -> Tensor:
    del frames
    return torch.empty(seeds.shape[0], books, size, device=seeds.device)


def _blocks_of(table: Tensor, size: int, top_k: int) -> tuple[int, int, int, int, int]:
    """What both draws are compiled for: size and block of scores, top-k, width and block of rows."""
    width = table.shape[1]
    most = triton.next_power_of_2(size)
    return size, most, top_k if top_k < size else 0, width, min(1024, triton.next_power_of_2(width))


@torch.library.custom_op("qwen3tts::draw", mutates_args=("codes", "rows"))
def draw(
    scores: Tensor, noise: Tensor, table: Tensor, temperature: float, top_k: int, codes: Tensor, rows: Tensor
) -> Tensor:
    """A code of each row into ``codes`` ``[B]`` int64, by ``scores`` and ``noise`` ``[B, V]``; and its row of ``table``
    into ``rows`` ``[B, H]``, and as what is returned."""
    again = table.new_empty(rows.shape)
    kernels.draw_kernel[(len(codes),)](
        scores, noise, table, codes, rows, again, noise.stride(0), codes.stride(0), rows.stride(0), temperature,
        *_blocks_of(table, scores.shape[1], top_k),
    )  # fmt: skip
    return again


@draw.register_fake
def _(
    scores: Tensor, noise: Tensor, table: Tensor, temperature: float, top_k: int, codes: Tensor, rows: Tensor
) -> Tensor:
    del scores, noise, temperature, top_k, codes
    return table.new_empty(rows.shape)


@torch.library.custom_op("qwen3tts::draw_first", mutates_args=("memory", "codes", "rows"))
def draw_first(
    scores: Tensor,
    noise: Tensor,
    table: Tensor,
    how: Sequence[float],
    memory: Sequence[Tensor],
    rules: Sequence[Tensor],
    codes: Tensor,
    rows: Tensor,
) -> Tensor:
    """`draw` behind `process_logits`, and what `SamplerState.advance` does.

    ``how``: temperature, top-k, repetition penalty, the id of EOS. ``memory``: ``seen`` and ``frames`` of the sampler.
    ``rules``: its ``eos_bias``, who is active, what is suppressed.
    """
    again = table.new_empty(rows.shape)
    temperature, top_k, penalty, eos = how
    (seen, frames), (eos_bias, active, suppressed) = memory, rules
    kernels.draw_first_kernel[(len(codes),)](
        scores, noise, table, codes, rows, again, noise.stride(0), codes.stride(0), rows.stride(0), temperature,
        penalty, seen, frames, eos_bias, active, suppressed, int(eos), MIN_TOKENS,
        *_blocks_of(table, scores.shape[1], int(top_k)),
    )  # fmt: skip
    return again


@draw_first.register_fake
def _(
    scores: Tensor,
    noise: Tensor,
    table: Tensor,
    how: Sequence[float],
    memory: Sequence[Tensor],
    rules: Sequence[Tensor],
    codes: Tensor,
    rows: Tensor,
) -> Tensor:
    del scores, noise, how, memory, rules, codes
    return table.new_empty(rows.shape)


def _parts(weight: Weight) -> tuple[Tensor, Tensor | None]:
    return (weight, None) if isinstance(weight, Tensor) else (weight.values, weight.scales)


class TritonDraws:
    """`draw.Draws` in Triton. Logarithms are torch's, so that noise is the same to the bit."""

    def noise(self, sampler: SamplerState, books: int, size: int) -> Tensor:
        """See `Draws`."""
        numbers: Tensor = uniform(sampler.seeds, sampler.frames, books, size)
        return numbers.log_().neg_().log_().neg_()

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
        sampler, talker, eos = state.sampler, how.talker, model.config.talker.ids.eos
        numbers = [talker.temperature, float(talker.top_k), how.repetition_penalty, float(eos)]
        memory, rules = [sampler.seen, sampler.frames], [sampler.eos_bias, state.active, state.suppressed]
        row: Tensor = draw_first(
            scores, noise, model.talker.codec_embedding.weight, numbers, memory, rules, codes, rows
        )
        return row

    def scores(self, last: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """See `Draws`."""
        values, scales = _parts(weight)
        scores: Tensor = normed_product(last, norm.weight, values, norm.eps, scales)
        return scores

    def pick(
        self, scores: Tensor, noise: Tensor, table: Tensor, how: SamplingParams, codes: Tensor, rows: Tensor
    ) -> Tensor:
        """See `Draws`."""
        row: Tensor = draw(scores, noise, table, how.temperature, how.top_k, codes, rows)
        return row


class TritonKernels:
    """`model.fused.Kernels` in Triton, for up to `ROWS_MOST` rows."""

    name = "fused"
    rows_most = ROWS_MOST
    reads_mask = False
    draw_frame: DrawFrame | None = DrawnByParts(TritonDraws(), ROWS_MOST)

    def normed_product(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """See `Kernels`."""
        values, scales = _parts(weight)
        out: Tensor = normed_product(flat, norm.weight, values, norm.eps, scales)
        return out

    def attended(self, qkv: Tensor, metadata: AttentionMetadata, both: Tensor, eps: float) -> Tensor:
        """See `Kernels`."""
        where = metadata.write[-1]
        if not isinstance(where, slice) and qkv.shape[1] > 1:
            raise ValueError("a run from where the device says has no kernel")
        positions, start = (None, where.start) if isinstance(where, slice) else (where.flatten(), 0)
        y: Tensor = attend(qkv, metadata.cos, metadata.sin, positions, start, both[:, :, : metadata.context_len], eps)
        return y

    def add_product(self, flat: Tensor, y: Tensor, weight: Weight) -> None:
        """See `Kernels`."""
        values, scales = _parts(weight)
        add_product(flat, y, values, scales)

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Weight) -> Tensor:
        """See `Kernels`."""
        values, scales = _parts(weight)
        inner: Tensor = gated(flat, norm.weight, values, norm.eps, scales)
        return inner
