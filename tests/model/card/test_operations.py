"""Each kernel of the fused road, run by Triton's interpreter, says what plain torch says. ``script/check-card-kernels``
runs these; elsewhere there is no Triton."""

from __future__ import annotations

import copy
import os
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from tests.engine.qwen3.runner.test_frames import Size, published, step
from wyoming_qwen3tts.engine.qwen3.profiling.kernels import KernelCount
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.model.cpu.quantize import to_int4, to_int8
from wyoming_qwen3tts.model.fused import PLAIN, Kernels, lean, use_kernels
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.layers import AttentionMetadata, RMSNorm
from wyoming_qwen3tts.model.rounded import Weight, of_bits, round_for_card
from wyoming_qwen3tts.model.sampling import (
    FrameSampling,
    SamplerState,
    SamplingParams,
    choose,
    gumbel_noise,
    process_logits,
)

if os.environ.get("TRITON_INTERPRET") != "1" and not torch.cuda.is_available():
    pytest.skip("without a card Triton runs by its interpreter: script/check-card-kernels", allow_module_level=True)
pytest.importorskip("triton")

from wyoming_qwen3tts.model.card import operations

pytestmark = pytest.mark.timeout(900)  # the interpreter is slow; none of this is run with the other tests
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# The interpreter cuts bfloat16 off where a card rounds it, which errs up to twice as much each time.
BOUNDS = {torch.float32: 1e-6, torch.bfloat16: 1e-2}
EPS = 1e-6
KERNELS = operations.TritonKernels()
DTYPES = pytest.mark.parametrize("dtype", BOUNDS, ids=["float32", "bfloat16"])


def some(*shape: int, dtype: torch.dtype, seed: int = 0, spread: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*shape, generator=generator) * spread).to(DEVICE, dtype)


def a_norm(width: int, dtype: torch.dtype) -> RMSNorm:
    norm = RMSNorm(width, EPS).to(DEVICE, dtype)
    norm.weight.data.copy_(1 + some(width, dtype=dtype, seed=9, spread=0.3))
    return norm.requires_grad_(False)


def far(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


@DTYPES
@pytest.mark.parametrize("bits", [16, 8, 4])
@pytest.mark.parametrize(("rows", "k", "n"), [(1, 64, 48), (3, 72, 50), (8, 200, 33)])
def test_products(dtype: torch.dtype, bits: int, rows: int, k: int, n: int) -> None:
    x, norm, weight = some(rows, k, dtype=dtype), a_norm(k, dtype), some(2 * n, k, dtype=dtype, seed=1, spread=0.1)
    products_alike(x, norm, weight if bits == 16 else of_bits(weight, bits))


def products_alike(x: Tensor, norm: RMSNorm, weight: Weight) -> None:
    """By kernels what plain torch says, rounded weights as the matrix that they stand for."""
    dtype, rows, n = x.dtype, x.shape[0], weight.shape[0] // 2
    bound = BOUNDS[dtype] * (1 if isinstance(weight, Tensor) else 2)  # a rounded weight is rounded to `dtype` as well
    assert far(KERNELS.normed_product(x, norm, weight), PLAIN.normed_product(x, norm, weight)) < bound
    assert far(KERNELS.gated(x, norm, weight), PLAIN.gated(x, norm, weight)) < 4 * bound  # it rounds four times
    flat = some(rows, 2 * n, dtype=dtype, seed=2)
    expected = flat.clone()
    KERNELS.add_product(flat, x, weight)
    PLAIN.add_product(expected, x, weight)
    assert far(flat, expected) < bound


@DTYPES
@pytest.mark.parametrize(("length", "first"), [(1, 0), (1, 5), (2, 0), (2, 5), (4, 35)])
def test_a_run_sees_what_came_before_and_lies_where_later_ones_look(
    dtype: torch.dtype, length: int, first: int
) -> None:
    write: Any = (slice(None), slice(None), slice(first, first + length))
    later = torch.arange(first + length, device=DEVICE)[None, :] > torch.arange(first, first + length)[:, None]
    mask = torch.zeros(later.shape, device=DEVICE, dtype=dtype).masked_fill(later, float("-inf")).repeat(2, 1)
    attends_alike(dtype, length, write, first + length, mask[None, None], own_factors=False)


@DTYPES
def test_rows_at_places_of_their_own_see_what_came_before(dtype: torch.dtype) -> None:
    at = torch.tensor([0, 39, 7], device=DEVICE)
    rows, heads = torch.arange(3, device=DEVICE), torch.arange(4, device=DEVICE)
    write = (rows[:, None, None], heads[None, :, None], at[:, None, None])
    hidden = torch.arange(40, device=DEVICE)[None, :] > at[:, None]
    mask = torch.zeros(hidden.shape, device=DEVICE, dtype=dtype).masked_fill(hidden, float("-inf"))[:, None, None]
    attends_alike(dtype, 1, write, 40, mask, own_factors=True)


def attends_alike(
    dtype: torch.dtype, length: int, write: Any, context_len: int, mask: Tensor, *, own_factors: bool
) -> None:
    """Three rows of four heads, two of which share keys: the same is seen and kept as by plain torch, nothing else in
    the cache moves, and what lies beyond ``context_len`` is not looked at."""
    batch, groups, kv_heads, dim = 3, 2, 2, 16
    qkv = some(batch, length, groups + 2, kv_heads, dim, dtype=dtype)
    factors = some(2, batch if own_factors else 1, length, groups + 1, 1, dim, dtype=dtype, seed=1)
    metadata = AttentionMetadata(factors[0], factors[1], write, context_len, mask)
    before = some(batch, 2 * kv_heads, context_len + 3, dim, dtype=dtype, seed=2)
    before[:, :, context_len:] = float("nan")
    whole = torch.stack((before, before))
    ways: list[Kernels] = [KERNELS, PLAIN]
    y = [each.attended(qkv.clone(), metadata, both, EPS) for each, both in zip(ways, whole.unbind(), strict=True)]

    assert y[0].shape == (batch * length, groups * kv_heads * dim)
    assert far(y[0], y[1]) < 2 * BOUNDS[dtype]
    moved = (whole != before).logical_and(~before.isnan()).any(-1)
    assert torch.equal(moved[0], moved[1])
    assert far(whole[0].nan_to_num(), whole[1].nan_to_num()) < 2 * BOUNDS[dtype]


@torch.inference_mode()
@pytest.mark.parametrize("size", [200, 256])
def test_noise_is_to_the_bit_that_of_plain_torch(size: int) -> None:
    seeds = torch.tensor([0, 1, 2**62, 2**63 - 1], device=DEVICE)
    frames = torch.tensor([0, 3, 2**20, 7], device=DEVICE)
    sampler = SamplerState(torch.zeros(4, size, dtype=torch.bool), frames, seeds, torch.zeros(4))

    found = operations.TritonDraws().noise(sampler, 16, size)

    assert torch.equal(found, gumbel_noise(seeds, frames, 0, 16, size))


def spread_scores(size: int) -> Tensor:
    scores = some(4, size, dtype=torch.float32, seed=1)
    scores[1] = (scores[1] * 2).round() / 2  # many are as good as the k-th
    scores[2, ::3] = float("-inf")
    scores[3] = -scores[3].abs()
    return scores


def noise_of(frame: int, size: int) -> Tensor:
    seeds = torch.tensor([0, 1, 2**62, 2**63 - 1], device=DEVICE)
    return gumbel_noise(seeds, torch.full((4,), frame, device=DEVICE), 1, 2, size)[:, 1]


def places_of(table: Tensor) -> tuple[Tensor, Tensor]:
    """Columns of larger tensors, as a frame has them."""
    rows = torch.full((4, 3, table.shape[1]), float("nan"), device=DEVICE)
    return torch.full((4, 3), -1, device=DEVICE)[:, 1], rows[:, 1]


@pytest.mark.parametrize("top_k", [0, 5, 50, 300])
@pytest.mark.parametrize("size", [200, 256])
def test_draws(top_k: int, size: int) -> None:
    table, draw = some(size, 24, dtype=torch.float32), SamplingParams(temperature=0.9, top_k=top_k)
    scores = spread_scores(size)
    for frame in range(4):
        noise, (codes, rows) = noise_of(frame, size), places_of(table)
        again = operations.draw(scores, noise, table, draw.temperature, draw.top_k, codes, rows)
        expected = choose(scores, draw, noise)

        assert codes.tolist() == expected.tolist()
        assert torch.equal(rows, table[expected])
        assert torch.equal(again, rows)


@torch.inference_mode()
@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_the_first_code_keeps_the_rules_and_is_remembered(penalty: float) -> None:
    size, eos, draw = 256, 250, SamplingParams(temperature=0.9, top_k=20)
    table, scores = some(size, 24, dtype=torch.float32), spread_scores(size)
    scores[:, eos] = 9.0
    suppressed = torch.arange(size, device=DEVICE) >= 200
    active = torch.tensor([True, True, False, True], device=DEVICE)
    ways = [
        SamplerState(
            torch.zeros(4, size, dtype=torch.bool, device=DEVICE),
            torch.zeros(4, dtype=torch.int64, device=DEVICE),
            torch.zeros(4, dtype=torch.int64, device=DEVICE),
            torch.tensor([0.0, float("-inf"), 0.0, -8.0], device=DEVICE),
        )
        for _ in range(2)
    ]
    ended = 0
    for frame in range(6):
        noise, (codes, rows) = noise_of(frame, size), places_of(table)
        ruled = process_logits(scores, ways[0], suppressed, eos, penalty)
        expected = choose(ruled, draw, noise)
        ways[0].advance(expected, active)
        mine = ways[1]
        again = operations.draw_first(
            scores,
            noise,
            table,
            [draw.temperature, draw.top_k, penalty, eos],
            [mine.seen, mine.frames],
            [mine.eos_bias, active, suppressed],
            codes,
            rows,
        )
        ended += int((expected == eos).sum())

        assert codes.tolist() == expected.tolist()
        assert torch.equal(rows, table[expected])
        assert torch.equal(again, rows)
        assert torch.equal(mine.seen, ways[0].seen)
        assert torch.equal(mine.frames, ways[0].frames)
    assert ended  # so that the end's own rules were asked


def test_what_is_no_number_ends_in_a_code_that_exists() -> None:
    scores, table = torch.full((1, 64), float("nan"), device=DEVICE), some(64, 8, dtype=torch.float32)
    codes, rows = torch.full((1,), -1, device=DEVICE), torch.zeros(1, 8, device=DEVICE)
    operations.draw(scores, torch.zeros_like(scores), table, 1.0, 5, codes, rows)

    assert 0 <= int(codes) < 64


@pytest.mark.parametrize("bits", [8, 4])
def test_a_rounded_matrix_is_the_one_that_a_cpu_reads(bits: int) -> None:
    weight = some(70, 72, dtype=torch.float32, seed=3)
    matrix = to_int8(weight)
    levels, scales = (matrix.values.long(), matrix.scales) if bits == 8 else to_int4(matrix)
    wide = (levels.float() - (8 if bits == 4 else 0))[:, :72] * scales.float().repeat_interleave(32, dim=1)[:, :72]

    assert torch.equal(of_bits(weight, bits).full(torch.float32), wide)
    # Half a level of a group's largest number, a third more for rounding twice.
    assert float((wide - weight).abs().max() / weight.abs().max()) < 1.35 / (254 if bits == 8 else 16)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    shape = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("kernels") / "tiny", shape=shape)
    return lean(load_checkpoint(folder, device=DEVICE).model)


@torch.inference_mode()
@pytest.mark.parametrize("rounding", ["none", "int8", "int4"])
def test_frames_of_rows_at_places_of_their_own_are_those_of_plain_torch(model: LanguageModel, rounding: str) -> None:
    if rounding != "none":
        model = copy.deepcopy(model)
        round_for_card(model, int4_predictor=rounding == "int4")
        assert {"int8 on a card", f"{rounding} on a card"} < set(model.arithmetics())
    spoken = []
    for kernels in (PLAIN, KERNELS):
        use_kernels(model, kernels)
        state, x = model.init_state(3, 32), some(3, 1, 64, dtype=torch.float32)
        for row in range(3):
            state.restart(row, 3 * row, seed=row)
        codes = []
        for _ in range(3):
            found, embedding = model.frame(x, state, FrameSampling(), 32)
            x = embedding[:, None]
            codes.append(found)
        spoken.append((torch.stack(codes), embedding, state.cache.joined))
    use_kernels(model, PLAIN)

    assert torch.equal(spoken[0][0], spoken[1][0])
    torch.testing.assert_close(spoken[1][1:], spoken[0][1:], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("size", "batch", "most"), [("0.6B", 1, 578), ("1.7B", 4, 594)])
@torch.inference_mode()
def test_a_frame_is_a_third_of_plain_torchs_kernels_and_reads_no_more(size: Size, batch: int, most: int) -> None:
    counted = []
    for kernels in (PLAIN, KERNELS):
        model = published(size, "meta")
        use_kernels(model, kernels)
        work = step(model, batch, 256)
        with KernelCount() as count:
            work()
        counted.append(count)

    assert counted[1].total < counted[0].total / 2.9
    assert counted[1].total <= most  # what it is: a kernel more has to be wanted
    # A draw is given the whole table, and reads a row of it for each row of the batch.
    embeddings = [model.talker.codec_embedding, *model.predictor.embeddings]
    tables = [cast("nn.Embedding", each).weight for each in embeddings]
    unread = sum((len(table) - batch) * table.shape[1] * table.element_size() for table in tables)
    assert counted[1].bytes_read - unread <= counted[0].bytes_read
