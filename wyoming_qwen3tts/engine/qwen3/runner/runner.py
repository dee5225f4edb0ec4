"""One loaded checkpoint at work: owns every tensor that changes. Engine thread only.

The only file of the engine that computes. It knows utterances, not replies, threads or time.
"""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import chain
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import torch
from torch import Tensor

from ....audio.pcm import Samples
from ....errors import EngineError, OutOfMemory
from ....model.checkpoint.weights import Checkpoint
from ....model.codec import CodecDecoder
from ....model.fused import PLAIN, kernels_in
from ....model.layers import KvCache
from ....model.prompt import Prompt, PromptVoice
from ....model.sampling import FrameSampling
from ....model.tokenizer import TokenStream
from ....speech.audio_format import AudioFormat
from ....speech.languages import LANGUAGES
from ....util.lru import LruCache
from ....voices.speakers import languages_of
from ..device_errors import device_errors, let_go
from ..hardware.memory import PREFIXES_MB
from ..scheduler import Utterance
from .codec import GraphedSounds, SoundMaker, Sounds
from .frames import FrameMaker, Frames, slot_of
from .graphed_frames import GraphedFrames, sizes
from .graphs import Graphs, NoGraphs
from .prefill import GraphedPrompts, PromptReader, Prompts
from .voice_cache import VoiceCache

ROOM_SHARE = 8  # of a slot, what a prompt has to leave for frames
PREFIXES_KEPT = 64  # about 1 MB each in bfloat16; with a reference clip 14, so that bytes are bounded too

P = ParamSpec("P")
R = TypeVar("R")


class Frame(NamedTuple):
    """What one frame of one utterance came to. ``codes`` mean nothing if it ended or broke."""

    codes: list[int]
    is_end: bool
    is_broken: bool  # not a number, or a code that is none


def on_device(method: Callable[Concatenate[ModelRunner, P], R]) -> Callable[Concatenate[ModelRunner, P], R]:
    """Without gradients, and with `device_errors`. Where memory ran out, what nobody needs is freed for who comes
    next."""

    @functools.wraps(method)
    def guarded(self: ModelRunner, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with torch.inference_mode(), device_errors():
                return method(self, *args, **kwargs)
        except OutOfMemory:
            self.spare_memory()
            raise

    return guarded


class ModelRunner:
    """``slots`` utterances of one checkpoint, each in its own row of every state tensor.

    With ``graphs``, frames and sound are recorded here, once, and replayed (`GraphsFailed` if they cannot be).
    ``prefills``, ``frames``, ``codec_steps`` count calls of the networks (a frame is one call for all its rows).
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        codec: CodecDecoder,
        *,
        slots: int,
        positions: int,
        sampling: FrameSampling | None = None,
        graphs: Graphs | None = None,
    ) -> None:
        self.model, self.prompts = checkpoint
        self.codec = codec
        config = checkpoint.config
        self.kind = config.type
        self.format = AudioFormat(codec.samples_per_frame * 25 // 2)  # a frame is 80 ms
        self.hidden_size = config.talker.stack.hidden_size
        self._eos, self._codebook = config.talker.ids.eos, config.predictor.vocab_size
        self._sampling = sampling or FrameSampling.from_defaults(config.sampling)
        self._positions = positions
        self._graphs = graphs or NoGraphs()
        self.why_no_graphs: str | None = None  # set by whoever wanted some and had to build it without
        with torch.inference_mode():
            made = (self.model, self._sampling, slots, positions, self.prompts.pad)
            if graphs is None:
                self._frames: FrameMaker = Frames(*made)
                self._sound: SoundMaker = Sounds(codec, slots)
                self._reader: PromptReader = Prompts(self.model.talker)
            else:
                self._frames = GraphedFrames(*made, graphs)
                self._sound = GraphedSounds(codec, slots, graphs, sizes(slots))
                self._reader = GraphedPrompts(self.model.talker, positions, graphs)
        self._state, self._sounds = self._frames.state, self._sound.state
        self._spoiled: set[int] = set()
        self._languages = languages_of(self.model.config.talker.languages)  # its names, by code
        self._prefixes = LruCache[KvCache](PREFIXES_KEPT, _bytes_of, PREFIXES_MB << 20)
        self.prefills = self.frames = self.codec_steps = 0

    @property
    def graphs_name(self) -> str:
        """Of what records its work: ``none`` where nothing does."""
        return self._graphs.name

    @property
    def kernels_name(self) -> str:
        """Of what computes its layers in plain torch's place; empty: nothing does."""
        kernels = kernels_in(self.model)
        return "" if kernels is None or kernels is PLAIN else kernels.name

    def speaks(self, voice: PromptVoice) -> bool:
        """Whether this checkpoint is the one for such a voice."""
        if voice.speaker is not None:
            return self.kind == "custom_voice" and voice.speaker.lower() in self.model.config.talker.speakers
        if voice.vector is not None:
            kind = "custom_voice" if voice.is_of_speakers else "base"
            return self.kind == kind and voice.vector.shape == (self.hidden_size,)
        return self.kind == "voice_design"

    def forget_voices(self) -> None:
        """Compute anew what each voice needs, as at its first word."""
        self._prefixes.clear()
        self._sound.primed.clear()

    def spare_memory(self) -> None:
        """Give back what can be computed again, and what torch keeps for later."""
        self.forget_voices()
        gc.collect()
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def keep_in(self, cache: VoiceCache) -> None:
        """Look there for what a voice needs before computing it."""
        self._prefixes.backing_store, self._sound.primed.backing_store = cache.prefix, cache.primed

    def tokens(self, *, notes_words: bool = False) -> TokenStream:
        """Ids of a text that comes in pieces."""
        return TokenStream(self.prompts.tokenizer, notes_words=notes_words)

    @on_device
    def prefill(self, utterance: Utterance, voice: PromptVoice) -> int:
        """Prefills all positions; returns the frames there is room for.

        A voice's prefix is read once and then copied. The last position is the first frame's input where what the
        talker says of it could not be kept, and of a live utterance, whose own part it is: no pass of the talker at
        all, here.
        Where memory runs out it is tried once more, without what was kept of other voices.

        Raises:
            EngineError: if the voice, the language or the text does not fit this checkpoint.
        """
        try:
            with self._graphs.lane("frames"), device_errors():
                return self._read(utterance, voice)
        except OutOfMemory as error:
            let_go(error)
        self.spare_memory()  # a prompt is read into its own row from the beginning, so it can be read again
        with self._graphs.lane("frames"):
            return self._read(utterance, voice)

    def _read(self, utterance: Utterance, voice: PromptVoice) -> int:
        slot = slot_of(utterance)
        try:
            prompt = self._prompt(utterance, voice)
        except ValueError as error:
            raise EngineError(str(error)) from error
        room = self._positions - prompt.length
        if room < self._positions // ROOM_SHARE:
            raise EngineError("The sentence, its instruction and its reference clip are too long together.")
        self._clean(slot)
        self.prefills += prompt.own.shape[0] > 1
        prefix = self._prefix(utterance, voice, prompt.prefix)
        row = self._state.cache.rows(slot)
        is_whole = self._frames.takes_said and prompt.own.shape[0] > 1
        said = self._reader.read(prompt.own if is_whole else prompt.own[:-1], prefix, row)
        if is_whole and said is not None:
            self._frames.begin(slot, prompt.length, utterance.seed, prompt.feed, said)
        else:
            self._frames.begin(slot, prompt.length - 1, utterance.seed, chain((prompt.own[-1],), prompt.feed))
        self._sound.begin(slot, voice)
        return room

    def _prompt(self, utterance: Utterance, voice: PromptVoice) -> Prompt:
        code = utterance.language
        language = self._languages.get(code) or (LANGUAGES[code].model_name if code in LANGUAGES else code)
        if utterance.layout == "live":
            return self.prompts.live(_as_they_come(utterance), voice, language, utterance.instruct)
        utterance.ids = self.prompts.tokenizer.speech(utterance.text)
        return self.prompts.sentence(utterance.text, voice, language, utterance.instruct)

    def _prefix(self, utterance: Utterance, voice: PromptVoice, prefix: Tensor) -> KvCache:
        def read() -> KvCache:
            self.prefills += 1
            cache = self.model.talker.init_cache(1, prefix.shape[0])
            self._reader.read(prefix, None, cache)
            return cache

        # A voice is its object (speakers: their name), so that one that was replaced is read anew.
        who: Hashable = voice.speaker if voice.speaker is not None and voice.vector is None else voice
        return self._prefixes.of((who, utterance.language, utterance.instruct, utterance.layout), read)

    @on_device
    def frame(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[Frame]:
        """One frame for each of ``utterances``, in one batch; nothing of any other row moves.

        ``biases`` are added to their scores of EOS. How it is made is the `FrameMaker`'s.
        """
        with self._graphs.lane("frames"):
            found = self._frames.make(utterances, biases)
        self.frames += 1
        return [self._judged(slot_of(u), row) for u, row in zip(utterances, found, strict=True)]

    def _judged(self, slot: int, found: list[int]) -> Frame:
        *codes, is_finite = found
        is_end = bool(is_finite) and codes[0] == self._eos
        is_broken = not is_finite or not (is_end or all(0 <= code < self._codebook for code in codes))
        if is_broken:
            self._spoiled.add(slot)
        return Frame(codes, is_end, is_broken)

    @on_device
    def sound(self, chunks: Sequence[tuple[Utterance, list[list[int]]]]) -> list[Samples]:
        """The next frames of some utterances, as many of each, decoded: float32 samples, which may not be finite."""
        self.codec_steps += 1
        return self._sound.decode([slot_of(utterance) for utterance, _ in chunks], [frames for _, frames in chunks])

    def _clean(self, slot: int) -> None:
        """Zeroes a row. Needed after NaN: masked positions get weight 0, and 0 x NaN is NaN."""
        if not self._frames.leave(slot):
            self._spoiled.add(slot)
        if slot in self._spoiled:
            self._state.cache.rows(slot).blank()
            self._state.predictor_cache.rows(slot).blank()
            self._spoiled.discard(slot)


def _bytes_of(cache: KvCache) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in cache)


def _as_they_come(utterance: Utterance) -> Iterator[int]:
    """An utterance's ids, some of them not known yet. Asked only when `Utterance.has_text`: an end is the end."""
    at = 0
    while at < len(utterance.ids):
        yield utterance.ids[at]
        at += 1
