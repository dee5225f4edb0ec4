"""The Triton kernels as torch operations: seen by whoever records, counts or traces, and with shapes of their own."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from ..code_predictor import DrawFrame
from ..layers import AttentionMetadata, RMSNorm
from ..sampling import SamplingParams
from . import triton_kernels as kernels
from .draw import DrawnByParts

ROWS_MOST = 8  # above that a matrix product reads weights as well, and computes faster
BLOCK_N, BLOCK_K = 16, 128


def blocks(rows: int) -> tuple[int, int]:
    """Rows as a power of two, and outputs of a program: what one holds in registers stays the same."""
    padded = triton.next_power_of_2(rows)
    return padded, max(4, BLOCK_N // max(1, padded // 2))


@torch.library.custom_op("qwen3tts::normed_product", mutates_args=())
def normed_product(x: Tensor, norm: Tensor, weight: Tensor, eps: float) -> Tensor:
    """``rms_norm(x) @ weight.T``, ``[N, K] -> [N, M]``."""
    out = x.new_empty(x.shape[0], weight.shape[0])
    rows, block_n = blocks(x.shape[0])
    grid = (triton.cdiv(out.shape[1], block_n),)
    kernels.product_kernel[grid](
        x, norm, weight, out, out.shape[1], x.shape[0], rows, x.shape[1], block_n, BLOCK_K, eps, True, False
    )  # fmt: skip
    return out


@normed_product.register_fake
def _(x: Tensor, norm: Tensor, weight: Tensor, eps: float) -> Tensor:
    del norm, eps
    return x.new_empty(x.shape[0], weight.shape[0])


@torch.library.custom_op("qwen3tts::add_product", mutates_args=("flat",))
def add_product(flat: Tensor, y: Tensor, weight: Tensor) -> None:
    """``flat += y @ weight.T``, ``[N, M]`` and ``[N, K]``."""
    rows, block_n = blocks(y.shape[0])
    grid = (triton.cdiv(flat.shape[1], block_n),)
    kernels.product_kernel[grid](
        y, y, weight, flat, flat.shape[1], y.shape[0], rows, y.shape[1], block_n, BLOCK_K, 0.0, False, True
    )  # fmt: skip


@add_product.register_fake
def _(flat: Tensor, y: Tensor, weight: Tensor) -> None:
    del flat, y, weight


@torch.library.custom_op("qwen3tts::gated", mutates_args=())
def gated(x: Tensor, norm: Tensor, weight: Tensor, eps: float) -> Tensor:
    """SwiGLU behind norm and product: ``[N, K] -> [N, M]`` by ``weight`` ``[2 * M, K]``."""
    out = x.new_empty(x.shape[0], weight.shape[0] // 2)
    rows, block_n = blocks(2 * x.shape[0])
    grid = (triton.cdiv(out.shape[1], block_n),)
    kernels.gated_kernel[grid](
        x, norm, weight, out, out.shape[1], x.shape[0], rows // 2, x.shape[1], block_n, BLOCK_K, eps
    )  # fmt: skip
    return out


@gated.register_fake
def _(x: Tensor, norm: Tensor, weight: Tensor, eps: float) -> Tensor:
    del norm, eps
    return x.new_empty(x.shape[0], weight.shape[0] // 2)


@torch.library.custom_op("qwen3tts::place", mutates_args=("both",))
def place(
    qkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor | None, start: int, both: Tensor, eps: float
) -> Tensor:
    """`Kernels.place`: every row at its own of ``positions``, or all from ``start`` on. ``both`` may be a view whose
    heads and positions lie as usual."""
    batch, length, parts, kv_heads, dim = qkv.shape
    groups = parts - 2
    q = qkv.new_empty(batch, kv_heads, groups * length, dim)
    cos, sin = cos.contiguous(), sin.contiguous()
    factor_row = cos.stride(0) if cos.shape[0] > 1 else 0
    kernels.place_kernel[batch * length, parts, kv_heads](
        qkv, cos, sin, cos if positions is None else positions, start, q, both, factor_row, both.stride(0),
        both.stride(1), eps, positions is not None, length, groups, kv_heads, dim, num_warps=1,
    )  # fmt: skip
    return q


@place.register_fake
def _(qkv: Tensor, cos: Tensor, sin: Tensor, positions: Tensor | None, start: int, both: Tensor, eps: float) -> Tensor:
    del cos, sin, positions, start, both, eps
    batch, length, parts, kv_heads, dim = qkv.shape
    return qkv.new_empty(batch, kv_heads, (parts - 2) * length, dim)


@torch.library.custom_op("qwen3tts::draw", mutates_args=())
def draw(scores: Tensor, noise: Tensor, table: Tensor, temperature: float, top_k: int) -> tuple[Tensor, Tensor]:
    """A code of each row, ``[B]`` int64, by ``scores`` and ``noise`` ``[B, V]``; and its row of ``table``,
    ``[B, H]``."""
    batch, size = scores.shape
    codes = torch.empty(batch, dtype=torch.int64, device=scores.device)
    rows = table.new_empty(batch, table.shape[1])
    kernels.draw_kernel[(batch,)](
        scores, noise, table, codes, rows, noise.stride(0), temperature, size, triton.next_power_of_2(size),
        top_k if top_k < size else 0, table.shape[1], min(1024, triton.next_power_of_2(table.shape[1])),
    )  # fmt: skip
    return codes, rows


@draw.register_fake
def _(scores: Tensor, noise: Tensor, table: Tensor, temperature: float, top_k: int) -> tuple[Tensor, Tensor]:
    del noise, temperature, top_k
    batch = scores.shape[0]
    return scores.new_empty(batch, dtype=torch.int64), table.new_empty(batch, table.shape[1])


def _scores(last: Tensor, norm: RMSNorm, weight: Tensor) -> Tensor:
    scores: Tensor = normed_product(last, norm.weight, weight, norm.eps)
    return scores


def _pick(scores: Tensor, noise: Tensor, table: Tensor, how: SamplingParams) -> tuple[Tensor, Tensor]:
    code, row = draw(scores, noise, table, how.temperature, how.top_k)
    return code, row


class TritonKernels:
    """`model.fused.Kernels` in Triton, for up to `ROWS_MOST` rows."""

    name = "fused"
    rows_most = ROWS_MOST
    draw_frame: DrawFrame | None = DrawnByParts(_scores, _pick, ROWS_MOST)

    def normed_product(self, flat: Tensor, norm: RMSNorm, weight: Tensor) -> Tensor:
        """See `Kernels`."""
        out: Tensor = normed_product(flat, norm.weight, weight, norm.eps)
        return out

    def place(self, qkv: Tensor, metadata: AttentionMetadata, both: Tensor, eps: float) -> Tensor:
        """See `Kernels`."""
        where = metadata.write[-1]
        if not isinstance(where, slice) and qkv.shape[1] > 1:
            raise ValueError("a run from where the device says has no kernel")
        positions, start = (None, where.start) if isinstance(where, slice) else (where.flatten(), 0)
        q: Tensor = place(qkv, metadata.cos, metadata.sin, positions, start, both, eps)
        return q

    def add_product(self, flat: Tensor, y: Tensor, weight: Tensor) -> None:
        """See `Kernels`."""
        add_product(flat, y, weight)

    def gated(self, flat: Tensor, norm: RMSNorm, weight: Tensor) -> Tensor:
        """See `Kernels`."""
        inner: Tensor = gated(flat, norm.weight, weight, norm.eps)
        return inner
