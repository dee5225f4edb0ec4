"""Our networks with the random weights that the golden files were made with."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.parity.random_weights import random_tensors
from tests.parity.tiny_codec import OTHER_DECODER, SEED, TINY_DECODER, TINY_SPEAKER, codec_json
from wyoming_qwen3tts.model.checkpoint.codec_weights import load_decoder
from wyoming_qwen3tts.model.checkpoint.config import CodecConfig, SpeakerEncoderConfig, load_codec_config
from wyoming_qwen3tts.model.checkpoint.shapes import (
    Shapes,
    codec_decoder_shapes,
    codec_encoder_shapes,
    speaker_encoder_shapes,
)
from wyoming_qwen3tts.model.codec import CodecDecoder

GOLDEN = Path(__file__).parent / "golden"
DECODERS = {"tiny": TINY_DECODER, "other": OTHER_DECODER}

torch.set_num_threads(1)


@cache
def codec_config(name: str = "tiny") -> CodecConfig:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(codec_json(DECODERS[name])))
        return load_codec_config(Path(folder))


@cache
def decoder(name: str = "tiny") -> CodecDecoder:
    config = codec_config(name)
    return load_decoder(weights(codec_decoder_shapes(config)), config)


def encoder_weights() -> dict[str, Tensor]:
    return weights(codec_encoder_shapes(codec_config()))


def speaker_config() -> SpeakerEncoderConfig:
    tiny = TINY_SPEAKER
    return SpeakerEncoderConfig(
        mel_dim=tiny["mel_dim"],
        dim=tiny["enc_dim"],
        channels=tuple(tiny["enc_channels"]),
        kernel_sizes=(5, 3, 3, 3, 1),
        dilations=(1, 2, 3, 4, 1),
        attention_channels=tiny["enc_attention_channels"],
        res2net_scale=tiny["enc_res2net_scale"],
        se_channels=tiny["enc_se_channels"],
        sample_rate_hz=tiny["sample_rate"],
    )


def speaker_weights() -> dict[str, Tensor]:
    return weights(speaker_encoder_shapes(speaker_config()))


def weights(shapes: Shapes) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in random_tensors(shapes, SEED).items()}


def golden(name: str) -> dict[str, Any]:
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def speech() -> Tensor:
    """3.55 s of the built-in voice, ``[85200]`` float32 at 24 kHz."""
    return torch.from_numpy(golden("speech")["pcm"].astype(np.float32) / 32768)


def codes(frames: int, streams: int = 1, name: str = "tiny", seed: int = 0) -> Tensor:
    config = codec_config(name)
    numbers = np.random.default_rng(seed)
    return torch.from_numpy(numbers.integers(0, config.codebook_size, (streams, frames, config.num_quantizers)))
