"""One loaded checkpoint at work: owns every tensor that changes. Engine thread only.

The only file of the engine that computes. It knows utterances, not replies, threads or time.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

from ..audio.pcm import Samples
from ..errors import DeviceLost, EngineError, OutOfMemory
from ..model.codec import CodecDecoder
from ..model.language_model import FrameState
from ..model.layers import KvCache
from ..model.prompt import Prompt, Voice
from ..model.sampling import SamplerState, Sampling
from ..model.streaming import State, restart_stream, restore_stream, snapshot_stream
from ..model.tokenizer import TokenStream
from ..model.weights import Checkpoint
from ..text.language import LANGUAGES
from .scheduler import Utterance
from .voice_cache import VoiceCache

POSITIONS = 1024  # of a slot: a long instruction, a 10 s reference and 60 s of speech
ROOM_SHARE = 8  # of a slot, what a prompt has to leave for frames
BOUND_STEP = 64  # cache positions looked at grow in steps, so that few shapes occur
PREFIXES_KEPT = 64  # about 1 MB each in bfloat16 without a reference clip
SNAPSHOTS_KEPT = 8  # 5.2 MB each
PRIME_FRAMES = 4  # of a reference clip, in one codec step

P = ParamSpec("P")
R = TypeVar("R")


class Frame(NamedTuple):
    """What one frame of one utterance came to. ``codes`` mean nothing if it ended or broke."""

    codes: list[int]
    is_end: bool
    is_broken: bool  # not a number, or a code that is none


def device_errors(method: Callable[P, R]) -> Callable[P, R]:
    """Torch's errors as ours: memory is this request's trouble, a lost device everybody's."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with torch.inference_mode():
                return method(*args, **kwargs)
        except torch.OutOfMemoryError as error:
            raise OutOfMemory("There is not enough GPU memory for this text at the moment.") from error
        except RuntimeError as error:
            if "DefaultCPUAllocator" in str(error):
                raise OutOfMemory("There is not enough memory for this text at the moment.") from error
            if "CUDA error" in str(error) or "device-side assert" in str(error):
                raise DeviceLost(f"The GPU failed: {str(error).splitlines()[0]}") from error
            raise

    return guarded


class _Recent(OrderedDict[Hashable, R]):
    """The things used last, at most ``kept`` of them."""

    def __init__(self, kept: int) -> None:
        super().__init__()
        self._kept = kept
        self.behind: Callable[[Hashable, Callable[[], R]], R] | None = None  # asked before anything is made

    def of(self, key: Hashable, make: Callable[[], R]) -> R:
        if key not in self:
            self[key] = make() if self.behind is None else self.behind(key, make)
        self.move_to_end(key)
        while len(self) > self._kept:
            self.popitem(last=False)
        return self[key]


class Runner:
    """``slots`` utterances of one checkpoint, each in its own row of every state tensor.

    ``prefills``, ``frames``, ``codec_steps`` count calls of the networks (a frame is one call for all its rows).
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        codec: CodecDecoder,
        *,
        slots: int,
        positions: int = POSITIONS,
        sampling: Sampling | None = None,
    ) -> None:
        self.model, self.prompts = checkpoint
        self.codec = codec
        config = checkpoint.config
        self.kind = config.type
        self.hidden_size = config.talker.stack.hidden_size
        self._eos, self._codebook = config.talker.ids.eos, config.predictor.vocab_size
        self._sampling = sampling or Sampling.from_defaults(config.sampling)
        self._positions = positions
        with torch.inference_mode():
            self._state = self.model.init_state(slots, positions)
            self._sounds = codec.init_state(slots)
            self._embedding = torch.zeros(slots, self.hidden_size, device=self.model.device, dtype=self.model.dtype)
        self._feeds: list[Iterator[Tensor]] = [iter(())] * slots
        self._bias = [0.0] * slots
        self._at = [0] * slots  # each row's position, known without asking the device
        self._spoiled: set[int] = set()
        self._prefixes = _Recent[KvCache](PREFIXES_KEPT)
        self._primed = _Recent[State](SNAPSHOTS_KEPT)
        self.prefills = self.frames = self.codec_steps = 0

    def speaks(self, voice: Voice) -> bool:
        """Whether this checkpoint is the one for such a voice."""
        if voice.speaker is not None:
            return self.kind == "custom_voice" and voice.speaker.lower() in self.model.config.talker.speakers
        if voice.vector is not None:
            return self.kind == "base" and voice.vector.shape == (self.hidden_size,)
        return self.kind == "voice_design"

    def keep_in(self, cache: VoiceCache) -> None:
        """Look there for what a voice needs before computing it."""
        self._prefixes.behind, self._primed.behind = cache.prefix, cache.primed

    def tokens(self) -> TokenStream:
        """Ids of a text that comes in pieces."""
        return TokenStream(self.prompts.tokenizer)

    @device_errors
    def prefill(self, utterance: Utterance, voice: Voice) -> int:
        """Read an utterance's prompt into its slot; how many frames there is room for comes back.

        All but the prompt's last position, that is: this one is the first frame's input. A voice's prefix is read once
        and then copied, so a live utterance, whose own part is one position, costs no pass of the talker at all.

        Raises:
            EngineError: if the voice, the language or the text does not fit this checkpoint.
        """
        slot = self._slot(utterance)
        try:
            prompt = self._prompt(utterance, voice)
        except ValueError as error:
            raise EngineError(str(error)) from error
        room = self._positions - prompt.length
        if room < self._positions // ROOM_SHARE:
            raise EngineError("The sentence, its instruction and its reference clip are too long together.")
        self._clean(slot)
        row = self._state.cache.rows(slot)
        row.copy_prefix(self._prefix(utterance, voice, prompt.prefix))
        if prompt.own.shape[0] > 1:
            self.prefills += 1
            self.model.talker.prefill(prompt.own[None, :-1], row, prompt.prefix.shape[0])
        self._at[slot] = prompt.length - 1
        self._state.restart(slot, prompt.length - 1, utterance.seed)
        self._bias[slot] = 0.0
        self._embedding[slot].zero_()
        self._feeds[slot] = chain((prompt.own[-1],), prompt.feed)
        self._start_sound(slot, voice)
        return room

    def _prompt(self, utterance: Utterance, voice: Voice) -> Prompt:
        language = LANGUAGES[utterance.language].model_name
        if utterance.layout == "live":
            return self.prompts.live(_as_they_come(utterance), voice, language, utterance.instruct)
        utterance.ids = self.prompts.tokenizer.speech(utterance.text)
        return self.prompts.sentence(utterance.text, voice, language, utterance.instruct)

    def _prefix(self, utterance: Utterance, voice: Voice, prefix: Tensor) -> KvCache:
        def read() -> KvCache:
            self.prefills += 1
            cache = self.model.talker.init_cache(1, prefix.shape[0])
            self.model.talker.prefill(prefix[None], cache)
            return cache

        # A voice is its object (speakers: their name), so that one that was replaced is read anew.
        who: Hashable = voice.speaker if voice.speaker is not None and voice.vector is None else voice
        return self._prefixes.of((who, utterance.language, utterance.instruct, utterance.layout), read)

    def _start_sound(self, slot: int, voice: Voice) -> None:
        """The codec's row as before the first frame; of an in-context clone as behind its reference."""
        restart_stream(self._sounds, slot)
        codes = voice.ref_codes
        if codes is None:
            return

        def prime() -> State:
            row = tuple(tensor[slot : slot + 1] for tensor in self._sounds)
            for part in codes.to(self.model.device)[None].split(PRIME_FRAMES, dim=1):
                self.codec.step(part, row)
            return snapshot_stream(self._sounds, slot)

        restore_stream(self._sounds, slot, self._primed.of(voice, prime))

    @device_errors
    def frame(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[Frame]:
        """One frame for each of ``utterances``, in one batch; nothing of any other row moves.

        ``biases`` are added to their scores of EOS. The rows between the first and the last slot ride along; what they
        compute is forgotten. The host asks the device once, for all codes together.
        """
        slots = [self._slot(utterance) for utterance in utterances]
        first, last = min(slots), max(slots)
        for slot, bias in zip(slots, biases, strict=True):
            if bias != self._bias[slot]:
                self._state.sampler.eos_bias[slot].fill_(bias)
                self._bias[slot] = bias
        rows = self._rows(first, last + 1)
        active = torch.tensor([slot in slots for slot in range(first, last + 1)], device=self.model.device)
        rows.active.copy_(active)
        kept = self._embedding[first : last + 1]
        hidden = self.model.talker.step(
            self._inputs(slots, kept, first)[:, None], rows.cache, rows.positions, self._bound(slots)
        )
        codes, embedding = self.model.codes(hidden, rows, self._sampling)
        rows.positions.add_(rows.active)  # last, so that a step that ran out of memory can be tried again
        kept.copy_(torch.where(active[:, None], embedding, kept))
        is_finite = hidden.isfinite().all(-1) & embedding.isfinite().all(-1)
        found = torch.cat((codes, is_finite[:, None]), dim=1).tolist()
        self.frames += 1
        for slot in slots:
            self._at[slot] += 1
        return [self._judged(slot, found[slot - first]) for slot in slots]

    def _inputs(self, slots: list[int], kept: Tensor, first: int) -> Tensor:
        """``[rows, H]``: what each row said last, plus its next text."""
        text = torch.zeros_like(kept)
        for slot in slots:
            text[slot - first] = next(self._feeds[slot], self.prompts.pad)
        return kept + text

    def _bound(self, slots: list[int]) -> int:
        above = max(self._at[slot] for slot in slots) + 1
        return min(self._positions, -(-above // BOUND_STEP) * BOUND_STEP)

    def _rows(self, start: int, stop: int) -> FrameState:
        """The state of neighbouring slots: views, so writing to them writes here."""
        state, count = self._state, stop - start
        return FrameState(
            cache=state.cache.rows(start, count),
            positions=state.positions[start:stop],
            active=state.active[start:stop],
            sampler=SamplerState(*(tensor[start:stop] for tensor in state.sampler)),
            predictor_cache=state.predictor_cache.rows(start, count),
            places=state.places,
            suppressed=state.suppressed,
        )

    def _judged(self, slot: int, found: list[int]) -> Frame:
        *codes, is_finite = found
        is_end = bool(is_finite) and codes[0] == self._eos
        is_broken = not is_finite or not (is_end or all(0 <= code < self._codebook for code in codes))
        if is_broken:
            self._spoiled.add(slot)
        return Frame(codes, is_end, is_broken)

    @device_errors
    def sound(self, chunks: Sequence[tuple[Utterance, list[list[int]]]]) -> list[Samples]:
        """The next frames of some utterances, as many of each, decoded: float32 samples, which may not be finite."""
        slots = [self._slot(utterance) for utterance, _ in chunks]
        codes = torch.tensor([frames for _, frames in chunks], device=self.model.device)
        self.codec_steps += 1
        if slots == list(range(slots[0], slots[0] + len(slots))):
            samples = self.codec.step(codes, tuple(tensor[slots[0] : slots[-1] + 1] for tensor in self._sounds))
        else:
            samples = self.codec.step(codes, self._sounds, torch.tensor(slots, device=self.model.device))
        return list(samples.float().cpu().numpy())

    def _clean(self, slot: int) -> None:
        """Wipe a row in which numbers went wrong: what is hidden weighs nothing, but 0 x NaN is NaN."""
        if slot in self._spoiled:
            self._state.cache.rows(slot).blank()
            self._state.predictor_cache.rows(slot).blank()
            self._spoiled.discard(slot)

    def _slot(self, utterance: Utterance) -> int:
        if utterance.slot is None:
            raise AssertionError("an utterance without a slot was to speak")
        return utterance.slot


def _as_they_come(utterance: Utterance) -> Iterator[int]:
    """An utterance's ids, some of them not known yet. Asked only when `Utterance.has_text`: an end is the end."""
    at = 0
    while at < len(utterance.ids):
        yield utterance.ids[at]
        at += 1
