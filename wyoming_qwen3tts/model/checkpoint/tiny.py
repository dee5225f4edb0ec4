"""Writes a complete random checkpoint of 2-3 MB in the published layout, for tests and for machines without weights.

What it says is noise, but every file, name and rule is the real one: the official package loads the folder too, and
the golden codes of ``tests/parity`` come from it. The numbers come from numpy's `RandomState`, whose streams are
frozen, and each tensor has its own, so one seed means one checkpoint for ever.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod, sqrt
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor

from .config import CONTROL_IDS, ModelType, load_config
from .published import CONTROL_OFFSETS, DIALECTS, LANGUAGES, SPEAKER_DIALECTS, SPEAKERS, Size, published_config
from .shapes import HEAD, Shapes, codec_shapes, model_shapes

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>")
# Merged into single tokens, so that texts are about as many tokens as real ones; "assistant" must be one.
WORDS = """
    assistant user the The light in kitchen is on It twelve degrees outside and will rain tonight Turning off lamp
    living room Your timer for ten minutes done front door locked warm voice hello Hello world one two three four five
"""


@dataclass(frozen=True, slots=True)
class TinyShape:
    """The sizes that tests vary. ``predictor_hidden`` equal to ``hidden`` means no projection, as in 0.6B.

    With ``is_endless`` the end of speech is never among the codes that are drawn: a reply is as long as one listens.
    """

    hidden: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    predictor_hidden: int = 48
    predictor_layers: int = 2
    predictor_heads: int = 4
    predictor_kv_heads: int = 2
    codebook_size: int = 256
    codec_layers: int = 2
    codec_window: int = 72
    codec_dim: int = 32
    upsample_rates: tuple[int, ...] = (8, 5, 4, 3)  # with one more 2 the codec makes 48 kHz
    inner: int = 2  # of a language model's stack: its MLP's width, in hidden sizes
    text_hidden: int = 96
    codec_hidden: int = 32
    codec_heads: int = 4
    codec_head_dim: int = 16
    codec_code: int = 32
    codec_latent: int = 48
    code_groups: int = 16
    is_endless: bool = False


def published_shape(size: Size) -> TinyShape:
    """The published sizes, for a checkpoint to measure with: 1 GB of 0.6B, as the text table has a row for each id of
    the small vocabulary only, and the codec's encoder, which no reply needs, stays tiny."""
    model = published_config(size)
    talker, predictor, codec = model.talker.stack, model.predictor, model.codec
    return TinyShape(
        talker.hidden_size, talker.layers, talker.heads, talker.kv_heads, talker.head_dim,
        predictor.hidden_size, predictor.layers, predictor.heads, predictor.kv_heads,
        codec.codebook_size, codec.layers, codec.sliding_window, codec.decoder_dim, codec.upsample_rates,
        inner=talker.intermediate_size // talker.hidden_size,
        text_hidden=model.talker.text_hidden_size,
        codec_hidden=codec.hidden_size, codec_heads=codec.heads, codec_head_dim=codec.head_dim,
        codec_code=codec.codebook_dim, codec_latent=codec.latent_dim,
        is_endless=True,
    )  # fmt: skip


def write_tiny_checkpoint(
    folder: Path,
    kind: ModelType = "custom_voice",
    *,
    size: str | None = None,
    seed: int = 0,
    shape: TinyShape | None = None,
    dtype: torch.dtype = torch.bfloat16,
    words: tuple[str, ...] = (),
) -> Path:
    """Write a checkpoint into ``folder`` (made if need be) and return it.

    ``size`` is the config's ``tts_model_size``, ``0b6`` or ``1b7``; of a CustomVoice checkpoint only ``1b7`` takes
    instructions. By default VoiceDesign is ``1b7`` and the others ``0b6``, as published. ``dtype`` is that of the
    language model's file; the codec's is float32. ``words`` are tokens beside `WORDS`, with the space before them, too.
    """
    shape = shape or TinyShape()
    size = size or ("1b7" if kind == "voice_design" else "0b6")
    codec = folder / "speech_tokenizer"
    codec.mkdir(parents=True, exist_ok=True)
    vocab_size = _write_tokenizer(folder, words)
    _dump(folder / "config.json", config_json(kind, size, vocab_size, shape))
    _dump(folder / "generation_config.json", _generation())
    _dump(folder / "preprocessor_config.json", {"processor_class": "Qwen3TTSProcessor", "padding_side": "left"})
    _dump(codec / "config.json", _codec_config(shape))
    extractor = {"feature_extractor_type": "EncodecFeatureExtractor", "feature_size": 1, "sampling_rate": 24000}
    _dump(codec / "preprocessor_config.json", extractor | {"padding_side": "right", "padding_value": 0.0})
    config = load_config(folder)  # our own reader decides which tensors there are
    tensors = _random_tensors(model_shapes(config), seed)
    if shape.is_endless:
        tensors[HEAD][config.talker.ids.eos] = 0.0  # the others spread around it, and only the highest are drawn
    _save(folder / "model.safetensors", tensors, dtype)
    _save(codec / "model.safetensors", _random_tensors(codec_shapes(config.codec), seed), torch.float32)
    return folder


def _dump(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _save(path: Path, tensors: dict[str, Tensor], dtype: torch.dtype) -> None:
    save_file({name: tensor.to(dtype) for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


def _write_tokenizer(folder: Path, words: tuple[str, ...]) -> int:
    """A byte-level BPE whose merges spell out ``words`` and `WORDS` from the left. Returns the number of ids, special
    ones too."""
    merges: dict[str, None] = {}
    tokens = dict.fromkeys(sorted(ByteLevel.alphabet()))
    for word in [
        *WORDS.split()[:2],
        *(f"\u0120{word}" for word in words),  # before the bare ones, whose merges would leave the space alone
        *words,
        *WORDS.split(),
        *(f"\u0120{word}" for word in WORDS.split()),
    ]:  # U+0120 stands for a space in byte-level vocabularies
        for end in range(2, len(word) + 1):
            merges[f"{word[: end - 1]} {word[end - 1]}"] = None
            tokens[word[:end]] = None
    _dump(folder / "vocab.json", {token: i for i, token in enumerate(tokens)})
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    added = {str(len(tokens) + i): {"content": token, **flags} for i, token in enumerate(SPECIAL_TOKENS)}
    tokenizer = {
        "add_prefix_space": False,
        "added_tokens_decoder": added,
        "additional_special_tokens": list(SPECIAL_TOKENS[1:]),
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 131072,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    _dump(folder / "tokenizer_config.json", tokenizer)
    return len(tokens) + len(SPECIAL_TOKENS)


def config_json(kind: ModelType, size: str, vocab_size: int, shape: TinyShape) -> dict[str, Any]:
    """What ``config.json`` holds. ``vocab_size`` counts the special tokens, too."""
    special = {token: vocab_size - len(SPECIAL_TOKENS) + i for i, token in enumerate(SPECIAL_TOKENS)}
    top = {
        "architectures": ["Qwen3TTSForConditionalGeneration"],
        "model_type": "qwen3_tts",
        "tokenizer_type": "qwen3_tts_tokenizer_12hz",
        "transformers_version": "4.57.3",
        "tts_model_size": size,
        "tts_model_type": kind,
        "im_start_token_id": special["<|im_start|>"],
        "im_end_token_id": special["<|im_end|>"],
        "tts_pad_token_id": special["<tts_pad>"],
        "tts_bos_token_id": special["<tts_text_bos>"],
        "tts_eos_token_id": special["<tts_text_eod>"],
        "talker_config": _talker_config(kind, vocab_size, shape),
    }
    if kind == "base":
        top["speaker_encoder_config"] = {
            "enc_dim": shape.hidden,
            "enc_channels": [32, 32, 32, 32, 96],
            "enc_attention_channels": 16,
            "enc_res2net_scale": 4,
            "enc_se_channels": 16,
            "sample_rate": 24000,
        }
    return top


def _talker_config(kind: ModelType, vocab_size: int, shape: TinyShape) -> dict[str, Any]:
    first = shape.codebook_size
    third = shape.head_dim // 6
    speaks = kind == "custom_voice"
    languages = LANGUAGES | (DIALECTS if speaks else {})
    return {
        **_stack_config(shape.hidden, shape.layers, shape.heads, shape.kv_heads, shape.head_dim, shape.inner),
        "vocab_size": first + CONTROL_IDS,
        "num_code_groups": shape.code_groups,
        "text_hidden_size": shape.text_hidden,
        "text_vocab_size": -(-vocab_size // 64) * 64,
        "max_position_embeddings": 32768,
        "rope_scaling": {
            "interleaved": True,
            "mrope_section": [shape.head_dim // 2 - 2 * third, third, third],
            "rope_type": "default",
            "type": "default",
        },
        **{f"codec_{name}{'_token' * (name == 'eos')}_id": first + offset for name, offset in CONTROL_OFFSETS.items()},
        "codec_language_id": {name: first + offset for name, offset in languages.items()},
        "spk_id": {name: first + offset for name, offset in SPEAKERS.items()} if speaks else {},
        "spk_is_dialect": {name: SPEAKER_DIALECTS.get(name, False) for name in SPEAKERS} if speaks else {},
        "code_predictor_config": {
            **_stack_config(
                shape.predictor_hidden,
                shape.predictor_layers,
                shape.predictor_heads,
                shape.predictor_kv_heads,
                shape.head_dim,
                shape.inner,
            ),
            "vocab_size": first,
            "num_code_groups": shape.code_groups,
            "max_position_embeddings": 65536,
            "rope_scaling": None,
        },
    }


def _stack_config(hidden: int, layers: int, heads: int, kv_heads: int, head_dim: int, inner: int = 2) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": head_dim,
        "hidden_act": "silu",
        "attention_bias": False,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1000000,
    }


def _generation() -> dict[str, Any]:
    return {
        "do_sample": True,
        "temperature": 0.9,
        "top_k": 50,
        "top_p": 1.0,
        "repetition_penalty": 1.05,
        "subtalker_dosample": True,
        "subtalker_temperature": 0.9,
        "subtalker_top_k": 50,
        "subtalker_top_p": 1.0,
        "max_new_tokens": 8192,
    }


def _codec_config(shape: TinyShape) -> dict[str, Any]:
    frame_samples = 4 * prod(shape.upsample_rates)
    decoder = {
        **_stack_config(
            shape.codec_hidden, shape.codec_layers, shape.codec_heads, shape.codec_heads, shape.codec_head_dim
        ),
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000,
        "codebook_size": shape.codebook_size,
        "codebook_dim": shape.codec_code,
        "latent_dim": shape.codec_latent,
        "sliding_window": shape.codec_window,
        "num_quantizers": shape.code_groups,
        "decoder_dim": shape.codec_dim,
        "upsample_rates": list(shape.upsample_rates),
        "upsampling_ratios": [2, 2],
        "max_position_embeddings": 8000,
    }
    return {
        "architectures": ["Qwen3TTSTokenizerV2Model"],
        "model_type": "qwen3_tts_tokenizer_12hz",
        "transformers_version": "4.57.3",
        "decoder_config": decoder,
        "encoder_config": _encoder_config(shape),
        "encoder_valid_num_quantizers": shape.code_groups,
        "input_sample_rate": 24000,
        "output_sample_rate": frame_samples * 25 // 2,
        "decode_upsample_rate": frame_samples,
        "encode_downsample_rate": 1920,
    }


def _encoder_config(shape: TinyShape) -> dict[str, Any]:
    return {
        "model_type": "mimi",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "head_dim": 8,
        "num_filters": 4,
        "upsampling_ratios": [8, 6, 5, 4],
        "codebook_size": shape.codebook_size,
        "codebook_dim": 8,
        "vector_quantization_hidden_dimension": 8,
        "num_quantizers": 32,
        "num_semantic_quantizers": 1,
        "upsample_groups": 32,
        "sampling_rate": 24000,
        "frame_rate": 12.5,
        "sliding_window": 250,
        "use_causal_conv": True,
    }


def _random_tensors(shapes: Shapes, seed: int) -> dict[str, Tensor]:
    tensors = {}
    for name, shape in shapes.items():
        random = np.random.RandomState((crc32(name.encode()) + seed) % 2**32)
        mean, spread = _mean_and_spread(name, shape)
        tensors[name] = torch.from_numpy((mean + spread * random.standard_normal(shape)).astype(np.float32))
    return tensors


def _mean_and_spread(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """Scales that keep the variance, so that codes vary over frames and the codec's sound is neither 0 nor clipped."""
    if name.endswith(("cluster_usage", "initialized")):
        return 1.0, 0.0
    if name.endswith((".scale", ".gamma")):
        return 0.1, 0.0
    if name.endswith((".alpha", ".beta")):
        return 0.0, 0.1
    if "norm" in name:
        return (1.0, 0.1) if name.endswith("weight") else (0.0, 0.02)
    if name.startswith("talker."):
        return 0.0, 0.5 if "embedding" in name else 1.5 / shape[-1] ** 0.5 if len(shape) == 2 else 0.1
    if name.endswith(("embedding_sum", "embed_sum")):
        return 0.0, 1.0
    return 0.0, 0.02 if len(shape) == 1 else _convolution_spread(name, shape)


def _convolution_spread(name: str, shape: tuple[int, ...]) -> float:
    """Convolutions and projections of the codec and of the speaker encoder."""
    into = prod(shape[1:])
    if name.startswith("encoder."):
        return 1.5 / sqrt(into)  # against the ELUs and the quantisers' input projection, which lose most of a clip
    if name.startswith("decoder.decoder.") and shape[0] == 1:
        return 0.3 / sqrt(into)  # the last one: keep away from the clamp at 1
    if (name.startswith("decoder.upsample.") and ".0.conv." in name) or ".block.1.conv." in name:
        into = 2 * shape[0]  # transposed: the other way round, and two taps meet in every sample
    return 0.7 / sqrt(into)
