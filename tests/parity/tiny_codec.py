"""The codecs of the parity tests: small, random, and odd enough that a wrong reading of the specification shows."""

from __future__ import annotations

from typing import Any

SEED = 20261124  # of all weights below

TINY_DECODER: dict[str, Any] = {
    "attention_bias": False, "hidden_act": "silu", "rms_norm_eps": 1e-5,
    "codebook_size": 256, "codebook_dim": 32, "hidden_size": 32, "latent_dim": 48, "intermediate_size": 64,
    "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16, "num_hidden_layers": 2,
    "num_quantizers": 16, "sliding_window": 72, "decoder_dim": 64, "upsample_rates": [8, 5, 4, 3],
    "upsampling_ratios": [2, 2], "max_position_embeddings": 8000, "rope_theta": 10000,
}  # fmt: skip

OTHER_DECODER: dict[str, Any] = TINY_DECODER | {
    "codebook_size": 64, "hidden_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "num_hidden_layers": 3, "num_quantizers": 6, "sliding_window": 5, "decoder_dim": 24, "upsample_rates": [3, 2],
    "upsampling_ratios": [2, 3], "rope_theta": 500,
}  # fmt: skip

TINY_ENCODER: dict[str, Any] = {
    "hidden_size": 32, "num_filters": 4, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "head_dim": 8, "codebook_size": 256, "codebook_dim": 16,
    "vector_quantization_hidden_dimension": 16, "num_quantizers": 32, "num_semantic_quantizers": 1,
    "sampling_rate": 24000, "frame_rate": 12.5, "sliding_window": 250, "upsample_groups": 32, "use_causal_conv": True,
}  # fmt: skip

TINY_SPEAKER: dict[str, Any] = {
    "mel_dim": 128, "enc_dim": 64, "enc_channels": [32, 32, 32, 32, 96], "enc_attention_channels": 16,
    "enc_res2net_scale": 4, "enc_se_channels": 16, "sample_rate": 24000,
}  # fmt: skip


def codec_json(decoder: dict[str, Any], encoder: dict[str, Any] = TINY_ENCODER) -> dict[str, Any]:
    """A ``speech_tokenizer/config.json`` in the published layout."""
    samples = 1
    for factor in (*decoder["upsample_rates"], *decoder["upsampling_ratios"]):
        samples *= factor
    return {
        "model_type": "qwen3_tts_tokenizer_12hz", "decoder_config": decoder, "encoder_config": encoder,
        "encoder_valid_num_quantizers": 16, "input_sample_rate": 24000, "output_sample_rate": 24000,
        "decode_upsample_rate": samples, "encode_downsample_rate": 1920,
    }  # fmt: skip
