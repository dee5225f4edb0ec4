# mypy: ignore-errors
"""Triton kernels of a frame: a layer in five launches, a code drawn in one. For a few rows only.

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
def _inputs(x, norm, scales, row, real, at, k: tl.constexpr, has_norm: tl.constexpr):
    """Columns ``at`` of ``x``, behind the norm: ``[rows, columns]`` float32."""
    inside = at < k
    value = tl.load(x + row[:, None] * k + at[None, :], mask=real[:, None] & inside[None, :], other=0.0)
    value = value.to(tl.float32)
    if has_norm:
        weight = tl.load(norm + at, mask=inside, other=0.0).to(tl.float32)
        value = (value * scales * weight[None, :]).to(x.dtype.element_ty).to(tl.float32)
    return value


@triton.jit
def _weights(
    w,
    w_scales,
    kind: tl.constexpr,
    n,
    good,
    start,
    at,
    turn: tl.constexpr,
    k: tl.constexpr,
    block_k: tl.constexpr,
    bits: tl.constexpr,
):
    """Columns ``at`` of a matrix, those of ``start`` on: ``[outputs, columns]`` float32. ``bits`` 0: numbers; else as
    `rounded.Rounded` has them, of int4 the ``turn``-th of each two."""
    mask = good[:, None] & (at < k)[None, :]
    groups: tl.constexpr = (k + 31) // 32
    if bits == 4:
        pair = start // 2 + tl.arange(0, block_k // 2)
        both = tl.load(w + n[:, None] * (groups * 16) + pair[None, :], mask=mask, other=0).to(tl.int32)
        number = ((both >> (4 * turn) & 15) - 8).to(tl.float32)
    else:
        number = tl.load(w + n[:, None] * k + at[None, :], mask=mask, other=0).to(tl.float32)
    if bits != 0:
        scale = tl.load(w_scales + n[:, None] * groups + (at // 32)[None, :], mask=mask, other=0.0).to(tl.float32)
        number = (number * scale).to(kind).to(tl.float32)
    return number


@triton.jit
def product_kernel(
    x,
    norm,
    w,
    w_scales,
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
    bits: tl.constexpr,
):
    """``out [count, n_out] = x [count, k] @ w [n_out, k].T``; behind an RMS norm of ``x``; or added to ``out``. With
    ``bits``, ``w`` and ``w_scales`` are of `rounded.Rounded`."""
    turns: tl.constexpr = 2 if bits == 4 else 1
    row, n = tl.arange(0, rows), tl.program_id(0) * block_n + tl.arange(0, block_n)
    real, good = row < count, n < n_out
    scales = 1.0
    if has_norm:
        scales = _scales(x, row, real, k, block_k, eps)
    kind: tl.constexpr = x.dtype.element_ty
    total = tl.zeros([rows, block_n], dtype=tl.float32)
    for start in range(0, k, block_k):
        for turn in tl.static_range(turns):
            at = start + turns * tl.arange(0, block_k // turns) + turn
            value = _inputs(x, norm, scales, row, real, at, k, has_norm)
            column = _weights(w, w_scales, kind, n, good, start, at, turn, k, block_k, bits)
            total += tl.sum(value[:, None, :] * column[None, :, :], 2)
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
    w_scales,
    out,
    n_out,
    count,
    rows: tl.constexpr,
    k: tl.constexpr,
    block_n: tl.constexpr,
    block_k: tl.constexpr,
    eps: tl.constexpr,
    bits: tl.constexpr,
):
    """``out [count, n_out] = silu(g) * u`` of the norm of ``x`` by ``w [2 * n_out, k]``, the gate's rows first.
    ``bits`` as in `product_kernel`."""
    turns: tl.constexpr = 2 if bits == 4 else 1
    row, n = tl.arange(0, rows), tl.program_id(0) * block_n + tl.arange(0, block_n)
    real, good = row < count, n < n_out
    scales = _scales(x, row, real, k, block_k, eps)
    kind: tl.constexpr = x.dtype.element_ty
    gate, up = tl.zeros([rows, block_n], dtype=tl.float32), tl.zeros([rows, block_n], dtype=tl.float32)
    for start in range(0, k, block_k):
        for turn in tl.static_range(turns):
            at = start + turns * tl.arange(0, block_k // turns) + turn
            value = _inputs(x, norm, scales, row, real, at, k, True)
            column = _weights(w, w_scales, kind, n, good, start, at, turn, k, block_k, bits)
            gate += tl.sum(value[:, None, :] * column[None, :, :], 2)
            column = _weights(w, w_scales, kind, n + n_out, good, start, at, turn, k, block_k, bits)
            up += tl.sum(value[:, None, :] * column[None, :, :], 2)
    gate, up = gate.to(kind).to(tl.float32), up.to(kind).to(tl.float32)
    silu = (gate / (1.0 + tl.exp(-gate))).to(kind).to(tl.float32)
    mask = real[:, None] & good[None, :]
    tl.store(out + row[:, None] * n_out + n[None, :], (silu * up).to(kind), mask=mask)


@triton.jit
def _turned(source, cos, sin, at, half: tl.constexpr, eps):
    """A head of queries or keys, normed and turned: ``[dim]`` float32, rounded as ``source`` is."""
    kind = source.dtype.element_ty
    value, across = tl.load(source + at).to(tl.float32), tl.load(source + (at + half) % (2 * half)).to(tl.float32)
    scale = tl.rsqrt(tl.sum(value * value, 0) / (2 * half) + eps)
    value, across = (value * scale).to(kind).to(tl.float32), (across * scale).to(kind).to(tl.float32)
    value = (value * tl.load(cos + at).to(tl.float32)).to(kind).to(tl.float32)
    return (value + across * tl.load(sin + at).to(tl.float32)).to(kind).to(tl.float32)


@triton.jit
def attend_kernel(
    qkv,
    cos,
    sin,
    positions,
    start,
    out,
    cache,
    factor_row,
    cache_row,
    cache_head,
    eps,
    softmax_scale,
    has_positions: tl.constexpr,
    length: tl.constexpr,
    groups: tl.constexpr,
    kv_heads: tl.constexpr,
    dim: tl.constexpr,
    block: tl.constexpr,
    most: tl.constexpr,
):
    """A head of one input: its query normed, turned and held against all keys up to its own; that key and its value are
    put into the cache by the first query that shares them.

    ``qkv [B, length, groups + 2, kv_heads, dim]``; ``cos``, ``sin [B or 1, length, groups + 1, dim]``, ``factor_row``
    from row to row; ``out [B, length, heads, dim]``; ``cache [B, 2 * kv_heads, positions, dim]``. A row's first input
    goes to ``start``, or to its own of ``positions``, ``most`` at most. What this launch writes to the cache, none of
    its programs reads: keys of inputs beside its own are made again.
    """
    row, t, head = tl.program_id(0) // length, tl.program_id(0) % length, tl.program_id(1)
    shared, part = head // groups, head // kv_heads  # queries that share a key are neighbours
    at = tl.arange(0, dim)
    first = start
    if has_positions:
        first = tl.load(positions + row).to(tl.int32)
    source, factor = qkv + (row * length + t) * (groups + 2) * kv_heads * dim, row * factor_row
    mine, keys = factor + (t * (groups + 1) + part) * dim, factor + (t * (groups + 1) + groups) * dim
    query = _turned(source + head * dim, cos + mine, sin + mine, at, dim // 2, eps) * softmax_scale
    key = _turned(source + (groups * kv_heads + shared) * dim, cos + keys, sin + keys, at, dim // 2, eps)
    total = tl.load(source + ((groups + 1) * kv_heads + shared) * dim + at).to(tl.float32)
    of_keys = cache + row * cache_row + shared * cache_head
    of_values = of_keys + kv_heads * cache_head
    kind = out.dtype.element_ty
    if head % groups == 0:
        tl.store(of_keys + (first + t) * dim + at, key.to(kind))
        tl.store(of_values + (first + t) * dim + at, total.to(kind))
    best, weight = tl.sum(query * key, 0), 1.0
    for other in range(length - 1):
        if other < t:
            source = qkv + (row * length + other) * (groups + 2) * kv_heads * dim
            keys = factor + (other * (groups + 1) + groups) * dim
            key = _turned(source + (groups * kv_heads + shared) * dim, cos + keys, sin + keys, at, dim // 2, eps)
            value = tl.load(source + ((groups + 1) * kv_heads + shared) * dim + at).to(tl.float32)
            score = tl.sum(query * key, 0)
            above = tl.maximum(best, score)
            old, new = tl.exp(best - above), tl.exp(score - above)
            total, weight, best = total * old + value * new, weight * old + new, above
    for begin in range(0, most, block):
        if begin < first:  # how far that is, only the card knows
            seen = begin + tl.arange(0, block)
            inside = seen < first
            place = seen[:, None] * dim + at[None, :]
            some = tl.load(of_keys + place, mask=inside[:, None], other=0.0).to(tl.float32)
            scores = tl.where(inside, tl.sum(some * query[None, :], 1), float("-inf"))
            above = tl.maximum(best, tl.max(scores, 0))
            old, new = tl.exp(best - above), tl.exp(scores - above)
            some = tl.load(of_values + place, mask=inside[:, None], other=0.0).to(tl.float32)
            total = total * old + tl.sum(some * new[:, None], 0)
            weight, best = weight * old + tl.sum(new, 0), above
    target = out + ((row * length + t) * groups * kv_heads + head) * dim
    tl.store(target + at, (total / weight).to(kind))


@triton.jit
def _mixed(x):
    """`sampling._mix`."""
    x = (x ^ (x >> 30 & 0x3FFFFFFFF)) * -4658895280553007687
    x = (x ^ (x >> 27 & 0x1FFFFFFFFF)) * -7723592293110705685
    return x ^ (x >> 31 & 0x1FFFFFFFF)


@triton.jit
def uniform_kernel(
    seeds, frames, out, most_books: tl.constexpr, books: tl.constexpr, size: tl.constexpr, block: tl.constexpr
):
    """The numbers between 0 and 1 behind `sampling.gumbel_noise`, ``out [B, books, size]`` float32."""
    row, book = tl.program_id(0), tl.program_id(1)
    at = tl.program_id(2) * block + tl.arange(0, block)
    stride: tl.constexpr = -7046029254386353131
    # Wide from the start: products wrap round in 64 bits.
    counter = tl.load(frames + row) * most_books + book
    key = _mixed(_mixed(tl.load(seeds + row)) + counter * stride)
    bits = _mixed(key + at.to(tl.int64) * stride) >> 41 & 0x7FFFFF
    uniform = (bits.to(tl.float32) + 0.5) * 1.1920928955078125e-07
    tl.store(out + (row * books + book) * size + at, uniform, mask=at < size)


@triton.jit
def _drawn(value, real, noise, at, temperature, top_k: tl.constexpr, block: tl.constexpr):
    """Scores by temperature, what is below the ``top_k``-th left out (ties stay in; 0: nothing), plus noise: the
    greatest."""
    inside = real
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
    value += tl.load(noise + at, mask=inside, other=0.0)
    return tl.argmax(tl.where(real, value, float("-inf")), 0)


@triton.jit
def _told(code, table, codes, embedded, again, width: tl.constexpr, block_h: tl.constexpr):
    """A code written down, and its row of ``table`` twice."""
    tl.store(codes, code.to(tl.int64))
    for start in range(0, width, block_h):
        h = start + tl.arange(0, block_h)
        value = tl.load(table + code * width + h, mask=h < width)
        tl.store(embedded + h, value, mask=h < width)
        tl.store(again + h, value, mask=h < width)


@triton.jit
def draw_kernel(
    scores,
    noise,
    table,
    codes,
    embedded,
    again,
    noise_row,
    codes_row,
    embedded_row,
    temperature,
    size: tl.constexpr,
    block: tl.constexpr,
    top_k: tl.constexpr,
    width: tl.constexpr,
    block_h: tl.constexpr,
):
    """A code of each row by `_drawn`, and its row of ``table``."""
    row, at = tl.program_id(0), tl.arange(0, block)
    real = at < size
    value = tl.load(scores + row * size + at, mask=real, other=0.0).to(tl.float32)
    code = _drawn(value, real, noise + row * noise_row, at, temperature, top_k, block)
    _told(code, table, codes + row * codes_row, embedded + row * embedded_row, again + row * width, width, block_h)


@triton.jit
def draw_first_kernel(
    scores,
    noise,
    table,
    codes,
    embedded,
    again,
    noise_row,
    codes_row,
    embedded_row,
    temperature,
    penalty,
    seen,
    frames,
    eos_bias,
    active,
    suppressed,
    eos: tl.constexpr,
    least_frames: tl.constexpr,
    size: tl.constexpr,
    block: tl.constexpr,
    top_k: tl.constexpr,
    width: tl.constexpr,
    block_h: tl.constexpr,
):
    """`draw_kernel` behind `sampling.process_logits`; and what `SamplerState.advance` remembers."""
    row, at = tl.program_id(0), tl.arange(0, block)
    real = at < size
    value = tl.load(scores + row * size + at, mask=real, other=0.0).to(tl.float32)
    said = tl.load(seen + row * size + at, mask=real, other=0).to(tl.int1)
    made, speaks = tl.load(frames + row), tl.load(active + row)
    by = penalty + tl.zeros([block], dtype=tl.float32)
    value = tl.where(said, tl.where(value < 0, value * by, tl.div_rn(value, by)), value)
    value = tl.where(at == eos, value + tl.load(eos_bias + row), value)
    forbidden = tl.load(suppressed + at, mask=real, other=0).to(tl.int1)
    forbidden = tl.where(at == eos, made < least_frames, forbidden)
    value = tl.where(forbidden, float("-inf"), value)
    code = _drawn(value, real, noise + row * noise_row, at, temperature, top_k, block)
    _told(code, table, codes + row * codes_row, embedded + row * embedded_row, again + row * width, width, block_h)
    before = tl.load(seen + row * size + code)
    tl.store(seen + row * size + code, before | speaks)
    tl.store(frames + row, made + speaks.to(tl.int64))
