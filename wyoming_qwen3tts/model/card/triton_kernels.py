# mypy: ignore-errors
"""Triton kernels of a frame: a layer in five launches beside attention, a code drawn in one. For a few rows only.

Every number is rounded where plain torch rounds it (after the norm, each product, SiLU, each half of the rotation), and
summed in float32. No kernel allocates, waits or depends on a value, so all can be recorded. Each weight is read once
for all rows. Checked by Triton's interpreter and compiled for each card without one: ``script/check-card-kernels``.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _scales(x, row, inside_rows, k: tl.constexpr, block_k: tl.constexpr, eps: tl.constexpr):
    """One by the root mean square of each row: ``[rows, 1]`` float32."""
    squares = tl.zeros([row.shape[0], block_k], dtype=tl.float32)
    for start in range(0, k, block_k):
        at = start + tl.arange(0, block_k)
        inside = inside_rows[:, None] & (at < k)[None, :]
        value = tl.load(x + row[:, None] * k + at[None, :], mask=inside, other=0.0).to(tl.float32)
        squares += value * value
    return tl.rsqrt(tl.sum(squares, 1) / k + eps)[:, None]


@triton.jit
def product_kernel(
    x,
    norm,
    w,
    out,
    n_out,
    count,
    rows: tl.constexpr,
    k: tl.constexpr,
    block_n: tl.constexpr,
    block_k: tl.constexpr,
    eps: tl.constexpr,
    has_norm: tl.constexpr,
    adds: tl.constexpr,
):
    """``out [count, n_out] = x [count, k] @ w [n_out, k].T``; behind an RMS norm of ``x``; or added to ``out``."""
    row, n = tl.arange(0, rows), tl.program_id(0) * block_n + tl.arange(0, block_n)
    real, good = row < count, n < n_out
    if has_norm:
        scales = _scales(x, row, real, k, block_k, eps)
    total = tl.zeros([rows, block_n], dtype=tl.float32)
    for start in range(0, k, block_k):
        at = start + tl.arange(0, block_k)
        inside = at < k
        value = tl.load(x + row[:, None] * k + at[None, :], mask=real[:, None] & inside[None, :], other=0.0)
        value = value.to(tl.float32)
        if has_norm:
            weight = tl.load(norm + at, mask=inside, other=0.0).to(tl.float32)
            value = (value * scales * weight[None, :]).to(x.dtype.element_ty).to(tl.float32)
        column = tl.load(w + n[:, None] * k + at[None, :], mask=good[:, None] & inside[None, :], other=0.0)
        total += tl.sum(value[:, None, :] * column.to(tl.float32)[None, :, :], 2)
    target = out + row[:, None] * n_out + n[None, :]
    mask = real[:, None] & good[None, :]
    if adds:
        total += tl.load(target, mask=mask, other=0.0).to(tl.float32)
    tl.store(target, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def gated_kernel(
    x,
    norm,
    w,
    out,
    n_out,
    count,
    rows: tl.constexpr,
    k: tl.constexpr,
    block_n: tl.constexpr,
    block_k: tl.constexpr,
    eps: tl.constexpr,
):
    """``out [count, n_out] = silu(g) * u`` of the norm of ``x`` by ``w [2 * n_out, k]``, the gate's rows first."""
    row, n = tl.arange(0, rows), tl.program_id(0) * block_n + tl.arange(0, block_n)
    real, good = row < count, n < n_out
    scales = _scales(x, row, real, k, block_k, eps)
    gate, up = tl.zeros([rows, block_n], dtype=tl.float32), tl.zeros([rows, block_n], dtype=tl.float32)
    for start in range(0, k, block_k):
        at = start + tl.arange(0, block_k)
        inside = at < k
        value = tl.load(x + row[:, None] * k + at[None, :], mask=real[:, None] & inside[None, :], other=0.0)
        weight = tl.load(norm + at, mask=inside, other=0.0).to(tl.float32)
        value = (value.to(tl.float32) * scales * weight[None, :]).to(x.dtype.element_ty).to(tl.float32)
        place, mask = n[:, None] * k + at[None, :], good[:, None] & inside[None, :]
        column = tl.load(w + place, mask=mask, other=0.0).to(tl.float32)
        gate += tl.sum(value[:, None, :] * column[None, :, :], 2)
        column = tl.load(w + n_out * k + place, mask=mask, other=0.0).to(tl.float32)
        up += tl.sum(value[:, None, :] * column[None, :, :], 2)
    kind = out.dtype.element_ty
    gate, up = gate.to(kind).to(tl.float32), up.to(kind).to(tl.float32)
    silu = (gate / (1.0 + tl.exp(-gate))).to(kind).to(tl.float32)
    mask = real[:, None] & good[None, :]
    tl.store(out + row[:, None] * n_out + n[None, :], (silu * up).to(kind), mask=mask)


@triton.jit
def place_kernel(
    qkv,
    cos,
    sin,
    positions,
    start,
    q_out,
    cache,
    factor_row,
    cache_row,
    cache_head,
    eps,
    has_positions: tl.constexpr,
    length: tl.constexpr,
    groups: tl.constexpr,
    kv_heads: tl.constexpr,
    dim: tl.constexpr,
):
    """One head of one input: normed and turned if it is a query or a key, and put where attention looks for it.

    ``qkv [B, length, groups + 2, kv_heads, dim]``; ``cos``, ``sin [B or 1, length, groups + 1, dim]``, ``factor_row``
    from row to row; ``q_out [B, heads, length, dim]``; ``cache [B, 2 * kv_heads, positions, dim]``.
    """
    at_input, part, head = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    row, t = at_input // length, at_input % length
    at = tl.arange(0, dim)
    kind = q_out.dtype.element_ty
    source = qkv + ((at_input * (groups + 2) + part) * kv_heads + head) * dim
    value = tl.load(source + at).to(tl.float32)
    if part < groups + 1:
        across = tl.load(source + (at + dim // 2) % dim).to(tl.float32)
        scale = tl.rsqrt(tl.sum(value * value, 0) / dim + eps)
        value, across = (value * scale).to(kind).to(tl.float32), (across * scale).to(kind).to(tl.float32)
        factor = row * factor_row + (t * (groups + 1) + part) * dim + at
        turned = (value * tl.load(cos + factor).to(tl.float32)).to(kind).to(tl.float32)
        value = turned + across * tl.load(sin + factor).to(tl.float32)
    if part < groups:
        query = part * kv_heads + head  # heads that share keys are neighbours
        target = q_out + ((row * kv_heads * groups + query) * length + t) * dim
        tl.store(target + at, value.to(kind))
    else:
        position = start + t
        if has_positions:
            position = tl.load(positions + row)
        target = cache + row * cache_row + ((part - groups) * kv_heads + head) * cache_head + position * dim
        tl.store(target + at, value.to(kind))


@triton.jit
def draw_kernel(
    scores,
    noise,
    table,
    codes,
    embedded,
    noise_row,
    temperature,
    size: tl.constexpr,
    block: tl.constexpr,
    top_k: tl.constexpr,
    width: tl.constexpr,
    block_h: tl.constexpr,
):
    """A code of each row, and its row of ``table``: scores by temperature, what is below the ``top_k``-th left out
    (ties stay in; 0: nothing), plus noise, the greatest."""
    row, at = tl.program_id(0), tl.arange(0, block)
    real = at < size
    value = tl.load(scores + row * size + at, mask=real, other=0.0).to(tl.float32)
    value = tl.div_rn(value, temperature + tl.zeros([block], dtype=tl.float32)) + 0.0  # no minus zero
    if top_k > 0:
        # Bits of floats, the negative ones turned round, are in the order of the floats: the k-th is found bit by bit.
        bits = value.to(tl.int32, bitcast=True)
        order = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits).to(tl.int64)
        order = tl.where(real, order, -2147483649)
        least = tl.full([], -2147483648, dtype=tl.int64)
        for step in tl.static_range(32):
            higher = least + (1 << (31 - step))
            enough = tl.sum((order >= higher).to(tl.int32), 0) >= top_k
            least = tl.where(enough, higher, least)
        real = real & (order >= least)
    value += tl.load(noise + row * noise_row + at, mask=at < size, other=0.0)
    code = tl.argmax(tl.where(real, value, float("-inf")), 0)
    tl.store(codes + row, code.to(tl.int64))
    for start in range(0, width, block_h):
        h = start + tl.arange(0, block_h)
        tl.store(embedded + row * width + h, tl.load(table + code * width + h, mask=h < width), mask=h < width)
