"""Talker and code predictor together: one call makes one frame of codes for every slot."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from .checkpoint.config import ModelConfig
from .code_predictor import CodePredictor
from .layers import AttentionMetadata, KvCache
from .sampling import FrameSampling, SamplerState, choose, gumbel_noise, init_sampler, process_logits, suppressed_ids
from .talker import Talker


class FrameState(NamedTuple):
    """All that B slots remember between frames, as tensors at fixed addresses; moved in place.

    ``positions`` ``[B]`` int64 is where each row's next input goes, ``active`` ``[B]`` bool which rows are speaking:
    the others are computed along and forgotten. ``places`` and ``suppressed`` are constants.
    """

    cache: KvCache
    positions: Tensor
    active: Tensor
    sampler: SamplerState
    predictor_cache: KvCache
    places: tuple[AttentionMetadata, ...]
    suppressed: Tensor

    def restart(self, row: int, position: int, seed: int) -> None:
        """Give a slot to a new utterance whose prompt up to ``position`` (excluded) is in the cache."""
        self.positions[row].fill_(position)
        self.active[row].fill_(True)
        self.sampler.restart(row, seed)


class DrawFrame(Protocol):
    """Makes `LanguageModel.codes` in its place."""

    def takes(self, sampling: FrameSampling, rows: int) -> bool:
        """Whether it draws like that, for so many rows."""

    def __call__(
        self, model: LanguageModel, hidden: Tensor, state: FrameState, sampling: FrameSampling
    ) -> tuple[Tensor, Tensor]:
        """See `LanguageModel.codes`."""


class LanguageModel(nn.Module):
    """The networks that turn a prompt into frames of codes. The codec, which turns codes into sound, is not here."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.draw_frame: DrawFrame | None = None
        self.talker = Talker(config.talker)
        self.predictor = CodePredictor(config.predictor, config.talker.stack.hidden_size, config.talker.code_groups)

    @property
    def device(self) -> torch.device:
        return self.talker.device

    @property
    def dtype(self) -> torch.dtype:
        return self.talker.dtype

    def arithmetics(self) -> tuple[str, ...]:
        """How it computes, beside plain torch: the names that layers give which take another's place. Part of the name
        of what is kept on disk, so that no kind of layer reads what another one computed."""
        return tuple(sorted({str(part.arithmetic) for part in self.modules() if hasattr(part, "arithmetic")}))

    def init_state(self, slots: int, positions: int) -> FrameState:
        """Room for ``slots`` utterances of up to ``positions`` prompt positions plus frames each; no row is active."""
        return FrameState(
            cache=self.talker.init_cache(slots, positions),
            positions=torch.zeros(slots, dtype=torch.int64, device=self.device),
            active=torch.zeros(slots, dtype=torch.bool, device=self.device),
            sampler=init_sampler(slots, self.config.talker, self.device),
            predictor_cache=self.predictor.init_cache(slots),
            places=self.predictor.places(),
            suppressed=suppressed_ids(self.config.talker, self.device),
        )

    def frame(
        self, x: Tensor, state: FrameState, sampling: FrameSampling, context_len: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """One frame for every row: inputs ``[B, 1, H]`` in, codes ``[B, 16]`` int64 and their embedding ``[B, H]`` out.

        The next input is that embedding plus a text embedding. A row whose code 0 is EOS has ended; its other codes
        mean nothing. ``state`` is moved on for active rows. ``bound`` is above every position (see `Talker.step`).
        """
        hidden = self.talker.step(x, state.cache, state.positions, context_len)
        state.positions.add_(state.active)
        return self.codes(hidden, state, sampling)

    def codes(self, hidden: Tensor, state: FrameState, sampling: FrameSampling) -> tuple[Tensor, Tensor]:
        """`frame` without the talker's step: from its states ``[B, H]``, such as a prompt's last, on."""
        if self.draw_frame is not None and self.draw_frame.takes(sampling, hidden.shape[0]):
            return self.draw_frame(self, hidden, state, sampling)
        code0 = self._choose_code0(self.talker.logits(hidden), state, sampling)
        codes, embedding = self.predictor.draw(
            hidden,
            self.talker.codec_embedding(code0),
            state.sampler,
            sampling.predictor,
            state.predictor_cache,
            state.places,
        )
        state.sampler.advance(code0, state.active)
        return torch.cat((code0[:, None], codes), dim=1), embedding

    def _choose_code0(self, scores: Tensor, state: FrameState, sampling: FrameSampling) -> Tensor:
        eos = self.config.talker.ids.eos
        scores = process_logits(scores, state.sampler, state.suppressed, eos, sampling.repetition_penalty)
        if sampling.talker.greedy:
            return choose(scores, sampling.talker, None)
        noise = gumbel_noise(state.sampler.seeds, state.sampler.frames, 0, 1, scores.shape[-1])
        return choose(scores, sampling.talker, noise[:, 0])

    def embed_frames(self, codes: Tensor) -> Tensor:
        """``[T, 16] -> [T, H]``: what given frames (a reference clip's) weigh in the talker's input."""
        rows = torch.cat((self.talker.codec_embedding(codes[:, :1]), self.predictor.embed(codes[:, 1:])), dim=1)
        return rows.sum(1)
