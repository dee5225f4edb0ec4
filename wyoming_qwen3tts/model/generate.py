"""One utterance, frame by frame: the plainest loop there is, for tests and for ``say --raw``. Serving has its own."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .language_model import LanguageModel
from .layers import KvCache
from .prompt import Prompt
from .sampling import FrameSampling


def official_frames(max_new_tokens: int) -> int:
    """The most frames the official loop returns for ``max_new_tokens``: its last token is never made into a frame."""
    return max_new_tokens - 1


@torch.inference_mode()
def prefix_cache(model: LanguageModel, prefix: Tensor) -> KvCache:
    """Keys and values of a voice's prefix ``[P, H]``, for `generate_codes` to use with every sentence of that voice."""
    cache = model.talker.init_cache(1, prefix.shape[0])
    model.talker.prefill(prefix[None], cache)
    return cache


def generate_codes(
    model: LanguageModel,
    prompt: Prompt,
    sampling: FrameSampling,
    seed: int,
    max_frames: int,
    cached_prefix: KvCache | None = None,
) -> Iterator[Tensor]:
    """Yield the codes ``[16]`` int64 of one frame after the other, until the model ends or ``max_frames`` are made.

    ``cached_prefix`` saves reading ``prompt.prefix`` again. The next text is taken from ``prompt.feed`` only after a
    frame has been yielded, so text may come late: the frames wait, and are the same.
    """
    with torch.inference_mode():
        state = model.init_state(1, prompt.length + max_frames)
        hidden = _read(model, prompt, state.cache, cached_prefix)
        state.restart(0, prompt.length, seed)
        codes, embedding = model.codes(hidden, state, sampling)
    for made in range(1, max_frames + 1):
        if codes[0, 0].item() == model.config.talker.ids.eos:
            return
        yield codes[0]
        if made < max_frames:
            with torch.inference_mode():  # not around the yield: the mode would leak into the caller
                x = embedding + next(prompt.feed, prompt.pad)
                codes, embedding = model.frame(x[:, None], state, sampling, context_len=prompt.length + made)


def _read(model: LanguageModel, prompt: Prompt, cache: KvCache, cached_prefix: KvCache | None) -> Tensor:
    """Read a prompt into an empty cache; the state ``[1, H]`` that its first frame is made from comes back.

    In one piece where there is no cached prefix: in bfloat16 the cut would round differently from the official code.
    """
    if cached_prefix is None:
        return model.talker.prefill(torch.cat((prompt.prefix, prompt.own))[None], cache)[:, -1]
    cache.copy_prefix(cached_prefix)
    return model.talker.prefill(prompt.own[None], cache, prompt.prefix.shape[0])[:, -1]
