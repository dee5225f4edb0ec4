"""The official package, qwen-tts 0.1.1, in bfloat16: a reply's codes by its own loop, then its whole-clip decode.

    official.py THREADS

Runs in the official package's environment. It cannot stream: time to first audio is the whole reply's. Its weights are
random numbers of its own (in bfloat16 speed does not depend on them), of 0.6B's size.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
import time
import types
from importlib import import_module
from typing import Any

import torch

PROMPT = 30
ROPE = {"interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default", "type": "default"}
STACK = {"hidden_size": 1024, "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 8}
STACK |= {"head_dim": 128, "rope_theta": 1_000_000, "num_code_groups": 16}
IDS = {"pad": 2148, "bos": 2149, "think": 2154, "nothink": 2155, "think_bos": 2156, "think_eos": 2157}
DECODER = {
    "codebook_size": 2048, "codebook_dim": 512, "hidden_size": 512, "latent_dim": 1024, "intermediate_size": 1024,
    "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 64, "num_hidden_layers": 8, "num_quantizers": 16,
    "sliding_window": 72, "decoder_dim": 1536, "upsample_rates": [8, 5, 4, 3], "upsampling_ratios": [2, 2],
    "max_position_embeddings": 8000, "rope_theta": 10000,
}  # fmt: skip
# Imported by the package for its 25 Hz tokenizer, which is not used here.
UNNEEDED = ("sox", "onnxruntime", "torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi")


def import_package() -> None:
    for name in UNNEEDED:
        module = sys.modules.setdefault(name, types.ModuleType(name))
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    import_module("qwen_tts")


def talker() -> Any:
    side = import_module("qwen_tts.core.models.configuration_qwen3_tts")
    predictor = {**STACK, "vocab_size": 2048, "num_hidden_layers": 5, "max_position_embeddings": 65536}
    config = side.Qwen3TTSTalkerConfig(
        **STACK,
        vocab_size=3072,
        num_hidden_layers=28,
        rope_scaling=ROPE,
        max_position_embeddings=32768,
        text_hidden_size=2048,
        text_vocab_size=151936,
        code_predictor_config=predictor,
        spk_id={},
        spk_is_dialect={},
        codec_language_id={},
        codec_eos_token_id=2150,
        **{f"codec_{name}_id": value for name, value in IDS.items()},
    )
    return import_module("qwen_tts.core.models.modeling_qwen3_tts").Qwen3TTSTalkerForConditionalGeneration(config)


def decoder() -> Any:
    core = import_module("qwen_tts.core")
    return core.Qwen3TTSTokenizerV2Model(core.Qwen3TTSTokenizerV2Config(decoder_config=DECODER)).decoder


@torch.inference_mode()
def reply(model: Any, codec: Any, frames: int) -> dict[str, float]:
    prompt = 0.02 * torch.randn(1, PROMPT, 1024, dtype=torch.bfloat16)
    began = time.perf_counter()
    model.generate(
        inputs_embeds=prompt,
        attention_mask=torch.ones(1, PROMPT, dtype=torch.long),
        trailing_text_hidden=prompt[:, :4],
        tts_pad_embed=prompt[:, :1],
        max_new_tokens=frames + 1,
        min_new_tokens=frames + 1,
        do_sample=True,
        top_k=50,
        temperature=0.9,
        subtalker_dosample=True,
        subtalker_top_k=50,
        subtalker_temperature=0.9,
        eos_token_id=2150,
        output_hidden_states=True,
        return_dict_in_generate=True,
    )
    codec(torch.randint(0, 2048, (1, 16, frames)))
    took = (time.perf_counter() - began) * 1000
    return {"ttfa_ms": took, "ms_per_frame": took / frames, "frames": frames, "packet": frames}


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    import_package()
    torch.set_default_dtype(torch.bfloat16)
    model = talker().eval()
    codec = decoder().eval()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write("took " + json.dumps(reply(model, codec, int(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
