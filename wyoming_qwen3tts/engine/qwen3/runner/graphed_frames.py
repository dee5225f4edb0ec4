"""Frames by replay, one ahead of who reads them: one graph per batch size and length, and no waiting in the loop.

**What is captured.** `frame_step` over the slots 0 to B - 1 for a few sizes B and a few bounds on positions. Who speaks
is a mask on the device; the scheduler hands out low slots first, and a small batch costs what reading weights costs.

**Running ahead.** `make` launches the frame after the one it returns, then waits for the one it returns: while Python
looks at codes, decodes and delivers, the card is at work. These invariants keep the codes those of a plain loop:

1. At most one frame of a slot is unread. It is kept by slot, handed out when its utterance is asked for, however late,
   and forgotten by `leave`, before the slot is read into again (`begin` makes every tensor of the row anew).
2. A frame is made ahead only if its inputs are settled: its text is known (a live utterance's next id has come, or its
   text is over) and so is whether it may end. Once token n + 1 is known, end-of-speech is
   impossible at frame n. What is guessed is the bias on EOS; if another one is asked for, the frame is taken back
   (`_roll_back`: positions, counters, what was said, embedding) and made again. Keys and values need no taking back:
   they lie at a position that the next frame overwrites before it looks.
3. An ended, stopped or cancelled utterance leaves one frame too many behind. Its codes are never handed out, its text
   row never existed, and it stays inside the cache: nothing is made ahead whose successor would have no position.
4. All who are asked for run ahead, or nobody: one who stalls must not cost the others a second replay each frame. A
   first frame is not overtaken either, so that its sound, which somebody waits for, has the card to itself.
5. Everything is launched in order on one lane; a host buffer is read only behind its own copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from ....model.language_model import LanguageModel
from ....model.sampling import FrameSampling
from ..scheduler import Utterance
from .frames import Rows, Slots, frame_step, slot_of
from .graphs import Graphs, GraphsFailed, Work

CONTEXT_LENS = (128, 256, 512)  # and all positions: a short sentence does not read a long one's cache
NEVER = float("-inf")


def sizes(most: int) -> tuple[int, ...]:
    """Batch sizes to capture: powers of two, and ``most``."""
    powers = [1 << n for n in range(most.bit_length()) if 1 << n < most]
    return (*powers, most)


class PendingFrame:
    """One replay's results on their way to the host."""

    def __init__(self, wait: Callable[[], Tensor]) -> None:
        self._wait = wait
        self._found: list[list[int]] | None = None

    def row(self, slot: int) -> list[int]:
        """Waits, the first time."""
        if self._found is None:
            self._found = self._wait().tolist()
        return self._found[slot]


class _InFlight(NamedTuple):
    flight: PendingFrame
    bias: float


class Before(NamedTuple):
    """What a frame replaced, of the rows that spoke in it: for `GraphedFrames._take_back`."""

    embedding: Tensor
    seen: Tensor


def step_and_remember(
    model: LanguageModel, sampling: FrameSampling, rows: Rows, before: Before, context_len: int
) -> None:
    """`frame_step`, behind a copy of what it is about to replace."""
    speaks = rows.state.active[:, None]
    torch.where(speaks, rows.embedding, before.embedding, out=before.embedding)
    torch.where(speaks, rows.state.sampler.seen, before.seen, out=before.seen)
    frame_step(model, sampling, rows, context_len)


class GraphedFrames:
    """A `FrameMaker` over `Graphs`. Capture comes with construction.

    Raises:
        GraphsFailed: if a graph cannot be captured or differs from what it was captured of.
    """

    takes_said = False

    def __init__(
        self,
        model: LanguageModel,
        sampling: FrameSampling,
        slots: int,
        positions: int,
        pad: Tensor,
        graphs: Graphs,
        *,
        run_ahead: bool = True,
    ) -> None:
        self._graphs, self._run_ahead = graphs, run_ahead
        self._slots = Slots(model, slots, positions, pad)
        tensors = self._slots.tensors
        self.state = tensors.state
        self._before = Before(tensors.embedding.clone(), tensors.state.sampler.seen.clone())
        self._unread: dict[int, _InFlight] = {}
        self._first = [True] * slots
        self.taken_back = 0
        self.sizes = sizes(slots)
        self.context_lens = (*(context_len for context_len in CONTEXT_LENS if context_len < positions), positions)
        self._replays: dict[tuple[int, int], Work] = {}
        with graphs.lane("frames"):
            for size, context_len in product(reversed(self.sizes), reversed(self.context_lens)):
                rows, before = tensors.rows(0, size), Before(*(tensor[:size] for tensor in self._before))
                work = partial(step_and_remember, model, sampling, rows, before, context_len)
                self._replays[size, context_len] = replay = graphs.capture(work, "frames")
                check(work, replay, rows, context_len, f"the frame of {size} at {context_len} positions")

    def begin(self, slot: int, position: int, seed: int, inputs: Iterator[Tensor], said: Tensor | None = None) -> None:
        """See `FrameMaker`; ``said`` is not taken."""
        self._slots.begin(slot, position, seed, inputs)
        self._first[slot] = True

    def leave(self, slot: int) -> bool:
        """See `FrameMaker`."""
        unread = self._unread.pop(slot, None)
        return unread is None or bool(unread.flight.row(slot)[-1])

    def make(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[list[int]]:
        """See `FrameMaker`. Launches what is missing, then the frames after these, then waits for these."""
        wanted = {slot_of(utterance): bias for utterance, bias in zip(utterances, biases, strict=True)}
        for slot, bias in wanted.items():
            if slot in self._unread and self._unread[slot].bias != bias:
                self._roll_back(slot)
        self._launch({slot: bias for slot, bias in wanted.items() if slot not in self._unread})
        flights = {slot: self._unread[slot].flight for slot in wanted}
        ahead = {slot_of(u): self._next_bias(u, bias) for u, bias in zip(utterances, biases, strict=True)}
        settled = {slot: bias for slot, bias in ahead.items() if bias is not None}
        if self._run_ahead and len(settled) == len(wanted):
            self._launch(settled)
        found = [flights[slot_of(utterance)].row(slot_of(utterance)) for utterance in utterances]
        for slot in wanted:
            self._first[slot] = False
            if self._unread[slot].flight is flights[slot]:
                del self._unread[slot]
        return found

    def _next_bias(self, utterance: Utterance, bias: float) -> float | None:
        """The bias on EOS in the frame after the one being asked for; None if that frame is not to be made yet."""
        slot, following = slot_of(utterance), utterance.frames + 1
        at_end = self._slots.at[slot] + 1 >= self._slots.positions
        if self._first[slot] or at_end or not utterance.has_text_for(following):
            return None
        if not utterance.may_end_at(following):
            return NEVER
        return bias if utterance.may_end_at(utterance.frames) else 0.0

    def _launch(self, biases: dict[int, float]) -> None:
        """One more frame of these slots."""
        if not biases:
            return
        for slot, bias in biases.items():
            self._slots.prepare(slot, bias)
        size = next(size for size in self.sizes if size > max(biases))
        above = max(self._slots.at[slot] for slot in biases) + 1
        found = self._slots.tensors.found[:size]
        landing = self._graphs.landing(found)  # before anything moves: its memory may be missing
        self._graphs.send([slot in biases for slot in range(size)], self.state.active[:size])
        self._replays[size, next(context_len for context_len in self.context_lens if context_len >= above)]()
        flight = PendingFrame(self._graphs.fetch(found, landing))
        for slot, bias in biases.items():
            self._slots.made(slot)
            self._unread[slot] = _InFlight(flight, bias)

    def _roll_back(self, slot: int) -> None:
        """The slot as it was before its unread frame."""
        state = self.state
        self._slots.tensors.embedding[slot].copy_(self._before.embedding[slot])
        state.sampler.seen[slot].copy_(self._before.seen[slot])
        state.sampler.frames[slot].sub_(1)
        state.positions[slot].sub_(1)
        self._slots.take_back(slot)
        del self._unread[slot]
        self.taken_back += 1


@torch.inference_mode()
def check(work: Work, replay: Work, rows: Rows, context_len: int, what: str) -> None:
    """Compare a replay with the work itself on the device, from one state; every row speaks. That state is then wiped.

    Raises:
        GraphsFailed: if they differ, naming ``what``.
    """
    state = rows.state
    moving = (state.positions, state.active, *state.sampler, rows.embedding, rows.text)
    results = []
    for step in (work, replay):
        for row in range(state.positions.shape[0]):
            state.restart(row, max(0, context_len - 2 - row), seed=row + 1)
        rows.embedding.copy_(_some(rows.embedding))
        rows.text.copy_(_some(rows.text))
        state.cache.blank()
        for _ in range(2):  # the second reads what the first wrote
            step()
        results.append(
            (rows.found.clone(), rows.embedding.clone(), state.positions.clone(), state.sampler.seen.clone())
        )
    for tensor in moving:
        tensor.zero_()
    state.cache.blank()
    for direct, replayed in zip(*results, strict=True):
        if not torch.equal(direct, replayed):
            raise GraphsFailed(f"{what} differs from what it was captured of")


def _some(like: Tensor) -> Tensor:
    """Numbers of every sign and size, the same each time."""
    return torch.sin(torch.arange(like.numel(), device=like.device, dtype=torch.float32)).view_as(like).to(like.dtype)
