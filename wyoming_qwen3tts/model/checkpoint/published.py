"""The published checkpoints' configurations, for tests and for ``bench --random-weights``; loading never looks here.

Values from the model cards' config.json files as recorded in public ports; parameter counts confirm them to the unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from ..language_model import LanguageModel
from .config import (
    CONTROL_IDS,
    CodecConfig,
    CodecIds,
    ModelConfig,
    ModelType,
    SamplingDefaults,
    SpeakerEncoderConfig,
    TalkerConfig,
    TransformerConfig,
)

Size = Literal["0.6B", "1.7B"]

CODEBOOK_SIZE = 2048
# Ids inside the talker's codec vocabulary, counted from the first one after the 2,048 codes.
CONTROL_OFFSETS = {"pad": 100, "bos": 101, "eos": 102, "think": 106, "nothink": 107, "think_bos": 108, "think_eos": 109}
LANGUAGES = {
    "english": 2,
    "german": 5,
    "spanish": 6,
    "chinese": 7,
    "japanese": 10,
    "french": 13,
    "korean": 16,
    "russian": 21,
    "italian": 22,
    "portuguese": 23,
}
DIALECTS = {"beijing_dialect": 26, "sichuan_dialect": 14}  # CustomVoice only
SPEAKERS = {
    "serena": 1018,
    "vivian": 1017,
    "uncle_fu": 962,
    "ryan": 1013,
    "aiden": 813,
    "ono_anna": 825,
    "sohee": 816,
    "eric": 827,
    "dylan": 830,
}
SPEAKER_DIALECTS = {"eric": "sichuan_dialect", "dylan": "beijing_dialect"}


def published_config(size: Size, kind: ModelType = "custom_voice") -> ModelConfig:
    """What `load_config` would read from a published checkpoint."""
    hidden = {"0.6B": 1024, "1.7B": 2048}[size]
    speaker_encoder = SpeakerEncoderConfig(
        128, hidden, (512, 512, 512, 512, 1536), (5, 3, 3, 3, 1), (1, 2, 3, 4, 1), 128, 8, 128, 24000
    )
    return ModelConfig(
        type=kind,
        size={"0.6B": "0b6", "1.7B": "1b7"}[size],
        talker=_talker(hidden, speaks=kind == "custom_voice"),
        predictor=_stack(CODEBOOK_SIZE, 1024, 5),
        speaker_encoder=speaker_encoder if kind == "base" else None,
        sampling=SamplingDefaults(True, 0.9, 50, 1.0, 1.05, True, 0.9, 50, 1.0, 8192),
        codec=_codec(),
        im_start_id=151644,
        im_end_id=151645,
        tts_pad_id=151671,
        tts_bos_id=151672,
        tts_eos_id=151673,
    )


def _stack(vocab_size: int, hidden: int, layers: int) -> TransformerConfig:
    return TransformerConfig(vocab_size, hidden, 3 * hidden, layers, 16, 8, 128, 1e6, 1e-6)


def _talker(hidden: int, *, speaks: bool) -> TalkerConfig:
    languages = LANGUAGES | (DIALECTS if speaks else {})
    return TalkerConfig(
        stack=_stack(CODEBOOK_SIZE + CONTROL_IDS, hidden, 28),
        code_groups=16,
        text_vocab_size=151936,
        text_hidden_size=2048,
        positions_max=32768,
        ids=CodecIds(**{name: CODEBOOK_SIZE + offset for name, offset in CONTROL_OFFSETS.items()}),
        languages={name: CODEBOOK_SIZE + offset for name, offset in languages.items()},
        speakers={name: CODEBOOK_SIZE + offset for name, offset in SPEAKERS.items()} if speaks else {},
        dialects=SPEAKER_DIALECTS if speaks else {},
    )


def _codec() -> CodecConfig:
    return CodecConfig(
        codebook_size=CODEBOOK_SIZE,
        codebook_dim=512,
        latent_dim=1024,
        hidden_size=512,
        intermediate_size=1024,
        layers=8,
        heads=16,
        kv_heads=16,
        head_dim=64,
        sliding_window=72,
        rope_theta=1e4,
        rms_norm_eps=1e-5,
        decoder_dim=1536,
        upsample_rates=(8, 5, 4, 3),
        upsampling_ratios=(2, 2),
        num_quantizers=16,
        input_sample_rate_hz=24000,
        output_sample_rate_hz=24000,
        encoder_quantizers=16,
        encoder={},  # every value is transformers' own default
    )


def random_language_model(
    config: ModelConfig, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.bfloat16, seed: int = 0
) -> LanguageModel:
    """A model of the given shape with random weights in memory, to measure speed with. It speaks noise.

    The text table, of which only single rows are ever read, is not part of it.
    """
    with torch.device("meta"):
        model = LanguageModel(config)
    model.load_state_dict(dict(random_parameters(config, device=device, dtype=dtype, seed=seed)), assign=True)
    return model.to(device).requires_grad_(False).eval()


def random_parameters(
    config: ModelConfig, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.bfloat16, seed: int = 0
) -> Iterator[tuple[str, Tensor]]:
    """The parameters of `random_language_model`, one after the other."""
    with torch.device("meta"):
        model = LanguageModel(config)
    generator = torch.Generator(device).manual_seed(seed)
    for name, meta in model.state_dict().items():
        tensor = torch.empty(meta.shape, device=device, dtype=dtype)
        spread = 1.0 / meta.shape[-1] ** 0.5 if "embedding" not in name else 0.5
        yield name, tensor.fill_(1.0) if "norm" in name else tensor.normal_(0.0, spread, generator=generator)
