"""Tiny checkpoints, written once per run."""

from __future__ import annotations

from pathlib import Path

import pytest

from wyoming_qwen3tts.model.checkpoint.config import MODEL_TYPES, ModelType
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary
from wyoming_qwen3tts.model.cpu.native.library import native


@pytest.fixture(scope="session")
def tiny_folders(tmp_path_factory: pytest.TempPathFactory) -> dict[ModelType, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {kind: write_tiny_checkpoint(root / kind, kind) for kind in MODEL_TYPES}


@pytest.fixture(scope="session")
def folder(tiny_folders: dict[ModelType, Path]) -> Path:
    """Of a CustomVoice checkpoint."""
    return tiny_folders["custom_voice"]


@pytest.fixture
def needs_library() -> None:
    """Skips where the compiled library cannot be had."""
    try:
        native(1)
    except NoLibrary as error:
        pytest.skip(str(error))
