"""Prompts into the talker's cache: as they are, or by replay, padded to one of a few lengths. Engine thread only."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ....model.layers import KvCache
from ....model.talker import Talker
from .graphs import Graphs, GraphsFailed, Work

LENGTHS = (16, 32, 64, 128)  # of what a graph reads at once
REACH = 256  # positions of the cache that graphs read into; longer prompts are read as they are


class PromptReader(Protocol):
    """What the runner asks of whoever reads prompts."""

    def read(self, x: Tensor, prefix: KvCache | None, row: KvCache) -> Tensor | None:
        """Fill a row's first positions: with ``prefix``, a one-row cache as long as it is, then with ``x [T, H]``.
        Returns the talker's state at the last one, ``[H]``, if it is known."""


class Prompts:
    """Prompts read as they are."""

    def __init__(self, talker: Talker) -> None:
        self._talker = talker

    def read(self, x: Tensor, prefix: KvCache | None, row: KvCache) -> Tensor | None:
        """See `PromptReader`."""
        start = 0
        if prefix is not None:
            row.copy_prefix(prefix)
            start = prefix.positions
        return self._talker.prefill(x[None], row, start)[0, -1] if x.shape[0] else None


class _Length(NamedTuple):
    x: Tensor  # [1, T, H]
    replay: Work


class GraphedPrompts(Prompts):
    """Prompts read by replay into a cache of their own, and copied from there.

    What is read is padded behind its end. Where the padding is read to, the row's next frames write before they look:
    those positions are not copied, and nothing before them sees them.

    Raises:
        GraphsFailed: if a graph cannot be captured or differs from what it was captured of.
    """

    def __init__(self, talker: Talker, positions: int, graphs: Graphs) -> None:
        super().__init__(talker)
        weight = talker.head.weight
        reach = min(positions, REACH)
        self._scratch = talker.init_cache(1, reach)
        self._start = torch.zeros((), dtype=torch.int64, device=weight.device)
        self._lengths: dict[int, _Length] = {}
        for length in sorted((length for length in LENGTHS if length <= reach), reverse=True):
            x = torch.zeros(1, length, weight.shape[1], device=weight.device, dtype=weight.dtype)
            work = partial(self._work, x)
            self._lengths[length] = _Length(x, graphs.capture(work, "frames"))
            self._check(work, self._lengths[length])

    def _work(self, x: Tensor) -> None:
        stack = self._talker.stack
        stack(x, stack.place_span(self._start, x.shape[1], self._scratch), self._scratch)

    def _check(self, work: Work, length: _Length) -> None:
        results = []
        length.x.copy_(torch.sin(torch.arange(length.x.numel(), device=length.x.device)).view_as(length.x))
        self._start.fill_(self._scratch.positions - length.x.shape[1])
        for read in (work, length.replay):
            self._scratch.blank()
            read()
            results.append((self._scratch.keys.clone(), self._scratch.values.clone()))
        self._scratch.blank()
        if not all(torch.equal(direct, replayed) for direct, replayed in zip(*results, strict=True)):
            raise GraphsFailed(f"a prompt of {length.x.shape[1]} positions differs from what it was captured of")

    def read(self, x: Tensor, prefix: KvCache | None, row: KvCache) -> Tensor | None:
        """See `PromptReader`. What a replay says is in nobody's memory."""
        start = 0 if prefix is None else prefix.positions
        count = x.shape[0]
        length = min((length for length in self._lengths if length >= count), default=None)
        if not count or length is None or start + length > self._scratch.positions:
            return super().read(x, prefix, row)
        if prefix is not None:
            self._scratch.copy_prefix(prefix)
        static, replay = self._lengths[length]
        static[0, :count].copy_(x)
        static[0, count:].zero_()
        self._start.fill_(start)
        replay()
        row.copy_prefix(KvCache(*(tensor[:, :, :, : start + count] for tensor in self._scratch)))
        return None
