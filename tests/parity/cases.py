"""What is compared with the official package: tiny checkpoints, and utterances to be spoken by them.

Both sides import this file: `derive.py` in the official package's environment, the tests in ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.model.prompt import Layout

FRAMES = 20
TEXT = "The light in the kitchen is on."
LONG_TEXT = "It is twelve degrees outside, and it will rain tonight. Your timer for ten minutes is done!"
REF_TEXT = "Your timer is done."


@dataclass(frozen=True)
class Weights:
    """One tiny checkpoint."""

    kind: ModelType
    seed: int
    size: str | None = None
    shape: TinyShape = field(default_factory=TinyShape)

    def write(self, folder: Path) -> Path:
        return write_tiny_checkpoint(folder, self.kind, size=self.size, seed=self.seed, shape=self.shape)


NO_PROJECTION = TinyShape(predictor_hidden=64, heads=8, kv_heads=2, predictor_heads=6, predictor_kv_heads=3)
DEEP = TinyShape(hidden=48, layers=4, heads=3, kv_heads=3, head_dim=24, predictor_hidden=32, predictor_layers=3)
WIDE_CODES = TinyShape(hidden=32, heads=2, kv_heads=1, head_dim=32, predictor_hidden=32, codebook_size=2048, layers=1)

CHECKPOINTS = {
    "custom-small": Weights("custom_voice", 0),
    "custom-large": Weights("custom_voice", 1, "1b7", NO_PROJECTION),
    "custom-deep": Weights("custom_voice", 2, "1b7", DEEP),
    "custom-codes": Weights("custom_voice", 3, "0b6", WIDE_CODES),
    "design": Weights("voice_design", 4),
    "design-deep": Weights("voice_design", 5, shape=DEEP),
    "base": Weights("base", 6),
    "base-large": Weights("base", 7, "1b7", NO_PROJECTION),
}


@dataclass(frozen=True)
class Case:
    """One utterance. ``ref_frames`` makes an in-context clone; 0 means x-vector only (Base checkpoints)."""

    checkpoint: str
    layout: Layout
    text: str = TEXT
    language: str = "english"
    speaker: str | None = None
    instruct: str | None = None
    ref_frames: int = 0
    ref_text: str = REF_TEXT

    @property
    def name(self) -> str:
        parts = [self.checkpoint, self.layout, self.language, self.speaker or ""]
        parts += ["instruct" if self.instruct else "", f"ref{self.ref_frames}" if self.ref_frames else ""]
        parts += [f"{len(self.text)}c"]
        return "-".join(part for part in parts if part)

    def vector(self, hidden: int) -> np.ndarray:
        """A made-up speaker embedding, as a clone's."""
        return np.random.RandomState(hidden).standard_normal(hidden).astype(np.float32)

    def ref_codes(self, codebook_size: int, groups: int) -> np.ndarray:
        """Made-up codes of a reference clip ``[ref_frames, groups]``."""
        made = np.random.RandomState(self.ref_frames).randint(0, codebook_size, (self.ref_frames, groups))
        return made.astype(np.int64)


VOICES = [("english", "ryan"), ("auto", "ryan"), ("chinese", "dylan"), ("auto", "dylan"), ("english", "dylan")]


def all_cases(checkpoints: dict[str, Weights] | None = None) -> list[Case]:
    cases: list[Case] = []
    for checkpoint, weights in (checkpoints or CHECKPOINTS).items():
        for layout in ("sentence", "live"):
            cases += _cases(checkpoint, weights, layout)
    return cases


def _cases(checkpoint: str, weights: Weights, layout: Layout) -> list[Case]:
    if weights.kind == "custom_voice":
        cases = [Case(checkpoint, layout, language=language, speaker=speaker) for language, speaker in VOICES]
        cases.append(Case(checkpoint, layout, LONG_TEXT, speaker="Ryan", instruct="Speak in a warm voice."))
        return [*cases, Case(checkpoint, layout, "I", speaker="ryan")]
    if weights.kind == "voice_design":
        instructed = [Case(checkpoint, layout, language=tag, instruct="a warm voice") for tag in ("english", "auto")]
        return [*instructed, Case(checkpoint, layout, LONG_TEXT)]
    lengths = (0, 3, 13, 60)  # x-vector; shorter than the transcript; between; longer than transcript and text
    cases = [Case(checkpoint, layout, ref_frames=frames) for frames in lengths]
    return [*cases, Case(checkpoint, layout, LONG_TEXT, "auto", ref_frames=9)]


TOKENIZER_TEXTS = [
    "The light in the kitchen is on.",
    " leading space, and trailing ",
    "It's twelve o'clock; I'VE done it - we'll see.",
    "iPhone McDonald camelCase HTTPServer",
    "20 \u00b0C / 68 \u00b0F and http://x.y/z",
    "Gr\u00fc\u00dfe aus K\u00f6ln, \u00e7a va\u00a0?",
    "e\u0301 decomposed \u0e01\u0e33\u0e25\u0e31\u0e07",
    "\u4f60\u597d\uff0c\u4e16\u754c\u3002\u3053\u3093\u306b\u3061\u306f \uc548\ub155",
    "two\n\nlines\r\nand\ttabs   spaces",
    "\U0001f44d\U0001f3fd ok 12345",
]
