"""Codes to sound for the slots: what the codec remembers of each, and one step for some of them. Engine thread only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ....audio.pcm import Samples
from ....model.codec import CodecDecoder
from ....model.prompt import PromptVoice
from ....model.streaming import State, restart_stream, restore_stream, snapshot_stream
from ....util.lru import LruCache
from .graphs import Graphs, GraphsFailed, NoGraphs, Work

SNAPSHOTS_KEPT = 8  # 5.2 MB each
PRIME_FRAMES = 4  # of a reference clip, in one codec step
PACKETS = (4, 2, 1)  # frames of one graph; other numbers are made of these


class SoundMaker(Protocol):
    """What the runner asks of whoever makes sound."""

    state: State
    primed: LruCache[State]  # by voice: where its reference clip leaves the codec

    def begin(self, slot: int, voice: PromptVoice) -> None:
        """The slot as before its first frame; of an in-context clone as behind its reference."""

    def decode(self, slots: Sequence[int], codes: Sequence[list[list[int]]]) -> list[Samples]:
        """The next frames of some slots, as many of each: float32 samples, which may not be finite."""


class Sounds:
    """Steps made at once."""

    def __init__(self, codec: CodecDecoder, slots: int, graphs: Graphs | None = None, spare: int = 0) -> None:
        self._codec, self._graphs = codec, graphs or NoGraphs()
        self.primed = LruCache[State](SNAPSHOTS_KEPT)
        with self._graphs.lane("sound"):
            self.state = codec.init_state(slots + spare)
        self._device = self.state[0].device

    def begin(self, slot: int, voice: PromptVoice) -> None:
        """See `SoundMaker`. What a reference leaves behind is kept."""
        with self._graphs.lane("sound"):
            restart_stream(self.state, slot)
            codes = voice.ref_codes
            if codes is None:
                return

            def prime() -> State:
                row = tuple(tensor[slot : slot + 1] for tensor in self.state)
                for part in codes.to(self._device)[None].split(PRIME_FRAMES, dim=1):
                    self._codec.step(part, row)
                return snapshot_stream(self.state, slot)

            restore_stream(self.state, slot, self.primed.of(voice, prime))

    def decode(self, slots: Sequence[int], codes: Sequence[list[list[int]]]) -> list[Samples]:
        """See `SoundMaker`."""
        frames = torch.tensor(codes, device=self._device)
        if list(slots) == list(range(slots[0], slots[0] + len(slots))):
            samples = self._codec.step(frames, tuple(tensor[slots[0] : slots[-1] + 1] for tensor in self.state))
        else:
            samples = self._codec.step(frames, self.state, torch.tensor(slots, device=self._device))
        return list(samples.float().cpu().numpy())


class _Packet(NamedTuple):
    """From ``codes`` ``[n, t, 16]`` of the rows ``slots`` ``[n]`` become ``samples`` ``[n, t * 1920]``, float32."""

    codes: Tensor
    slots: Tensor
    samples: Tensor
    work: Work
    replay: Work


class GraphedSounds(Sounds):
    """Steps replayed: a graph for each packet size and number of slots, on the lane that gives way to frames.

    A graph of n slots serves fewer: the idle ones point at a spare row behind the slots'. The host waits for the sound
    alone; the frame after the one it decodes is being made meanwhile.

    Raises:
        GraphsFailed: if a graph cannot be captured or differs from what it was captured of.
    """

    def __init__(self, codec: CodecDecoder, slots: int, graphs: Graphs, sizes: Sequence[int]) -> None:
        super().__init__(codec, slots, graphs, spare=1)
        self._spare, self._sizes = slots, tuple(sizes)
        self._packets: dict[tuple[int, int], _Packet] = {}
        with graphs.lane("sound"):
            for size, frames in product(sorted(self._sizes, reverse=True), PACKETS):
                self._packets[size, frames] = packet = self._captured(size, frames)
                self._check(packet)

    def _captured(self, size: int, frames: int) -> _Packet:
        codec, device = self._codec, self._device
        codes = torch.zeros(size, frames, codec.quantizer.tables.shape[0], dtype=torch.int64, device=device)
        slots = torch.full((size,), self._spare, dtype=torch.int64, device=device)
        samples = torch.zeros(size, frames * codec.samples_per_frame, device=device)
        work = partial(_step, codec, self.state, codes, slots, samples)
        return _Packet(codes, slots, samples, work, self._graphs.capture(work, "sound"))

    def _check(self, packet: _Packet) -> None:
        results = []
        rows = len(packet.slots)
        packet.slots.copy_(torch.arange(rows) % (self._spare + 1))
        packet.codes.copy_((torch.arange(packet.codes.numel()) % 31).view_as(packet.codes))
        for step in (packet.work, packet.replay):
            for tensor in self.state:
                tensor.zero_()
            for _ in range(2):
                step()
            results.append((packet.samples.clone(), *(tensor.clone() for tensor in self.state)))
        for tensor in self.state:
            tensor.zero_()
        if not all(torch.equal(direct, replayed) for direct, replayed in zip(*results, strict=True)):
            raise GraphsFailed(
                f"the sound of {list(packet.codes.shape[:2])} frames differs from what it was captured of"
            )

    def decode(self, slots: Sequence[int], codes: Sequence[list[list[int]]]) -> list[Samples]:
        """See `SoundMaker`."""
        size = min(size for size in self._sizes if size >= len(slots))
        idle = size - len(slots)
        rows = [*codes, *([codes[0]] * idle)]
        parts = []
        with self._graphs.lane("sound"):
            at = 0
            while at < len(codes[0]):
                frames = next(frames for frames in PACKETS if frames <= len(codes[0]) - at)
                packet = self._packets[size, frames]
                self._graphs.send([*slots, *([self._spare] * idle)], packet.slots)
                self._graphs.send([row[at : at + frames] for row in rows], packet.codes)
                packet.replay()
                parts.append(self._graphs.fetch(packet.samples))
                at += frames
            samples = torch.cat([wait() for wait in parts], dim=1)
        return list(samples[: len(slots)].numpy())


def _step(codec: CodecDecoder, state: State, codes: Tensor, slots: Tensor, samples: Tensor) -> None:
    samples.copy_(codec.step(codes, state, slots))
