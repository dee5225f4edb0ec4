"""Tiny checkpoints of every kind, written once per run, and a clip of real speech."""

from __future__ import annotations

import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.parity import build
from tests.parity.cases import CHECKPOINTS
from wyoming_qwen3tts.model.checkpoint.config import MODEL_TYPES, ModelType
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[ModelType, Path]:
    """A checkpoint of each kind. Nobody may change them."""
    root = tmp_path_factory.mktemp("tiny-cli")
    return {kind: write_tiny_checkpoint(root / kind, kind) for kind in MODEL_TYPES}


@pytest.fixture(scope="session")
def parity_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The checkpoints that the golden files were made with, by name."""
    root = tmp_path_factory.mktemp("parity-cli")
    return cache(lambda name: CHECKPOINTS[name].write(root / name))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """3.55 s of the built-in voice."""
    return write_clip(tmp_path / "clip.wav", build.speech().numpy())


def write_clip(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(24_000)
        wav.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path
