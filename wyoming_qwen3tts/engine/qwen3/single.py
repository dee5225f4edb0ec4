"""One utterance at a time, in the caller's thread: for ``say --raw``, for cloning, and to measure with. Serving has
its own."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ...audio.pcm import to_pcm
from ...model.checkpoint.codec_weights import open_decoder
from ...model.checkpoint.config import ModelConfig
from ...model.checkpoint.weights import Checkpoint, load_checkpoint
from ...model.codec import CodecDecoder
from ...model.generate import generate_codes, official_frames
from ...model.prompt import Prompt, PromptVoice
from ...model.sampling import FrameSampling
from ...speech.audio_format import AudioFormat
from .guards import GuardLimits, RunawayGuard

log = logging.getLogger(__name__)

CACHE_BYTES_MAX = 256 << 20  # of keys and values: 29 s of a published model in float32; far more of a small one
Layout = Literal["sentence", "live"]


@dataclass(frozen=True, slots=True)
class UtteranceOptions:
    """How an utterance is spoken. ``language`` is the model's own name for it, None its own choice (``auto``)."""

    language: str | None = None
    instruct: str | None = None
    layout: Layout = "sentence"
    greedy: bool = False
    seed: int = 0
    max_frames: int | None = None  # None: what the checkpoint asks for, as far as memory goes
    guarded: bool = False  # stopped where the server would stop it


class SingleStream:
    """A checkpoint with its codec. ``speak`` yields a frame's codes ``[16]`` int64 and its PCM, 80 ms at a time."""

    def __init__(self, folder: Path, checkpoint: Checkpoint, codec: CodecDecoder) -> None:
        self.folder, self._checkpoint, self._codec = folder, checkpoint, codec

    @classmethod
    def open(cls, folder: Path, device: str, dtype: torch.dtype) -> SingleStream:
        """Load everything that speaks, in ``dtype``: nothing is quantized, whatever ``engine.quantize`` says.

        Raises:
            ModelFileError: one line that says what is wrong with which file, and what to do.
        """
        checkpoint = load_checkpoint(folder, device=device, dtype=dtype)
        codec = open_decoder(folder / "speech_tokenizer", checkpoint.config.codec, device=device, dtype=dtype)
        return cls(folder, checkpoint, codec)

    @property
    def config(self) -> ModelConfig:
        return self._checkpoint.config

    @property
    def format(self) -> AudioFormat:
        """Of what it speaks."""
        return AudioFormat(self.config.codec.output_sample_rate_hz)

    def speak(self, text: str, voice: PromptVoice, manner: UtteranceOptions) -> Iterator[tuple[Tensor, bytes]]:
        """Speak ``text`` as one utterance.

        Raises:
            ValueError: for an unknown speaker or language, a voice of another kind than the checkpoint's, or a text
                that is too long.
        """
        prompts, prompt = self._checkpoint.prompts, self._prompt(text, voice, manner)
        sampling = FrameSampling.from_defaults(self.config.sampling, greedy=manner.greedy)
        most = self._most_frames(prompt)
        frames = most if manner.max_frames is None else min(most, manner.max_frames)
        state = self._primed(voice)
        guard = RunawayGuard(GuardLimits(), is_cloned=self.config.type == "base") if manner.guarded else None
        ids = len(prompts.tokenizer.speech(text))
        for codes in generate_codes(self._checkpoint.model, prompt, sampling, manner.seed, frames):
            with torch.inference_mode():
                samples = self._codec.step(codes[None, None], state)[0].float().cpu().numpy()
            yield codes.cpu(), to_pcm(samples)
            if guard is None:
                continue
            why = guard.made(int(codes[0]), ids) or guard.heard(samples[None], text_is_over=True)[1]
            if why is not None:
                log.warning("The speech did not end by itself and was cut off: %s", why)
                return

    def _prompt(self, text: str, voice: PromptVoice, manner: UtteranceOptions) -> Prompt:
        prompts = self._checkpoint.prompts
        with torch.inference_mode():
            if manner.layout == "live":
                ids = prompts.tokenizer.speech(text)
                return prompts.live(ids, voice, manner.language, manner.instruct)
            return prompts.sentence(text, voice, manner.language, manner.instruct)

    def _most_frames(self, prompt: Prompt) -> int:
        stack = self.config.talker.stack
        element = torch.finfo(self._checkpoint.model.dtype).bits // 8
        position_bytes = 2 * stack.layers * stack.kv_heads * stack.head_dim * element
        room = CACHE_BYTES_MAX // position_bytes - prompt.length
        if room < 1:
            raise ValueError("The text is too long for one utterance; leave --raw out, and it is spoken by sentence")
        return min(official_frames(self.config.sampling.max_new_tokens), room)

    def _primed(self, voice: PromptVoice) -> tuple[Tensor, ...]:
        """The codec's state at the start: new, or for an in-context clone as its reference leaves it."""
        with torch.inference_mode():
            state = self._codec.init_state(1)
            if voice.ref_codes is not None:
                self._codec.step(voice.ref_codes[None].to(self._checkpoint.model.device), state)
        return state
