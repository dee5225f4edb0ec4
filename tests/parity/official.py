"""The official side of the comparison. Runs only where ``script/parity`` has installed the official package."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.parity.cases import FRAMES, Case
from tests.parity.ours import PREDICTOR_HEADS, Spoken

# Imported by the package for its 25 Hz tokenizer, which no published checkpoint uses; not worth installing.
UNNEEDED = ("sox", "onnxruntime", "torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi")


def import_official() -> Any:
    """The official ``Qwen3TTSModel`` class, with empty modules in place of what it imports and never uses here."""
    for name in UNNEEDED:
        module = sys.modules.setdefault(name, types.ModuleType(name))
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)  # transformers looks for one
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    return import_module("qwen_tts").Qwen3TTSModel


def load_official(folder: Path) -> Any:
    return import_official().from_pretrained(str(folder), dtype=torch.float32, attn_implementation="sdpa")


def _run(case: Case, official: Any, options: dict[str, Any]) -> None:
    config = official.model.config
    if config.tts_model_type == "custom_voice":
        official.generate_custom_voice(case.text, speaker=case.speaker, instruct=case.instruct, **options)
    elif config.tts_model_type == "voice_design":
        official.generate_voice_design(case.text, instruct=case.instruct or "", **options)
    else:
        talker = config.talker_config
        codes = torch.from_numpy(case.ref_codes(talker.code_predictor_config.vocab_size, talker.num_code_groups))
        item = import_module("qwen_tts").VoiceClonePromptItem(
            ref_code=codes if case.ref_frames else None,
            ref_spk_embedding=torch.from_numpy(case.vector(talker.hidden_size)),
            x_vector_only_mode=not case.ref_frames,
            icl_mode=bool(case.ref_frames),
            ref_text=case.ref_text if case.ref_frames else None,
        )
        official.generate_voice_clone(case.text, voice_clone_prompt=[item], **options)


def speak(case: Case, official: Any, frames: int = FRAMES) -> Spoken:
    """Speak greedily with the official package; the same things are recorded as on our side."""
    model = official.model
    results: list[Any] = []
    logits: list[torch.Tensor] = []
    predictor_logits: list[torch.Tensor] = []
    hooks = [model.talker.codec_head.register_forward_hook(lambda _, x, y: logits.append(y[:, -1].clone()))]
    watched = [head for j, head in enumerate(model.talker.code_predictor.lm_head) if j in PREDICTOR_HEADS]
    hooks += [head.register_forward_hook(lambda _, x, y: predictor_logits.append(y[:, -1].clone())) for head in watched]
    generate = model.generate

    def spy(*args: Any, **kwargs: Any) -> Any:
        results.append(generate(*args, **kwargs))
        return results[-1]

    model.generate = spy
    try:
        options = {"do_sample": False, "subtalker_dosample": False, "max_new_tokens": frames + 1}
        _run(case, official, options | {"language": case.language, "non_streaming_mode": case.layout == "sentence"})
    finally:
        model.generate = generate
        for hook in hooks:
            hook.remove()
    (codes,), (hidden,) = results[0]
    return Spoken(
        codes.numpy().astype(np.int64),
        hidden.numpy(),
        logits[0][0].numpy(),
        torch.cat(predictor_logits[: len(watched)]).numpy(),
    )
