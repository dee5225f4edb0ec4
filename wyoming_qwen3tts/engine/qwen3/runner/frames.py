"""Frames of codes for the slots: the tensors that move, the one step that moves them, and the plain way to run it.

`Frames` runs the step at once (a CPU, a card without graphs); `graphed.GraphedFrames` replays it. Engine thread only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ....model.language_model import FrameState, LanguageModel
from ....model.sampling import FrameSampling, SamplerState
from ..scheduler import Utterance

RING = 8  # text rows of a slot, a power of two; one is written per frame, and two frames at most are under way
BOUND_STEP = 64  # cache positions looked at grow in steps, so that few shapes occur


class FrameMaker(Protocol):
    """What the runner asks of whoever makes frames."""

    state: FrameState
    takes_said: bool  # whether `begin` takes what the talker said

    def begin(self, slot: int, position: int, seed: int, inputs: Iterator[Tensor], said: Tensor | None = None) -> None:
        """Give a slot to an utterance whose prompt up to ``position`` (excluded) is in its cache.

        ``inputs`` yields ``[H]``: the prompt's last position, then one text row a frame; behind its end there is pad.
        It is asked for a row only when that row's frame is to be made. With ``said``, the talker's state ``[H]`` at the
        prompt's last position, the whole prompt is in the cache, and ``inputs`` yields text rows only.
        """

    def leave(self, slot: int) -> bool:
        """Forget what was made for its utterance and never asked for; False if numbers went wrong in that."""

    def make(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[list[int]]:
        """The next frame of each: its 16 codes, and 1 if every number behind them was one (else 0).

        ``biases`` are added to their scores of EOS.
        """


class Rows(NamedTuple):
    """What one step moves: B neighbouring slots, as views of `SlotTensors`.

    ``embedding`` ``[B, H]`` is the sum of the previous frame's code
    embeddings, ``text`` ``[B, RING, H]`` the rows to be added to it, taken
    by the device's own count of frames, ``found`` ``[B, 17]`` int64 the codes and whether they are of numbers.
    """

    state: FrameState
    embedding: Tensor
    text: Tensor
    found: Tensor
    numbers: Tensor  # [B] int64: 0, 1, 2, ...; a constant


class SlotTensors:
    """All that ``slots`` utterances remember between frames, at fixed addresses."""

    def __init__(self, model: LanguageModel, slots: int, positions: int) -> None:
        hidden, groups = model.config.talker.stack.hidden_size, model.config.talker.code_groups
        self.state = model.init_state(slots, positions)
        self.embedding = torch.zeros(slots, hidden, device=model.device, dtype=model.dtype)
        self.text = torch.zeros(slots, RING, hidden, device=model.device, dtype=model.dtype)
        self.found = torch.zeros(slots, groups + 1, dtype=torch.int64, device=model.device)
        self.numbers = torch.arange(slots, device=model.device)

    def rows(self, start: int, stop: int) -> Rows:
        """Neighbouring slots: views, so writing to them writes here."""
        state, count = self.state, stop - start
        frame_state = state._replace(
            cache=state.cache.rows(start, count),
            positions=state.positions[start:stop],
            active=state.active[start:stop],
            sampler=SamplerState(*(tensor[start:stop] for tensor in state.sampler)),
            predictor_cache=state.predictor_cache.rows(start, count),
        )
        embedding, text, found = (tensor[start:stop] for tensor in (self.embedding, self.text, self.found))
        return Rows(frame_state, embedding, text, found, self.numbers[:count])


class Said(NamedTuple):
    """What the talker has said already of some of a step's rows, whose prompts were read to their ends."""

    rows: Tensor  # [B] bool
    hidden: Tensor  # [B, H]; of the other rows anything
    is_all: bool  # of every active row


def frame_step(
    model: LanguageModel, sampling: FrameSampling, rows: Rows, context_len: int, said: Said | None = None
) -> None:
    """One frame for every active row; what idle rows compute is forgotten.

    Tensors only: nothing is asked of the device, shapes depend on B and ``bound`` alone, and whatever differs from
    frame to frame (text, bias, who is active) is read from ``rows``. So it can be captured once and replayed. Without a
    card, rows of ``said`` need no step of the talker: all of its weights would be read once more.
    """
    state = rows.state
    hidden = _hidden(model, rows, context_len, said)
    codes, embedding = model.codes(hidden, state, sampling)
    # One sum for all: a single value that is no number makes it none.
    is_finite = (hidden + embedding).sum(-1, keepdim=True, dtype=torch.float32).abs() < float("inf")
    rows.found.copy_(torch.cat((codes, is_finite), dim=1))
    torch.where(state.active[:, None], embedding, rows.embedding, out=rows.embedding)
    moved = state.active if said is None else state.active & ~said.rows
    state.positions.add_(moved)  # last, so that a step that ran out of memory can be tried again


def _hidden(model: LanguageModel, rows: Rows, context_len: int, said: Said | None) -> Tensor:
    if said is not None and said.is_all:
        return said.hidden
    state = rows.state
    text = rows.text[rows.numbers, state.sampler.frames & RING - 1]
    hidden = model.talker.step((rows.embedding + text)[:, None], state.cache, state.positions, context_len)
    return hidden if said is None else torch.where(said.rows[:, None], said.hidden, hidden)


class Slots:
    """The host's side of `SlotTensors`: who reads which text, and how far each is. Asks nothing of the device."""

    def __init__(self, model: LanguageModel, slots: int, positions: int, pad: Tensor) -> None:
        self.positions, self._pad = positions, pad
        self.tensors = SlotTensors(model, slots, positions)
        self.at = [0] * slots  # each row's position, or one more: a first frame of what was said already moves none
        self._made = [0] * slots  # frames of this attempt
        self._fed = [0] * slots  # text rows of it that are in the ring
        self._inputs: list[Iterator[Tensor] | None] = [None] * slots  # None: there is only pad
        self._bias = [0.0] * slots

    def begin(self, slot: int, position: int, seed: int, inputs: Iterator[Tensor], first_text: int = 0) -> None:
        """See `FrameMaker`. ``first_text``: the frame whose text is the first of ``inputs``."""
        self.tensors.state.restart(slot, position, seed)
        self.tensors.embedding[slot].zero_()
        self.at[slot], self._made[slot], self._fed[slot] = position, 0, first_text
        self._inputs[slot], self._bias[slot] = inputs, 0.0

    def prepare(self, slot: int, bias: float) -> None:
        """Bring what the slot's next frame needs to the device. Can be repeated."""
        if bias != self._bias[slot]:
            self.tensors.state.sampler.eos_bias[slot].fill_(bias)
            self._bias[slot] = bias
        inputs, ring = self._inputs[slot], self.tensors.text[slot]
        if inputs is None or self._fed[slot] > self._made[slot]:
            return
        row = next(inputs, None)
        if row is None:  # every row of the ring has been read
            ring.copy_(self._pad.expand_as(ring))
            self._inputs[slot] = None
        else:
            ring[self._fed[slot] % RING].copy_(row)
            self._fed[slot] += 1

    def made(self, slot: int) -> None:
        self.at[slot] += 1
        self._made[slot] += 1

    def take_back(self, slot: int) -> None:
        """The last frame was not made. Its text is still in the ring."""
        self.at[slot] -= 1
        self._made[slot] -= 1


class Frames:
    """Frames made at once, all of a call in one batch: the rows between the first and the last slot ride along."""

    def __init__(self, model: LanguageModel, sampling: FrameSampling, slots: int, positions: int, pad: Tensor) -> None:
        self._model, self._sampling = model, sampling
        self._slots = Slots(model, slots, positions, pad)
        self.state = self._slots.tensors.state
        # On a card one step more costs little, and recordings, which cannot go without, are held against these frames.
        self.takes_said = model.device.type == "cpu"
        self._said: dict[int, Tensor] = {}  # by slot, until its first frame is made

    def begin(self, slot: int, position: int, seed: int, inputs: Iterator[Tensor], said: Tensor | None = None) -> None:
        """See `FrameMaker`."""
        self._said.pop(slot, None)
        if said is not None:
            self._said[slot] = said
        self._slots.begin(slot, position, seed, inputs, first_text=int(said is not None))

    def leave(self, slot: int) -> bool:
        """See `FrameMaker`: here nothing is ever left over."""
        del slot
        return True

    def make(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[list[int]]:
        """See `FrameMaker`. The host asks the device once, for all codes together."""
        slots = [slot_of(utterance) for utterance in utterances]
        for slot, bias in zip(slots, biases, strict=True):
            self._slots.prepare(slot, bias)
        first, last = min(slots), max(slots)
        rows = self._slots.tensors.rows(first, last + 1)
        rows.state.active.copy_(torch.tensor([slot in slots for slot in range(first, last + 1)]))
        frame_step(self._model, self._sampling, rows, self._bound(slots), self._said_of(slots, first, rows))
        found: list[list[int]] = rows.found.tolist()
        for slot in slots:
            self._said.pop(slot, None)
            self._slots.made(slot)
        return [found[slot - first] for slot in slots]

    def _said_of(self, slots: list[int], first: int, rows: Rows) -> Said | None:
        new = [slot for slot in slots if slot in self._said]
        if not new:
            return None
        mask, hidden = torch.zeros_like(rows.state.active), torch.zeros_like(rows.embedding)
        for slot in new:
            mask[slot - first] = True
            hidden[slot - first] = self._said[slot]
        return Said(mask, hidden, is_all=len(new) == len(slots))

    def _bound(self, slots: list[int]) -> int:
        above = max(self._slots.at[slot] for slot in slots) + 1
        return min(self._slots.positions, -(-above // BOUND_STEP) * BOUND_STEP)


def slot_of(utterance: Utterance) -> int:
    if utterance.slot is None:
        raise AssertionError("an utterance without a slot was to speak")
    return utterance.slot
