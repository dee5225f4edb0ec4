"""Our side of the comparison: one case spoken greedily, with what the networks computed on the way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from tests.parity.cases import FRAMES, Case
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint
from wyoming_qwen3tts.model.generate import generate_codes
from wyoming_qwen3tts.model.prompt import Prompt, PromptVoice
from wyoming_qwen3tts.model.sampling import FrameSampling


class Spoken(NamedTuple):
    """Codes ``[T, 16]``, talker states ``[T, H]``, its first logits ``[vocab]``, three predictor logits of frame 0."""

    codes: np.ndarray
    hidden: np.ndarray
    logits: np.ndarray
    predictor_logits: np.ndarray


PREDICTOR_HEADS = (0, 7, 14)  # those of them that a checkpoint has


def voice_of(case: Case, checkpoint: Checkpoint) -> PromptVoice:
    config = checkpoint.config
    if config.type != "base":
        return PromptVoice(speaker=case.speaker)
    vector = torch.from_numpy(case.vector(config.talker.stack.hidden_size))
    if not case.ref_frames:
        return PromptVoice(vector=vector)
    codes = case.ref_codes(config.predictor.vocab_size, config.talker.code_groups)
    return PromptVoice(None, vector, torch.from_numpy(codes), case.ref_text)


def prompt_of(case: Case, checkpoint: Checkpoint) -> Prompt:
    voice, prompts = voice_of(case, checkpoint), checkpoint.prompts
    if case.layout == "sentence":
        return prompts.sentence(case.text, voice, case.language, case.instruct)
    ids = iter(prompts.tokenizer.speech(case.text))  # an iterator: the text arrives id by id
    return prompts.live(ids, voice, case.language, case.instruct)


def speak(case: Case, checkpoint: Checkpoint, frames: int = FRAMES) -> Spoken:
    """Speak greedily and watch through forward hooks what comes out of the norm and the heads."""
    model = checkpoint.model
    hidden: list[torch.Tensor] = []
    logits: list[torch.Tensor] = []
    predictor_logits: list[torch.Tensor] = []

    def watch_talker(_: torch.nn.Module, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        hidden.append(inputs[0])
        logits.append(output)

    def watch_predictor(_: torch.nn.Module, __: tuple[torch.Tensor], output: torch.Tensor) -> None:
        predictor_logits.append(output)

    watched = [head for j, head in enumerate(model.predictor.heads) if j in PREDICTOR_HEADS]
    hooks = [model.talker.head.register_forward_hook(watch_talker)]
    hooks += [head.register_forward_hook(watch_predictor) for head in watched]
    try:
        sampling = FrameSampling.from_defaults(checkpoint.config.sampling, greedy=True)
        codes = list(generate_codes(model, prompt_of(case, checkpoint), sampling, 0, frames))
    finally:
        for hook in hooks:
            hook.remove()
    count = len(codes)
    return Spoken(
        torch.stack(codes).numpy() if codes else np.zeros((0, checkpoint.config.talker.code_groups), np.int64),
        torch.cat(hidden[:count]).numpy(),
        logits[0][0].numpy(),
        torch.cat(predictor_logits[: len(watched)]).numpy(),
    )
