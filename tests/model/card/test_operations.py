"""Each kernel of the fused road, run by Triton's interpreter, says what plain torch says. ``script/check-card-kernels``
runs these; elsewhere there is no Triton."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.qwen3.runner.test_frames import Size, published, step
from wyoming_qwen3tts.engine.qwen3.profiling.kernels import KernelCount
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.model.fused import PLAIN, Kernels, lean, use_kernels
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.layers import AttentionMetadata, RMSNorm
from wyoming_qwen3tts.model.sampling import FrameSampling, SamplingParams, choose, gumbel_noise

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
@pytest.mark.parametrize(("rows", "k", "n"), [(1, 64, 48), (3, 72, 50), (8, 200, 33)])
def test_products(dtype: torch.dtype, rows: int, k: int, n: int) -> None:
    x, weight, norm = some(rows, k, dtype=dtype), some(2 * n, k, dtype=dtype, seed=1, spread=0.1), a_norm(k, dtype)
    assert far(KERNELS.normed_product(x, norm, weight), PLAIN.normed_product(x, norm, weight)) < BOUNDS[dtype]
    assert far(KERNELS.gated(x, norm, weight), PLAIN.gated(x, norm, weight)) < 4 * BOUNDS[dtype]  # it rounds four times
    flat = some(rows, 2 * n, dtype=dtype, seed=2)
    expected = flat.clone()
    KERNELS.add_product(flat, x, weight)
    PLAIN.add_product(expected, x, weight)
    assert far(flat, expected) < BOUNDS[dtype]


@DTYPES
@pytest.mark.parametrize("length", [1, 2])
@pytest.mark.parametrize("own", [False, True], ids=["run", "rows"])
def test_queries_keys_and_values_lie_where_attention_looks_and_nothing_else_moves(
    dtype: torch.dtype, length: int, own: bool
) -> None:
    batch, groups, kv_heads, dim, positions = 3, 2, 2, 16, 8
    if own and length > 1:
        pytest.skip("rows at their own places have one input each")
    qkv = some(batch, length, groups + 2, kv_heads, dim, dtype=dtype)
    factors = some(2, batch if own else 1, length, groups + 1, 1, dim, dtype=dtype, seed=1)
    at = torch.tensor([0, 7, 3], device=DEVICE)
    write: Any = (slice(None), slice(None), slice(5, 5 + length))
    if own:
        rows, heads = torch.arange(batch, device=DEVICE), torch.arange(2 * kv_heads, device=DEVICE)
        write = (rows[:, None, None], heads[None, :, None], at[:, None, None])
    metadata = AttentionMetadata(factors[0], factors[1], write, positions, None)
    whole = torch.full((2, batch, 2 * kv_heads, positions, dim), float("nan"), device=DEVICE, dtype=dtype)
    ways: list[Kernels] = [KERNELS, PLAIN]
    q = [kernels.place(qkv.clone(), metadata, both, EPS) for kernels, both in zip(ways, whole.unbind(), strict=True)]

    assert far(q[0], q[1]) < 2 * BOUNDS[dtype]
    assert torch.equal(whole[0].isnan(), whole[1].isnan())
    assert far(whole[0].nan_to_num(), whole[1].nan_to_num()) < 2 * BOUNDS[dtype]


@pytest.mark.parametrize("top_k", [0, 5, 50, 300])
@pytest.mark.parametrize("size", [200, 256])
def test_draws(top_k: int, size: int) -> None:
    table, draw = some(size, 24, dtype=torch.float32), SamplingParams(temperature=0.9, top_k=top_k)
    scores = some(4, size, dtype=torch.float32, seed=1)
    scores[1] = (scores[1] * 2).round() / 2  # many are as good as the k-th
    scores[2, ::3] = float("-inf")
    scores[3] = -scores[3].abs()
    seeds = torch.tensor([0, 1, 2**62, 2**63 - 1], device=DEVICE)
    for frame in range(4):
        noise = gumbel_noise(seeds, torch.full((4,), frame, device=DEVICE), 1, 2, size)[:, 1]
        codes, rows = operations.draw(scores, noise, table, draw.temperature, draw.top_k)
        expected = choose(scores, draw, noise)

        assert codes.tolist() == expected.tolist()
        assert torch.equal(rows, table[expected])


def test_what_is_no_number_ends_in_a_code_that_exists() -> None:
    scores, table = torch.full((1, 64), float("nan"), device=DEVICE), some(64, 8, dtype=torch.float32)
    codes, _ = operations.draw(scores, torch.zeros_like(scores), table, 1.0, 5)

    assert 0 <= int(codes) < 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    shape = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("kernels") / "tiny", shape=shape)
    return lean(load_checkpoint(folder, device=DEVICE).model)


@torch.inference_mode()
def test_frames_of_rows_at_places_of_their_own_are_those_of_plain_torch(model: LanguageModel) -> None:
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


@pytest.mark.parametrize(("size", "batch"), [("0.6B", 1), ("1.7B", 4)])
@torch.inference_mode()
def test_a_frame_is_less_than_half_of_plain_torchs_kernels(size: Size, batch: int) -> None:
    counted = []
    for kernels in (PLAIN, KERNELS):
        model = published(size, "meta")
        use_kernels(model, kernels)
        work = step(model, batch, 256)
        with KernelCount() as count:
            work()
        counted.append(count.total)

    assert counted[1] < counted[0] / 2
    assert counted[1] <= 850  # a little above what it is, so that it does not grow unseen
