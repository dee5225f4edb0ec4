"""The code predictor: fills a frame's codes 1..15, one after the other, from the talker's state and code 0.

Index trap: embedding and head number j belong to code j + 1, and the last embedding serves only the frame's sum.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .checkpoint.config import TransformerConfig
from .layers import AttentionMetadata, KvCache, Transformer
from .sampling import SamplerState, SamplingParams, choose, gumbel_noise

Choose = Callable[[Tensor, int], Tensor]


class CodePredictor(nn.Module):
    """The small network that runs 15 times a frame; its cache lives for one frame and is never cleared."""

    def __init__(self, config: TransformerConfig, talker_hidden_size: int, code_groups: int) -> None:
        super().__init__()
        self.code_groups = code_groups
        self.stack = Transformer(config)
        narrow = talker_hidden_size != config.hidden_size
        self.projection = nn.Linear(talker_hidden_size, config.hidden_size) if narrow else nn.Identity()
        self.embeddings = nn.ModuleList(
            nn.Embedding(config.vocab_size, talker_hidden_size) for _ in range(code_groups - 1)
        )
        self.heads = nn.ModuleList(
            nn.Linear(config.hidden_size, config.vocab_size, bias=False) for _ in range(code_groups - 1)
        )

    def init_cache(self, slots: int) -> KvCache:
        """Static keys and values for one frame per slot: the talker's state and codes 0..14, 16 positions."""
        return self.stack.init_cache(slots, self.code_groups)

    def places(self) -> tuple[AttentionMetadata, ...]:
        """The places of a frame's sub-steps: two inputs at first, then one at a time. Constant, so make them once."""
        return (self.stack.place_run(0, 2), *(self.stack.place_run(at, 1) for at in range(2, self.code_groups)))

    def frame(
        self,
        hidden: Tensor,
        code0_embedding: Tensor,
        choose: Choose,
        cache: KvCache,
        places: tuple[AttentionMetadata, ...],
    ) -> tuple[Tensor, Tensor]:
        """Codes 1..15 of one frame, and what the frame weighs in the talker's next input.

        ``hidden`` and ``code0_embedding`` are ``[B, H]`` of the talker. ``choose(logits, j)`` picks code ``j + 1`` from
        float32 ``[B, vocab]`` on the device. Returns codes ``[B, 15]`` and the sum of all 16 embeddings ``[B, H]``.
        ``cache`` is overwritten.
        """
        x = torch.stack((hidden, code0_embedding), dim=1)
        codes, embeddings = [], [code0_embedding]
        for j, (metadata, head, embedding) in enumerate(zip(places, self.heads, self.embeddings, strict=True)):
            state = self.stack(self.projection(x), metadata, cache)[:, -1]
            code = choose(head(state).float(), j)
            row = embedding(code)
            codes.append(code)
            embeddings.append(row)
            x = row[:, None]
        # One reduction, as in the official code: chained bfloat16 additions would round 15 times.
        return torch.stack(codes, dim=1), torch.stack(embeddings, dim=1).sum(1)

    def draw(
        self,
        hidden: Tensor,
        code0_embedding: Tensor,
        sampler: SamplerState,
        how: SamplingParams,
        cache: KvCache,
        places: tuple[AttentionMetadata, ...],
    ) -> tuple[Tensor, Tensor]:
        """`frame` with every code drawn as ``how`` says, the random numbers of all of them made at once."""
        vocab_size = self.stack.config.vocab_size
        noise = None
        if not how.greedy:
            noise = gumbel_noise(sampler.seeds, sampler.frames, 1, self.code_groups - 1, vocab_size)

        def pick(scores: Tensor, j: int) -> Tensor:
            return choose(scores, how, None if noise is None else noise[:, j])

        return self.frame(hidden, code0_embedding, pick, cache, places)

    def embed(self, codes: Tensor) -> Tensor:
        """``[T, 15] -> [T, 15, H]``: embeddings of codes 1..15 of given frames (a reference clip's)."""
        rows = [embedding(codes[:, j]) for j, embedding in enumerate(self.embeddings)]
        return torch.stack(rows, dim=1)
