"""Which revision of each published model this version was made for, and the sha256 of its files.

A ``revision`` of None is not pinned: the hub's ``main`` is taken, guarded by file names, sizes, the hub's own sha256 of
the weights and our shape table. ``script/pin-models`` fills the table where there is a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Pin:
    """One model's commit on the hub, and the sha256 of each of its files by name."""

    revision: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)


# Written by script/pin-models from here on.
PINS: dict[str, Pin] = {
    "Qwen/Qwen3-TTS-12Hz-0.6B-Base": Pin(),
    "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice": Pin(),
    "Qwen/Qwen3-TTS-12Hz-1.7B-Base": Pin(),
    "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice": Pin(),
    "Qwen/Qwen3-TTS-12Hz-1.7B-VoiceDesign": Pin(),
    "Qwen/Qwen3-TTS-Tokenizer-12Hz": Pin(),
}
