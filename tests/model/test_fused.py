"""The lean stack computes what the plain one computes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint, load_checkpoint
from wyoming_qwen3tts.model.fused import FusedTransformer, lean
from wyoming_qwen3tts.model.generate import generate_codes
from wyoming_qwen3tts.model.layers import Transformer
from wyoming_qwen3tts.model.prompt import PromptVoice
from wyoming_qwen3tts.model.sampling import FrameSampling, SamplingParams

GREEDY = FrameSampling(SamplingParams(greedy=True), SamplingParams(greedy=True))


@pytest.mark.parametrize("sampling", [GREEDY, FrameSampling()], ids=["greedy", "sampled"])
@pytest.mark.parametrize("layout", ["sentence", "live"])
def test_lean_codes_are_the_plain_codes(
    tiny: Checkpoint, tiny_folders: dict[str, Path], sampling: FrameSampling, layout: str
) -> None:
    other = load_checkpoint(tiny_folders["custom_voice"])
    lean(other.model)
    text, found = "It will rain tonight, and the front door is locked.", []
    for checkpoint in (tiny, other):
        prompts = checkpoint.prompts
        if layout == "sentence":
            prompt = prompts.sentence(text, PromptVoice("ryan"), "english")
        else:
            prompt = prompts.live(prompts.tokenizer.speech(text), PromptVoice("ryan"), "english")
        found.append([codes.tolist() for codes in generate_codes(checkpoint.model, prompt, sampling, 3, 30)])

    assert found[0] == found[1]
    assert len(found[0]) > 5


@torch.inference_mode()
def stack(dtype: torch.dtype) -> Transformer:
    """The published predictor's, two layers of it, with norms that matter."""
    config = published_config("0.6B").predictor
    made = Transformer(type(config)(*(2 if name == "layers" else getattr(config, name) for name in config.__slots__)))
    generator = torch.Generator().manual_seed(0)
    for name, parameter in made.named_parameters():
        spread = 0.3 if "norm" in name else parameter.shape[-1] ** -0.5
        parameter.normal_(1.0 if "norm" in name else 0.0, spread, generator=generator)
        if "qk_norm" in name:  # one weight for all query heads, one for all of the keys'
            heads = parameter.view(config.heads + config.kv_heads, -1)
            heads[: config.heads], heads[config.heads :] = heads[0].clone(), heads[-1].clone()
    return made.to(dtype)


@torch.inference_mode()
def run(made: Transformer, x: torch.Tensor) -> torch.Tensor:
    """A prompt of five, then rows at their own positions."""
    cache = made.init_cache(2, 16)
    made(x[:, :5], made.place_run(0, 5), cache)
    positions = torch.tensor([5, 5])
    out = []
    for at in range(5, x.shape[1]):
        out.append(made(x[:, at : at + 1], made.attention_metadata(positions, cache, 16), cache))
        positions += 1
    return torch.cat(out, dim=1)


def test_in_bfloat16_lean_is_no_further_from_the_exact_result_than_the_official_order() -> None:
    x = torch.randn(2, 12, 1024, generator=torch.Generator().manual_seed(1))
    exact = run(stack(torch.float32), x.bfloat16().float())
    plain = run(stack(torch.bfloat16), x.bfloat16())
    short = run(FusedTransformer(stack(torch.bfloat16)), x.bfloat16())

    def far(found: torch.Tensor) -> float:
        return float((found.float() - exact).square().mean().sqrt())

    assert far(short) <= 1.05 * far(plain)
    assert far(short) > 0  # bfloat16 it is


def test_a_span_from_where_the_device_says_is_a_run() -> None:
    made = FusedTransformer(stack(torch.float32))
    x = torch.randn(1, 9, 1024, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, found = made.init_cache(1, 16), made.init_cache(1, 16)
        for cache in (expected, found):
            made(x[:, :3], made.place_run(0, 3), cache)
        made(x[:, 3:], made.place_run(3, 6), expected)
        made(x[:, 3:], made.place_span(torch.tensor(3), 6, found), found)

    torch.testing.assert_close(found.keys, expected.keys, atol=1e-5, rtol=1e-5)


def test_a_cache_of_the_plain_stack_is_refused() -> None:
    plain = stack(torch.float32)
    x = torch.zeros(1, 1, 1024)
    made = FusedTransformer(plain)

    with pytest.raises(ValueError, match="another stack"):
        made(x, made.place_run(0, 1), plain.init_cache(1, 16))
