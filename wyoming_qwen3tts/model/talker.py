"""The talker: once per 80 ms frame it reads one text embedding plus the last frame's codes, and says code 0."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint.config import TalkerConfig
from .layers import KvCache, Transformer


class TextProjection(nn.Module):
    """Brings rows of the text table to the talker's width."""

    def __init__(self, text_hidden_size: int, hidden_size: int) -> None:
        super().__init__()
        self.up = nn.Linear(text_hidden_size, text_hidden_size)
        self.down = nn.Linear(text_hidden_size, hidden_size)

    def forward(self, rows: Tensor) -> Tensor:
        """``[..., text_hidden] -> [..., hidden]``"""
        return self.down(F.silu(self.up(rows)))  # type: ignore[no-any-return]


class Talker(nn.Module):
    """The large network. Its text table is not a parameter here: see `prompt.TextTable`."""

    def __init__(self, config: TalkerConfig) -> None:
        super().__init__()
        self.config = config
        self.stack = Transformer(config.stack)
        self.codec_embedding = nn.Embedding(config.stack.vocab_size, config.stack.hidden_size)
        self.text_projection = TextProjection(config.text_hidden_size, config.stack.hidden_size)
        self.head = nn.Linear(config.stack.hidden_size, config.stack.vocab_size, bias=False)

    @property
    def device(self) -> torch.device:
        return self.codec_embedding.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the inputs and states."""
        return self.codec_embedding.weight.dtype

    def init_cache(self, slots: int, positions: int) -> KvCache:
        """Static keys and values for ``slots`` utterances of up to ``positions`` prompt positions plus frames."""
        return self.stack.init_cache(slots, positions)

    def prefill(self, x: Tensor, cache: KvCache, start: int = 0) -> Tensor:
        """Read a run of prompt embeddings ``[B, T, H]`` from position ``start`` on; ``cache`` is updated.

        Returns the hidden states ``[B, T, H]``. Use ``cache.rows(slot)`` to read into one slot of a larger cache.
        """
        return self.stack(x, self.stack.place_run(start, x.shape[1]), cache)  # type: ignore[no-any-return]

    def step(self, x: Tensor, cache: KvCache, positions: Tensor, context_len: int | None = None) -> Tensor:
        """One input per row, ``[B, 1, H] -> [B, H]``, each at its own position ``[B]``; ``cache`` is updated.

        Nothing is asked of the device, shapes depend on ``bound`` only (see `Transformer.place_rows`), and a row whose
        position does not move on afterwards is as if it had not been stepped: idle slots may ride along.
        """
        hidden = self.stack(x, self.stack.attention_metadata(positions, cache, context_len), cache)
        return hidden[:, 0]  # type: ignore[no-any-return]

    def logits(self, hidden: Tensor) -> Tensor:
        """``[B, H] -> [B, vocab]`` float32 scores of code 0 and of the control ids."""
        return self.head(hidden).float()  # type: ignore[no-any-return]
