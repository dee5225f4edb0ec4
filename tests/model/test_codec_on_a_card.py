"""What a codec's step asks of a card: as many kernels for many frames of many streams as for one, the weights once."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from wyoming_qwen3tts.engine.qwen3.profiling.kernels import KernelCount
from wyoming_qwen3tts.engine.qwen3.runner.codec import PACKETS
from wyoming_qwen3tts.model.checkpoint.codec_weights import random_decoder
from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint
from wyoming_qwen3tts.model.codec import ALL_ROWS, CodecDecoder


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
    codec.rows_at_once = ALL_ROWS
    one, many = counted(codec, 1, 1), counted(codec, streams, frames)
    weights = sum(p.numel() * p.element_size() for p in codec.parameters())
    passing = (one.bytes_read - weights) * streams * frames  # what is read of signals and states

    assert many.total <= 1.2 * one.total
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
