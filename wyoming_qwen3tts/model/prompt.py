"""What stands before the first frame, and which text goes with each frame after it.

Two tracks are added at every position: text and codec. The prompt is cut in two: a *prefix* that depends on voice,
language and instruction only (its keys and values can be kept per voice), and the sentence's *own* part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

import torch
from torch import Tensor

from .checkpoint.config import TalkerConfig
from .language_model import LanguageModel
from .text_table import TextTable, onto
from .tokenizer import Tokenizer

Layout = Literal["sentence", "live"]  # the whole text before the first frame | one text id per frame


@dataclass(frozen=True, slots=True, eq=False)
class PromptVoice:
    """Who speaks: a speaker of the checkpoint, or a cloned one (``vector``), or nobody (a described voice).

    ``vector`` is ``[hidden]`` from the speaker encoder; or, where it ``is_of_speakers``, a mix of speakers' embeddings.
    ``ref_codes`` ``[T, 16]`` int64 and ``ref_text`` come together and make the clone an in-context one. ``key`` stands
    for all of that where things are kept for it on disk.
    """

    speaker: str | None = None
    vector: Tensor | None = None
    ref_codes: Tensor | None = None
    ref_text: str | None = None
    key: str | None = None
    is_of_speakers: bool = False

    def __post_init__(self) -> None:
        if (self.ref_codes is None) != (self.ref_text is None):
            raise ValueError("ref_codes and ref_text come together or not at all")


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A prompt ready to be read: ``prefix`` ``[P, H]``, ``own`` ``[N, H]`` (N >= 1), then one text embedding a frame.

    ``feed`` yields those ``[H]`` embeddings; when it ends, ``pad`` ``[H]`` goes on for ever. In the live layout it may
    block, for it takes the text as it comes; one item is needed per frame *after* that frame's codes are known.
    """

    prefix: Tensor
    own: Tensor
    feed: Iterator[Tensor]
    pad: Tensor

    @property
    def length(self) -> int:
        return self.prefix.shape[0] + self.own.shape[0]


def language_id(config: TalkerConfig, language: str | None, speaker: str | None) -> int | None:
    """The id of the language tag, or None for the model's own choice (``auto``).

    A speaker with a dialect speaks it when the language is ``auto`` or Chinese. Dialects cannot be asked for by name.

    Raises:
        ValueError: for a language that the checkpoint does not speak.
    """
    name = (language or "auto").lower()
    dialect = config.dialects.get(speaker.lower()) if speaker else None
    if dialect is not None and name in ("auto", "chinese"):
        return config.languages[dialect]
    if name == "auto":
        return None
    if name not in config.languages or "dialect" in name:
        known = ", ".join(sorted(known for known in config.languages if "dialect" not in known))
        raise ValueError(f"This model does not speak {language!r}; it speaks {known}")
    return config.languages[name]


class PromptBuilder:
    """Turns voices, ids and settings into prompts for one checkpoint."""

    def __init__(self, model: LanguageModel, text: TextTable, tokenizer: Tokenizer) -> None:
        self._model, self._text, self.tokenizer = model, text, tokenizer
        config = model.config
        self._config = config
        self._looked_up: dict[tuple[int, ...], Tensor] = {}
        self._bos, self._eos, self.pad = text.embed([config.tts_bos_id, config.tts_eos_id, config.tts_pad_id]).unbind()

    def _codec(self, *ids: int) -> Tensor:
        """Embeddings of ids that a checkpoint has a few of: its tags and speakers. Looked up once."""
        if ids not in self._looked_up:
            self._looked_up[ids] = self._model.talker.codec_embedding(onto(self._model.device, torch.tensor(ids)))
        return self._looked_up[ids]

    def sentence(
        self, text: str, voice: PromptVoice, language: str | None = None, instruct: str | None = None
    ) -> Prompt:
        """The full-text layout: the whole text, then the frames. What the official code does by default.

        Raises:
            ValueError: for an unknown speaker or language, or a voice of another kind than the checkpoint's.
        """
        prefix = self.prefix(voice, language, instruct, "sentence")
        words = torch.cat((self._text.embed(self.tokenizer.speech(text)), self._eos[None]))
        words = words + self._codec(self._config.talker.ids.pad)
        return Prompt(prefix, torch.cat((words, self._sounds(voice) + self.pad)), iter(()), self.pad)

    def live(
        self, ids: Iterable[int], voice: PromptVoice, language: str | None = None, instruct: str | None = None
    ) -> Prompt:
        """The streaming layout: text ids are taken from ``ids`` as the frames need them, one a frame.

        A first id is taken at once; of an in-context clone as many as its reference has frames beyond its transcript.

        Raises:
            ValueError: as `sentence`; or if ``ids`` is empty.
        """
        text = iter(ids)
        prefix = self.prefix(voice, language, instruct, "live")
        sounds = self._sounds(voice)[self._shared(voice) :]
        transcript = self._transcript(voice)[self._shared(voice) :]
        taken = [*transcript, *islice(text, max(len(sounds) - len(transcript), 0))]
        if voice.ref_codes is None and not taken:
            raise ValueError("There is no text to speak")
        words = self._text.embed(taken[: len(sounds)])
        left = chain(taken[len(sounds) :], text)
        if len(words) < len(sounds):  # the text has ended inside the prompt: eos once, then pads
            padding = [self._eos, *[self.pad] * (len(sounds) - len(words) - 1)]
            return Prompt(prefix, torch.cat((words, torch.stack(padding))) + sounds, iter(()), self.pad)
        return Prompt(prefix, words + sounds, self._lazily(left), self.pad)

    def _lazily(self, ids: Iterator[int]) -> Iterator[Tensor]:
        for id_ in ids:
            yield self._text.embed([id_])[0]
        yield self._eos

    def prefix(self, voice: PromptVoice, language: str | None, instruct: str | None, layout: Layout) -> Tensor:
        """``[P, H]``: all positions that are the same whatever the sentence is.

        Raises:
            ValueError: see `sentence`.
        """
        self._check(voice)
        ids, talker = self._config.talker.ids, self._config.talker
        language_tag = language_id(talker, language, voice.speaker)
        if language_tag is None:
            tags = [ids.nothink, ids.think_bos, ids.think_eos]
        else:
            tags = [ids.think, ids.think_bos, language_tag, ids.think_eos]
        track = [self._codec(*tags)]
        if voice.speaker is not None:
            track.append(self._codec(talker.speakers[voice.speaker.lower()]))
        if voice.vector is not None:
            track.append(onto(self._model.device, voice.vector).to(self._model.dtype)[None])
        track.append(self._codec(ids.pad))
        codec = torch.cat(track)
        over = torch.cat((self.pad.expand(len(codec) - 1, -1), self._bos[None]))
        parts = [self._text.embed(self.tokenizer.role), over + codec, *self._reference(voice, layout)]
        if instruct and self._config.takes_instruct:
            parts.insert(0, self._text.embed(self.tokenizer.instruct(instruct)))
        return torch.cat(parts)

    def _check(self, voice: PromptVoice) -> None:
        kind = self._config.type
        is_named = voice.speaker is not None or voice.is_of_speakers
        is_cloned = voice.vector is not None and not voice.is_of_speakers
        if is_named != (kind == "custom_voice") or is_cloned != (kind == "base"):
            wanted = {
                "custom_voice": "a speaker's name",
                "base": "a cloned voice",
                "voice_design": "a description only",
            }
            raise ValueError(f"A model of type {kind} speaks by {wanted[kind]}")
        if voice.speaker is not None and voice.speaker.lower() not in self._config.talker.speakers:
            known = ", ".join(sorted(self._config.talker.speakers))
            raise ValueError(f"This model has no speaker {voice.speaker!r}; it has {known}")

        stack, groups = self._config.talker.stack, self._config.talker.code_groups
        if voice.vector is not None and voice.vector.shape != (stack.hidden_size,):
            raise ValueError("This voice was made with a model of another size; clone it again")
        codes = voice.ref_codes
        if codes is None:
            return
        if codes.ndim != 2 or codes.shape[0] == 0 or codes.shape[1] != groups:
            raise ValueError(f"Reference codes must be [frames, {groups}], not {list(codes.shape)}")
        if not 0 <= int(codes.min()) <= int(codes.max()) < self._config.predictor.vocab_size:
            raise ValueError("Reference codes lie outside the codebooks")

    def _transcript(self, voice: PromptVoice) -> list[int]:
        return [] if voice.ref_text is None else self.tokenizer.speech(voice.ref_text)

    def _sounds(self, voice: PromptVoice) -> Tensor:
        """``[1 + T, H]``: the codec's bos and, for an in-context clone, the T frames of its reference."""
        bos = self._codec(self._config.talker.ids.bos)
        if voice.ref_codes is None:
            return bos
        return torch.cat((bos, self._model.embed_frames(onto(self._model.device, voice.ref_codes))))

    def _shared(self, voice: PromptVoice) -> int:
        """How many positions of a live in-context prompt do not depend on the text: transcript laid over reference.

        At least one position is left over, to make the first frame from.
        """
        if voice.ref_codes is None:
            return 0
        return min(len(self._transcript(voice)), voice.ref_codes.shape[0])

    def _reference(self, voice: PromptVoice, layout: Layout) -> list[Tensor]:
        transcript = self._transcript(voice)
        if not transcript:
            return []
        if layout == "sentence":
            return [self._text.embed(transcript) + self._codec(self._config.talker.ids.pad)]
        shared = self._shared(voice)
        return [self._text.embed(transcript[:shared]) + self._sounds(voice)[:shared]]
