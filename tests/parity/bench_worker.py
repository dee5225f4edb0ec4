"""One side of the race of `bench_official.py`: a long-lived process that makes frames when it is told to.

    bench_worker.py ours|official TINY_CHECKPOINT

A line ``full|tiny FRAMES THREADS`` on standard input is answered by the milliseconds that a frame took. Greedy, behind
a prompt of `PROMPT` positions; decode frames only: neither the prompt nor the frame it gives is timed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from tests.parity.official import import_official, load_official
from wyoming_qwen3tts.model.checkpoint.published import published_config, random_language_model
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.sampling import FrameSampling

PROMPT = 20
Race = Callable[[int], float]


def ours(model: LanguageModel) -> Race:
    sampling = FrameSampling.from_defaults(model.config.sampling, greedy=True)
    prompt = _prompt(model.config.talker.stack.hidden_size, model.dtype)

    def run(frames: int) -> float:
        state = model.init_state(1, PROMPT + frames + 1)
        hidden = model.talker.prefill(prompt, state.cache)[:, -1]
        state.restart(0, PROMPT, 0)
        codes, embedding = model.codes(hidden, state, sampling)
        began = time.perf_counter()
        for made in range(1, frames + 1):
            x = embedding + prompt[:, 0]
            codes, embedding = model.frame(x[:, None], state, sampling, context_len=PROMPT + made)
            codes[0, 0].item()  # as the loop that speaks does: has it ended?
        return (time.perf_counter() - began) * 1000 / frames

    return run


def official(talker: Any) -> Race:
    """By the clock at its codec head, which every frame passes once, between its talker step and its predictor."""
    passed: list[float] = []
    talker.codec_head.register_forward_hook(lambda *_: passed.append(time.perf_counter()))
    prompt = _prompt(talker.config.hidden_size, talker.codec_head.weight.dtype)
    eos = talker.config.codec_eos_token_id

    def run(frames: int) -> float:
        passed.clear()
        talker.generate(
            inputs_embeds=prompt,
            attention_mask=torch.ones(1, PROMPT, dtype=torch.long),
            trailing_text_hidden=prompt[:, :4],
            tts_pad_embed=prompt[:, :1],
            max_new_tokens=frames + 1,
            min_new_tokens=frames + 1,
            do_sample=False,
            subtalker_dosample=False,
            eos_token_id=eos,
            output_hidden_states=True,
            return_dict_in_generate=True,
        )
        assert len(passed) == frames + 1, passed
        return (passed[-1] - passed[0]) * 1000 / frames

    return run


def official_talker() -> Any:
    """The official talker at 0.6B's size with random weights, bfloat16."""
    config, side = published_config("0.6B"), import_module("qwen_tts.core.models.configuration_qwen3_tts")
    talker, predictor = config.talker, config.predictor
    rope = {"interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default", "type": "default"}
    theirs = side.Qwen3TTSTalkerConfig(
        **_stack(talker.stack),
        rope_scaling=rope,
        max_position_embeddings=talker.positions_max,
        num_code_groups=16,
        text_hidden_size=talker.text_hidden_size,
        text_vocab_size=talker.text_vocab_size,
        code_predictor_config={**_stack(predictor), "max_position_embeddings": 65536, "num_code_groups": 16},
        spk_id={},
        spk_is_dialect={},
        codec_language_id={},
        codec_eos_token_id=talker.ids.eos,
        **{f"codec_{name}_id": getattr(talker.ids, name) for name in ("pad", "bos", "think", "nothink")},
        codec_think_bos_id=talker.ids.think_bos,
        codec_think_eos_id=talker.ids.think_eos,
    )
    torch.set_default_dtype(torch.bfloat16)
    try:
        modeling = import_module("qwen_tts.core.models.modeling_qwen3_tts")
        return modeling.Qwen3TTSTalkerForConditionalGeneration(theirs).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def _stack(stack: Any) -> dict[str, Any]:
    return {
        "vocab_size": stack.vocab_size,
        "hidden_size": stack.hidden_size,
        "intermediate_size": stack.intermediate_size,
        "num_hidden_layers": stack.layers,
        "num_attention_heads": stack.heads,
        "num_key_value_heads": stack.kv_heads,
        "head_dim": stack.head_dim,
        "rope_theta": stack.rope_theta,
    }


def _prompt(hidden: int, dtype: torch.dtype) -> torch.Tensor:
    return (0.02 * torch.randn(1, PROMPT, hidden, generator=torch.Generator().manual_seed(0))).to(dtype)


def races(side: str, tiny: Path) -> dict[str, Race]:
    if side == "ours":
        model = random_language_model(published_config("0.6B"), dtype=torch.bfloat16)
        return {"full": ours(model), "tiny": ours(load_checkpoint(tiny).model)}
    import_official()
    return {"full": official(official_talker()), "tiny": official(load_official(tiny).model.talker)}


@torch.inference_mode()
def main() -> None:
    run = races(sys.argv[1], Path(sys.argv[2]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        what, frames, threads = line.split()
        torch.set_num_threads(int(threads))
        sys.stdout.write(f"took {run[what](int(frames))}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
