"""Tiny checkpoints of every kind, written once per run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wyoming_qwen3tts.model.checkpoint.config import MODEL_TYPES, ModelType
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint, load_checkpoint

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[ModelType, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {kind: write_tiny_checkpoint(root / kind, kind) for kind in MODEL_TYPES}


@pytest.fixture(scope="session")
def tiny(tiny_folders: dict[ModelType, Path]) -> Checkpoint:
    """A CustomVoice checkpoint, loaded in float32. Nobody may change it."""
    return load_checkpoint(tiny_folders["custom_voice"])
