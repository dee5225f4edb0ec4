"""The compiled library computes what PyTorch computes: products, draws, whole passes, frames and sound."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.parity.build import codes, decoder
from wyoming_qwen3tts.model.checkpoint.files import LAYERS_MAX
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint
from wyoming_qwen3tts.model.codec import CodecDecoder
from wyoming_qwen3tts.model.cpu.codec import CpuConv, use_library
from wyoming_qwen3tts.model.cpu.language import fast_language_model, held, rounded
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary
from wyoming_qwen3tts.model.cpu.native.library import KERNELS, Format, Native, native, open_native
from wyoming_qwen3tts.model.cpu.quantize import Int8, is_rounded, pack_int4, pack_int8, to_int8
from wyoming_qwen3tts.model.language_model import FrameState, LanguageModel
from wyoming_qwen3tts.model.sampling import FrameSampling, SamplingParams, choose, gumbel_noise

GREEDY = SamplingParams(greedy=True)
PROMPT = 11


@pytest.fixture(scope="module")
def library() -> Iterator[Native]:
    try:
        yield native(2)
    except NoLibrary as error:
        pytest.skip(str(error))


@pytest.fixture(params=range(len(KERNELS)), ids=KERNELS)
def kernel(request: pytest.FixtureRequest, library: Native) -> Iterator[str]:
    """One of the kernels this processor has."""
    if library.use_kernel(request.param) != KERNELS[request.param]:
        pytest.skip("not on this processor")
    yield KERNELS[request.param]
    library.use_kernel()


@pytest.fixture(scope="module")
def fast(tiny: Checkpoint, library: Native) -> LanguageModel:
    parameters = tiny.model.state_dict().items()
    return fast_language_model(tiny.config, rounded(parameters), library, dtype=torch.float32)


@pytest.fixture(scope="module")
def coarse(tiny: Checkpoint) -> LanguageModel:
    """The plain model with the numbers that int8 stands for: what is left to differ are rounded activations."""
    model = copy.deepcopy(tiny.model)
    weights = {n: to_int8(w).float() if is_rounded(n) else w for n, w in model.state_dict().items()}
    model.load_state_dict(weights)
    return model


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rounded_rows(x: Tensor) -> Tensor:
    """What the library makes of its inputs: int8 in groups of 32, as it does with weights, but for float32 scales."""
    groups = torch.nn.functional.pad(x, (0, -x.shape[1] % 32)).unflatten(1, (-1, 32))
    scales = groups.abs().amax(-1, keepdim=True) / 127
    rows: Tensor = ((groups / scales).nan_to_num().round() * scales).flatten(1)
    return rows[:, : x.shape[1]]


@pytest.mark.parametrize("pack", [pack_int8, pack_int4], ids=["int8", "int4"])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 7])
def test_every_kernel_multiplies_exactly_what_was_rounded(
    kernel: str, library: Native, pack: object, rows: int
) -> None:
    matrix = to_int8(numbers(100, 80))
    x = numbers(rows, 80, seed=1)
    if pack is pack_int4:
        packed = pack_int4(matrix)
        expected = rounded_rows(x) @ unpacked_int4(matrix).T
    else:
        packed = pack_int8(matrix)
        expected = rounded_rows(x) @ matrix.float().T

    torch.testing.assert_close(library.multiply(held(packed), x), expected, rtol=1e-5, atol=2e-5)


def unpacked_int4(matrix: Int8) -> Tensor:
    """The matrix that int4 stands for, read back from its panels."""
    packed = pack_int4(matrix)
    panels, steps = packed.weights.shape[0], packed.inputs // 4
    low, high = packed.weights & 15, packed.weights >> 4
    levels = torch.stack((low, high), dim=2).view(panels, steps, 4, 16, 4).permute(0, 2, 3, 1, 4).reshape(-1, steps * 4)
    scales = packed.scales.float().transpose(1, 2).reshape(levels.shape[0], -1).repeat_interleave(32, dim=1)
    return ((levels.float() - 8) * scales)[: matrix.values.shape[0], : matrix.values.shape[1]]


def test_int8_is_within_half_a_level_and_int4_within_one() -> None:
    weight = numbers(64, 64)
    matrix = to_int8(weight)
    largest = weight.unflatten(1, (-1, 32)).abs().amax(-1).repeat_interleave(32, 1)

    assert ((matrix.float() - weight).abs() <= 0.51 * largest / 126).all()
    assert ((unpacked_int4(matrix) - weight).abs() <= 1.02 * largest / 8).all()


@pytest.mark.parametrize(("outputs", "inputs"), [(4096, 1024), (1024, 2048), (6144, 1024), (1024, 3072), (2048, 1024)])
def test_a_product_reads_hardly_more_than_a_byte_a_number(outputs: int, inputs: int) -> None:
    """The shapes of 0.6B; its frame reads nothing else that grows with the model."""
    packed = pack_int8(
        Int8(torch.zeros(outputs, inputs, dtype=torch.int8), torch.zeros(outputs, inputs // 32).bfloat16())
    )

    assert packed.bytes <= 1.1 * outputs * inputs


def test_zeros_and_a_bias_come_out_as_they_are(library: Native) -> None:
    bias = numbers(70)

    y = library.multiply(held(pack_int8(to_int8(torch.zeros(70, 32))), bias), torch.zeros(2, 32))

    torch.testing.assert_close(y, bias.expand(2, -1))


@pytest.mark.parametrize(
    "draw",
    [
        GREEDY,
        SamplingParams(),
        SamplingParams(top_k=0),
        SamplingParams(top_k=5, top_p=0.6),
        SamplingParams(top_k=0, top_p=0.9, temperature=2.0),
    ],
)
def test_draws_are_those_of_the_sampler(library: Native, draw: SamplingParams) -> None:
    for seed in range(40):
        scores = numbers(1, 256, seed=seed) * 3
        noise = gumbel_noise(torch.tensor([seed]), torch.tensor([7]), 3, 1, 256)[:, 0]

        expected = int(choose(scores, draw, None if draw.greedy else noise))

        assert library.choose(scores[0], draw, seed, 7 * LAYERS_MAX + 3) == expected


def spoken(model: LanguageModel, rows: int, seed: int = 0) -> tuple[Tensor, FrameState]:
    """States of ``rows`` slots after prompts of their own and one step."""
    width = model.config.talker.stack.hidden_size
    state = model.init_state(rows, 64)
    for row in range(rows):
        model.talker.prefill(0.1 * numbers(1, PROMPT, width, seed=seed + row), state.cache.rows(row))
        state.restart(row, PROMPT, seed + row)
    x = torch.stack([0.1 * numbers(1, width, seed=100 + seed + row) for row in range(rows)])
    return model.talker.step(x, state.cache, state.positions), state


@torch.inference_mode()
def test_quantized_logits_keep_direction_and_best_fifty(tiny: Checkpoint, fast: LanguageModel) -> None:
    exact, _ = spoken(tiny.model, 16)
    hidden, _ = spoken(fast, 16)
    expected, found = tiny.model.talker.logits(exact), fast.talker.logits(hidden)

    assert torch.cosine_similarity(expected, found, dim=-1).mean() >= 0.999
    best = zip(expected.topk(50).indices.tolist(), found.topk(50).indices.tolist(), strict=True)
    assert sum(len(set(a) & set(b)) for a, b in best) / (50 * 16) >= 0.95


def test_more_threads_than_cores_do_every_task_once() -> None:
    """Threads that lose their core in the middle come late to a job, and find the next one begun."""
    try:
        library = open_native(6)
    except NoLibrary as error:
        pytest.skip(str(error))
    x = numbers(2, 96, seed=1)
    jobs = [held(pack_int8(to_int8(numbers(outputs, 96)))) for outputs in (64, 2048, 128, 3072)]
    try:
        expected = [library.multiply(job, x).clone() for job in jobs]

        wrong = sum(
            not torch.equal(library.multiply(job, x), right)
            for _ in range(2000)
            for job, right in zip(jobs, expected, strict=True)
        )
    finally:
        library.close()

    assert wrong == 0


@torch.inference_mode()
def test_a_row_is_the_same_alone_and_in_a_batch(fast: LanguageModel) -> None:
    together, state = spoken(fast, 3)
    together_codes, together_sum = fast.codes(together, state, FrameSampling())

    for row in range(3):
        alone, own = spoken(fast, 1, seed=row)
        own_codes, own_sum = fast.codes(alone, own, FrameSampling())
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=0)
        torch.testing.assert_close(own_codes[0], together_codes[row])
        torch.testing.assert_close(own_sum[0], together_sum[row], rtol=0, atol=0)


@torch.inference_mode()
def test_a_prompt_in_two_parts_leaves_the_same_states(fast: LanguageModel) -> None:
    x = 0.1 * numbers(1, 9, fast.config.talker.stack.hidden_size)
    whole, parts = fast.talker.init_cache(1, 16), fast.talker.init_cache(1, 16)

    expected = fast.talker.prefill(x, whole)[:, 5:]
    fast.talker.prefill(x[:, :5], parts)

    torch.testing.assert_close(fast.talker.prefill(x[:, 5:], parts, start=5), expected, rtol=0, atol=0)


@torch.inference_mode()
@pytest.mark.parametrize(
    "draw", [GREEDY, SamplingParams(), SamplingParams(top_p=0.8)], ids=["greedy", "top-k", "top-p"]
)
def test_frames_are_mostly_those_of_the_model_that_was_rounded(
    coarse: LanguageModel, fast: LanguageModel, draw: SamplingParams
) -> None:
    """Where the best two scores nearly tie, rounding decides, and later codes of that frame differ with it."""
    hidden, state = spoken(coarse, 24)
    own = fast.init_state(24, 64)
    for row in range(24):
        own.restart(row, PROMPT, row)
    embedding = coarse.talker.codec_embedding(torch.arange(24))

    expected, expected_sum = coarse.predictor.draw(
        hidden, embedding, state.sampler, draw, state.predictor_cache, state.places
    )
    found, found_sum = fast.predictor.draw(hidden, embedding, own.sampler, draw, own.predictor_cache, own.places)

    same = (expected == found).all(dim=1)
    assert (expected[:, 0] == found[:, 0]).float().mean() >= 0.9
    assert same.any()
    torch.testing.assert_close(found_sum[same], expected_sum[same], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_numbers_that_are_none_stay_in_their_row_and_are_seen(fast: LanguageModel) -> None:
    x = 0.1 * numbers(2, 1, fast.config.talker.stack.hidden_size)
    x[0, 0, 3] = float("nan")
    state = fast.init_state(2, 16)

    hidden = fast.talker.step(x, state.cache, state.positions)

    assert not hidden[0].isfinite().all()
    assert hidden[1].isfinite().all()


@torch.inference_mode()
def test_a_cache_of_bfloat16_is_written_and_read(tiny: Checkpoint, library: Native, fast: LanguageModel) -> None:
    model = fast_language_model(tiny.config, rounded(tiny.model.state_dict().items()), library, dtype=torch.bfloat16)

    halved, state = spoken(model, 2)
    exact, _ = spoken(fast, 2)

    assert state.cache.keys.dtype == torch.bfloat16
    assert state.cache.keys[:, :, :, :PROMPT].abs().sum(-1).all()
    assert torch.cosine_similarity(halved, exact, dim=-1).min() > 0.999


@pytest.fixture(scope="module", params=["tiny", "other"])
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=list(Format), ids=lambda one: one.name.lower())
def sound(request: pytest.FixtureRequest, size: str, library: Native) -> tuple[str, CodecDecoder]:
    """A codec in each format; where the processor has no instructions for one, in plain code."""
    return size, use_library(copy.deepcopy(decoder(size)), library, request.param)


@torch.inference_mode()
def test_the_codec_is_35_db_clean_in_every_format(sound: tuple[str, CodecDecoder]) -> None:
    name, fast_decoder = sound
    frames = codes(30, streams=2, name=name)

    exact, found = decoder(name)(frames), fast_decoder(frames)

    noise = (exact - found).pow(2).sum()
    assert 10 * torch.log10(exact.pow(2).sum() / noise) >= 35


@torch.inference_mode()
def test_a_codec_in_float32_sounds_as_pytorchs(size: str, library: Native) -> None:
    frames = codes(12, streams=2, name=size)
    fast_decoder = use_library(copy.deepcopy(decoder(size)), library, Format.FLOAT32)

    torch.testing.assert_close(fast_decoder(frames), decoder(size)(frames), rtol=0, atol=2e-5)


@torch.inference_mode()
def test_int16_is_the_same_to_the_bit_with_every_kernel(size: str, kernel: str, library: Native) -> None:
    frames = codes(3, streams=2, name=size)
    fast_decoder = use_library(copy.deepcopy(decoder(size)), library, Format.INT16)
    found = fast_decoder(frames)
    library.use_kernel(0)

    assert kernel in KERNELS
    torch.testing.assert_close(found, fast_decoder(frames), rtol=0, atol=0)


@torch.inference_mode()
def test_sound_that_is_no_number_is_seen_in_every_format(sound: tuple[str, CodecDecoder]) -> None:
    """The engine gives up a reply whose sound is none; a codec that hides it would speak on in silence."""
    _, fast_decoder = sound
    conv = next(layer for layer in fast_decoder.layers if isinstance(layer, CpuConv))
    x = torch.zeros(4, 2, conv._past[1])
    x[1, 0, 0] = float("nan")

    y = conv(x)

    assert not y[1, 0].isfinite().any()
    assert y[:, 1].isfinite().all()


@torch.inference_mode()
@pytest.mark.parametrize("cut", [[1] * 6, [3, 3], [1, 4, 1], [2, 4]])
def test_pieces_join_to_the_same_sound(sound: tuple[str, CodecDecoder], cut: list[int]) -> None:
    name, fast_decoder = sound
    frames = codes(6, streams=3, name=name)
    state, whole = fast_decoder.init_state(3), fast_decoder.init_state(3)

    pieces = torch.cat([fast_decoder.step(piece, state) for piece in frames.split(cut, dim=1)], dim=1)

    torch.testing.assert_close(pieces, fast_decoder.step(frames, whole), rtol=0, atol=1e-5)


def test_a_closed_library_gives_its_threads_back(library: Native) -> None:
    own = Native(library._library, 3)
    matrix = held(pack_int8(to_int8(numbers(640, 64))))
    before = own.multiply(matrix, numbers(1, 64))

    own.close()

    torch.testing.assert_close(library.multiply(matrix, numbers(1, 64)), before)
