"""What a codec's step asks of a card: as many kernels for many frames of many streams as for one, the weights once."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch

from wyoming_qwen3tts.engine.qwen3.precision import use_tf32
from wyoming_qwen3tts.engine.qwen3.profiling.kernels import KernelCount
from wyoming_qwen3tts.engine.qwen3.runner.codec import PACKETS
from wyoming_qwen3tts.model.checkpoint.codec_weights import random_decoder
from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint
from wyoming_qwen3tts.model.codec import ALL_ROWS, CodecDecoder, float32_products
from wyoming_qwen3tts.model.streaming import FlatState, restart_stream


@torch.inference_mode()
def counted(codec: CodecDecoder, streams: int, frames: int) -> KernelCount:
    with torch.device("meta"):
        state = codec.init_state(streams + 1)
        codes, slots = torch.zeros(streams, frames, 16, dtype=torch.int64), torch.zeros(streams, dtype=torch.int64)
        count = KernelCount()
        with count:
            codec.step(codes, state, slots)
    return count


@pytest.mark.parametrize(("streams", "frames"), [*product((1, 4), PACKETS)])
def test_all_rows_go_through_in_one_pass(streams: int, frames: int) -> None:
    with torch.device("meta"):
        codec = CodecDecoder(published_config("0.6B").codec)
    codec.suit_a_card()
    one, many = counted(codec, 1, 1), counted(codec, streams, frames)
    weights = sum(p.numel() * p.element_size() for p in codec.parameters())
    passing = (one.bytes_read - weights) * streams * frames  # what is read of signals and states

    assert many.total <= 1.2 * one.total
    assert one.total <= 545  # a little above what it is; with a kernel for each state it was 608
    assert many.bytes_read <= weights + 1.6 * passing  # the weights once; the states of others are picked out first


def test_the_sound_is_that_of_a_cpu(tiny: Checkpoint) -> None:
    config = tiny.config.codec
    codec, generator = random_decoder(config), torch.Generator().manual_seed(1)
    codes = torch.randint(0, config.codebook_size, (3, 4, config.num_quantizers), generator=generator)
    sounds = []
    with torch.inference_mode():
        for rows in (codec.rows_at_once, ALL_ROWS):
            codec.rows_at_once = rows
            state = codec.init_state(3)
            sounds.append([codec.step(codes, state) for _ in range(2)])

    torch.testing.assert_close(torch.cat(sounds[0]), torch.cat(sounds[1]), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_states_in_one_piece_move_as_those_in_many(tiny: Checkpoint) -> None:
    codec = random_decoder(tiny.config.codec)
    codes, slots = torch.arange(2 * 3 * 16).view(2, 3, 16) % 31, torch.tensor([2, 0])
    many, sounds = codec.init_state(4), []
    codec.suit_a_card()
    one = codec.init_state(4)
    assert isinstance(one, FlatState)
    for state in (many, one):
        sounds.append([codec.step(codes, state, slots), codec.step(codes[:1], tuple(t[1:2] for t in state))])
        restart_stream(state, 2)

    torch.testing.assert_close(sounds[1], sounds[0], atol=1e-6, rtol=1e-5)
    for mine, theirs in zip(one, many, strict=True):
        assert mine.untyped_storage().data_ptr() == one.flat.untyped_storage().data_ptr() or mine.dtype == torch.int64
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


def coarse(codec: CodecDecoder, error: float) -> None:
    """A processor does not know TF32: what a card would make of it."""
    plain = codec.step

    def step(*args: Any) -> torch.Tensor:
        sound = plain(*args)
        return sound * (1 + error) if codec.products == "high" else sound

    codec.step = step  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize(("error", "products"), [(1e-3, "high"), (1e-1, "highest"), (float("nan"), "highest")])
def test_tf32_is_used_if_nobody_can_hear_it(
    tiny: Checkpoint, error: float, products: str, caplog: pytest.LogCaptureFixture
) -> None:
    codec = random_decoder(tiny.config.codec)
    coarse(codec, error)
    use_tf32(codec)

    assert codec.products == products
    assert ("engine.codec_tf32 is not used" in caplog.text) == (products == "highest")


def test_coarse_products_are_the_codecs_alone() -> None:
    before = torch.get_float32_matmul_precision()
    with float32_products("high"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before == "highest"
