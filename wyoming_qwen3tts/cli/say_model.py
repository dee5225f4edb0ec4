"""``say`` straight through the model: ``--raw``, ``--greedy``, ``--codes``, ``--max-frames``. What speech is compared
with."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..audio.encode import Format
from ..engine.qwen3.single import Layout, SingleStream, UtteranceOptions
from ..engine.qwen3.voice_lookup import model_voice
from ..errors import BadRequest, UnknownVoice
from ..model.checkpoint.config import ModelConfig, load_config
from ..model.prompt import PromptVoice
from ..settings import Settings
from ..speech.languages import LANGUAGES, model_language
from ..text.front_end import FrontEnd
from ..voices.folder import VoiceFolder
from .download import fetched
from .sound_file import NOTHING, encoded, form_of

DEFAULT_SPEAKER = "ryan"


@dataclass(frozen=True, slots=True)
class ModelWish:
    """The flags of ``say`` that reach the model."""

    voice: str | None
    language: str | None
    instruct: str | None
    seed: int | None
    feed: str | None
    raw: bool
    greedy: bool
    codes: str | None
    max_frames: int | None


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which checkpoint speaks, as whom, and in which language (the model's own name, None for ``auto``)."""

    folder: Path
    voice: PromptVoice
    language: str | None


def say_model(settings: Settings, text: str, output: str | None, wish: ModelWish) -> int:
    """Speak ``text`` (``-``: standard input) into ``output``, with the codes into ``wish.codes``.

    Raises:
        SpeechError: for what the person who typed it can change.
        ModelFileError: if the model's files are not in order.
    """
    if settings.engine.kind != "qwen3" or not settings.engine.model:
        raise BadRequest("This needs a Qwen3-TTS model: --engine.kind qwen3 --engine.model HUB_ID_OR_FOLDER")
    if output is None and wish.codes is None:
        raise BadRequest("Say where to write: -o FILE.wav, or --codes FILE.npy")
    form: Format = "wav" if output is None else form_of(output)
    if text == "-":
        text = sys.stdin.read()
    if not text.strip():
        raise BadRequest(NOTHING)
    choice = choose(settings, wish)
    solo = SingleStream.open(choice.folder, model_device(settings), _dtype(settings, wish))
    frames = list(_frames(solo, text, choice, wish, settings))
    if wish.codes is not None:
        with Path(wish.codes).open("wb") as file:
            groups = solo.config.talker.code_groups
            np.save(file, np.stack([c for c, _ in frames]) if frames else np.zeros((0, groups), np.int64))
    if output is not None:
        pcm = b"".join(pcm for _, pcm in frames)
        _write(output, encoded(pcm, solo.format.rate, form))
        if output != "-":
            who = choice.voice.speaker or wish.voice or "the voice that was described"
            sys.stderr.write(f"{output}: {solo.format.seconds(len(pcm)):.1f} s, by {who}\n")
    return 0


def _frames(
    solo: SingleStream, text: str, choice: _Choice, wish: ModelWish, settings: Settings
) -> Iterator[tuple[Any, bytes]]:
    layout: Layout = "live" if (wish.feed or settings.engine.feed) == "live" else "sentence"
    left = wish.max_frames
    for segment, language in _utterances(text, choice, wish, settings):
        if left == 0:
            return
        manner = UtteranceOptions(
            language, wish.instruct, layout, wish.greedy, wish.seed or 0, left, guarded=not wish.raw
        )
        try:
            for codes, pcm in solo.speak(segment, choice.voice, manner):
                yield codes.numpy(), pcm
                left = None if left is None else left - 1
        except ValueError as error:
            raise BadRequest(f"{error}.") from None


def _utterances(text: str, choice: _Choice, wish: ModelWish, settings: Settings) -> Iterator[tuple[str, str | None]]:
    """The text as one utterance, or as the front-end cuts it, each with the model's name of its language."""
    if wish.raw:
        yield text, choice.language
        return
    code = model_language(choice.language)
    if choice.language and code is None:
        raise BadRequest(f"No voice speaks {choice.language[:20]!r}. Languages: {', '.join(LANGUAGES)}.")
    front_end = FrontEnd(language=code, fallback=settings.voices.language)
    for segment in front_end.add(text) + front_end.close():
        yield segment.text, LANGUAGES[segment.language].model_name


def choose(settings: Settings, wish: ModelWish) -> _Choice:
    """The first of the configured checkpoints that can speak as asked.

    Raises:
        UnknownVoice: if none can; says who there is.
    """
    configs = {folder: load_config(folder) for folder in fetched(settings, settings.engine.model)}
    language = _model_language(wish.language)
    if not wish.voice:
        return _unnamed(configs, wish, language)
    for folder, config in configs.items():
        if (found := _speaker(config, wish.voice)) is not None:
            speaker, code = found
            return _Choice(folder, PromptVoice(speaker), language or (LANGUAGES[code].model_name if code else None))
    base = next((folder for folder, config in configs.items() if config.type == "base"), None)
    cloned = VoiceFolder(settings.voices_dir)
    if base is not None and (name := cloned.find(wish.voice)) is not None:
        return _Choice(base, model_voice(cloned.read(name)), language)
    known = [name for config in configs.values() for name in sorted(config.talker.speakers)]
    known += cloned.names() if base is not None else []
    raise UnknownVoice(_nobody(wish.voice, known))


def _unnamed(configs: dict[Path, ModelConfig], wish: ModelWish, language: str | None) -> _Choice:
    for folder, config in configs.items():
        if config.type == "voice_design" and (wish.instruct or len(configs) == 1):
            return _Choice(folder, PromptVoice(), language)
        if config.type == "custom_voice":
            speakers = sorted(config.talker.speakers)
            return _Choice(
                folder, PromptVoice(DEFAULT_SPEAKER if DEFAULT_SPEAKER in speakers else speakers[0]), language
            )
    raise UnknownVoice(
        "A Base model speaks as cloned voices only. Make one with the command clone, and name it: --voice NAME"
    )


def _speaker(config: ModelConfig, name: str) -> tuple[str, str | None] | None:
    """The checkpoint's speaker that ``name`` means, with the language in it, if any: ``ryan``, ``Ryan``,
    ``ryan-de``."""
    if config.type != "custom_voice":
        return None
    wanted = name.lower()
    if wanted in config.talker.speakers:
        return wanted, None
    speaker, _, code = wanted.rpartition("-")
    return (speaker, code) if speaker in config.talker.speakers and code in LANGUAGES else None


def _model_language(tag: str | None) -> str | None:
    if tag is None or tag.strip().lower() == "auto":
        return None
    code = model_language(tag)
    return LANGUAGES[code].model_name if code else tag  # what the model alone knows, it may be asked for


def _nobody(name: str, others: Sequence[str]) -> str:
    if others:
        return f"No voice is called {name[:64]!r}. There are: {', '.join(others)}."
    return (
        f"No voice is called {name[:64]!r}: these models have no speakers of their own. Leave --voice out for a "
        "VoiceDesign model and describe one with --instruct; make one with the command clone for a Base model."
    )


def model_device(settings: Settings) -> str:
    """Where the model runs.

    Raises:
        BadRequest: if that is a graphics card which is not there.
    """
    if settings.engine.device == "cuda" and not torch.cuda.is_available():
        raise BadRequest("torch finds no CUDA card here. Leave --engine.device out, or write --engine.device cpu")
    if settings.engine.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return settings.engine.device


def _dtype(settings: Settings, wish: ModelWish) -> torch.dtype:
    """float32 where it is left open: this command is what others are compared with."""
    return torch.bfloat16 if settings.engine.dtype == "bfloat16" else torch.float32


def _write(output: str, sound: bytes) -> None:
    if output == "-":
        sys.stdout.buffer.write(sound)
    else:
        Path(output).write_bytes(sound)
