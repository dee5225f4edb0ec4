"""How many kernels the official loop dispatches per frame, by the rule of `engine/qwen3/profiling/kernels.py`.

    script/count-official [write]

Full depth (28 layers, 5 in the predictor, 16 codebooks), small widths: the count does not depend on them. Sampled as
the published checkpoints are, batch 1, bfloat16, behind a prompt of 20 positions; the difference between a longer and a
shorter utterance, so that the prompt is not in it. The official package at its fastest setting that needs no further
install: sdpa attention, no gradients.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from tests.parity.official import import_official
from wyoming_qwen3tts.engine.qwen3.profiling.kernels import KernelCount

GOLDEN = Path(__file__).parent / "golden" / "official-kernels.json"
PROMPT, SHORT, LONG = 20, 4, 12


def small_talker() -> Any:
    side = import_module("qwen_tts.core.models.configuration_qwen3_tts")
    stack: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
    }
    stack |= {"head_dim": 16, "rope_theta": 1e6}
    rope = {"interleaved": True, "mrope_section": [4, 2, 2], "rope_type": "default", "type": "default"}
    predictor = stack | {"vocab_size": 2048, "num_hidden_layers": 5, "max_position_embeddings": 65536}
    config = side.Qwen3TTSTalkerConfig(
        **stack,
        vocab_size=3072,
        num_hidden_layers=28,
        rope_scaling=rope,
        max_position_embeddings=32768,
        num_code_groups=16,
        text_hidden_size=64,
        text_vocab_size=128,
        code_predictor_config=predictor | {"num_code_groups": 16},
        spk_id={},
        spk_is_dialect={},
        codec_language_id={},
        codec_eos_token_id=2150,
        codec_pad_id=2148,
        codec_bos_id=2149,
        codec_think_id=2154,
        codec_nothink_id=2155,
        codec_think_bos_id=2156,
        codec_think_eos_id=2157,
    )
    config._attn_implementation = "sdpa"
    torch.set_default_dtype(torch.bfloat16)
    try:
        modeling = import_module("qwen_tts.core.models.modeling_qwen3_tts")
        return modeling.Qwen3TTSTalkerForConditionalGeneration(config).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def counted(talker: Any, frames: int) -> KernelCount:
    prompt = torch.zeros(1, PROMPT, 64, dtype=torch.bfloat16)
    suppressed = [i for i in range(2048, 3072) if i != 2150]
    sampling = {"do_sample": True, "top_k": 50, "top_p": 1.0, "temperature": 0.9, "repetition_penalty": 1.05}
    subtalker = {f"subtalker_{name}": sampling[name] for name in ("top_k", "top_p", "temperature")}
    torch.manual_seed(0)
    count = KernelCount()
    with torch.inference_mode(), count:
        talker.generate(
            inputs_embeds=prompt,
            attention_mask=torch.ones(1, PROMPT, dtype=torch.long),
            trailing_text_hidden=prompt[:, :4],
            tts_pad_embed=prompt[:, :1],
            max_new_tokens=frames + 1,
            min_new_tokens=frames + 1,
            suppress_tokens=suppressed,
            eos_token_id=2150,
            output_hidden_states=True,
            return_dict_in_generate=True,
            subtalker_dosample=True,
            **sampling,
            **subtalker,
        )
    return count


def derive() -> dict[str, Any]:
    talker = small_talker()
    counted(talker, SHORT)  # what is made at first use
    short, long = counted(talker, SHORT), counted(talker, LONG)
    frames = LONG - SHORT
    by_name = {name: (n - short.kernels[name]) / frames for name, n in long.kernels.most_common()}
    versions = {
        name: import_module("importlib.metadata").version(name) for name in ("qwen-tts", "transformers", "torch")
    }
    return {
        "kernels_per_frame": (long.total - short.total) / frames,
        "host_reads_per_frame": (long.syncs - short.syncs) / frames,
        "by_operation": {name: n for name, n in by_name.items() if n},
        "versions": versions,
    }


def main() -> None:
    import_official()
    found = derive()
    if sys.argv[1:] == ["write"]:
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    if json.loads(GOLDEN.read_text())["kernels_per_frame"] != found["kernels_per_frame"]:
        sys.exit("not what is committed")


if __name__ == "__main__":
    main()
