"""Rounded weights are kept whole or not at all, and a start never depends on them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.harness import disk_with_room_for
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.cpu.language import CpuTalker
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary
from wyoming_qwen3tts.model.cpu.native.library import native
from wyoming_qwen3tts.model.cpu.weights import load_fast_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        native(1)
    except NoLibrary as error:
        pytest.skip(str(error))
    return write_tiny_checkpoint(tmp_path_factory.mktemp("weights") / "model")


@torch.inference_mode()
def logits(checkpoint: Path, keep_in: Path | None, tell: Callable[[str], None] = lambda _: None) -> torch.Tensor:
    talker = load_fast_checkpoint(checkpoint, native(1), dtype=torch.float32, keep_in=keep_in, tell=tell).model.talker
    assert isinstance(talker, CpuTalker)
    x = 0.1 * torch.randn(1, 5, talker.config.stack.hidden_size, generator=torch.Generator().manual_seed(0))
    return talker.logits(talker.prefill(x, talker.init_cache(1, 5))[0])


@pytest.mark.parametrize("size", [0, 4096, 60_000])
def test_a_disk_that_fills_up_while_rounding_keeps_nothing_and_says_so(
    size: int, checkpoint: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    with disk_with_room_for(size):
        found = logits(checkpoint, tmp_path, told.append)

    torch.testing.assert_close(found, logits(checkpoint, None), rtol=0, atol=0)
    assert list(tmp_path.iterdir()) == []
    (said,) = told
    assert said.startswith(f"Rounded weights cannot be kept in {tmp_path}: {os.strerror(errno.EFBIG)}")


@pytest.mark.parametrize("cut", [0, 4, 500, -1])
def test_a_kept_file_that_was_cut_short_is_made_anew_and_said(cut: int, checkpoint: Path, tmp_path: Path) -> None:
    expected = logits(checkpoint, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:cut])

    told: list[str] = []
    torch.testing.assert_close(logits(checkpoint, tmp_path, told.append), expected, rtol=0, atol=0)
    (said,) = told
    assert said.startswith("Rounded weights are made anew: ")
    assert kept.name in said


def test_what_another_version_kept_makes_room(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wyoming_qwen3tts.model.cpu.weights.FORMAT", "of an older version")
    expected = logits(checkpoint, tmp_path)
    (old,) = tmp_path.iterdir()
    monkeypatch.undo()

    torch.testing.assert_close(logits(checkpoint, tmp_path), expected, rtol=0, atol=0)
    (new,) = tmp_path.iterdir()
    assert new != old


def test_a_kept_file_of_other_shapes_is_made_anew(checkpoint: Path, tmp_path: Path) -> None:
    """Another version may have kept the same names."""
    expected = logits(checkpoint, tmp_path)
    (kept,) = tmp_path.iterdir()
    tensors = load_file(kept)
    tensors["talker.head.weight"] = tensors["talker.head.weight"][:-64].contiguous()
    save_file(tensors, kept)

    told: list[str] = []
    torch.testing.assert_close(logits(checkpoint, tmp_path, told.append), expected, rtol=0, atol=0)
    assert [said.endswith("holds other tensors than it should") for said in told] == [True]
