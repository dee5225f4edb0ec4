"""Where a training stands, in a file, so that it goes on there."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


def save(file: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, spent_s: float) -> None:
    """Write it whole, or leave what there was."""
    part = file.with_suffix(".part")
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "spent": spent_s}
    torch.save(state, part)
    part.rename(file)


def resume(file: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    """Steps and seconds so far: none without the file."""
    if not file.exists():
        return 0, 0.0
    state = torch.load(file, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), float(state["spent"])


def load(file: Path, model: nn.Module) -> None:
    """What was learnt so far."""
    model.load_state_dict(torch.load(file, weights_only=True)["model"])
