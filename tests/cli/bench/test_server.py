"""``bench --server``: what it refuses, and that the checkpoint it makes up has the published sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.checkpoint.shapes import model_shapes
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, published_shape, write_tiny_checkpoint


def test_without_made_up_weights_it_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--server"]) != 0

    assert "--random-weights" in capsys.readouterr().err


def test_the_full_shape_has_the_published_sizes(tmp_path: Path) -> None:
    """All but the text table's rows, which no reply reads more of."""
    small = write_tiny_checkpoint(tmp_path, shape=TinyShape(predictor_hidden=64, is_endless=True))
    full, published = published_shape("0.6B"), published_config("0.6B")

    assert (full.hidden, full.inner * full.hidden) == (1024, published.talker.stack.intermediate_size)
    assert (full.codec_dim, full.codec_hidden, full.is_endless) == (1536, 512, True)
    assert set(model_shapes(load_config(small))) <= set(model_shapes(published))
