"""``bench --server``: what it refuses, that the checkpoint it makes up has the published sizes, and one run of it all
with a tiny one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.bench import server
from wyoming_qwen3tts.cli.bench.model import PROMPT_POSITIONS, VOICE_POSITIONS
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.checkpoint.published import published_config
from wyoming_qwen3tts.model.checkpoint.shapes import model_shapes
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, published_shape, write_tiny_checkpoint
from wyoming_qwen3tts.model.tokenizer import Tokenizer


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


def test_both_read_a_prompt_of_as_many_positions(tmp_path: Path) -> None:
    """Twenty tokens and their end."""
    small = write_tiny_checkpoint(tmp_path)
    tokens = Tokenizer.load(small, load_config(small)).speech(server.TEXT)

    assert len(tokens) + 1 == PROMPT_POSITIONS - VOICE_POSITIONS


def test_the_server_is_measured_beside_the_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real server in a process of its own, on a checkpoint that is tiny instead of 1.6 GB."""
    monkeypatch.setattr(server, "published_shape", lambda _: TinyShape(predictor_hidden=64, is_endless=True))
    monkeypatch.setattr(server, "_REST_S", 0.05)
    small = [
        "--streams",
        "1,2",
        "--frames",
        "4",
        "--rounds",
        "1",
        "--engine.device",
        "cpu",
        "--data-dir",
        str(tmp_path),
    ]

    assert main(["bench", "--server", "--random-weights", "0.6B", "--json", *small]) == 0

    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"machine", "model", "server", "memory"}
    assert [run["streams"] for run in result["server"]] == [1, 2]
    for run in result["server"]:
        assert min(run["ms_per_frame"], run["bare_ms_per_frame"], run["ttfa_ms"], run["bare_ttfa_ms"]) > 0
        assert run["ratio"] == pytest.approx(run["ms_per_frame"] / run["bare_ms_per_frame"], rel=0.05, abs=0.05)
        assert run["last_ttfa_ms"] >= run["ttfa_ms"]
    assert result["memory"]["server_mb"] > result["memory"]["weights_mb"] > 0
    assert (tmp_path / "bench/random-0.6B/model.safetensors").exists()
    assert "2 streams over Wyoming make" in server.table(result)
