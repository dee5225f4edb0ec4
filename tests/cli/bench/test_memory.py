"""What weights weigh, the compiled library's own too, and what a server may take beside them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from wyoming_qwen3tts.cli.bench.memory import weights_mb
from wyoming_qwen3tts.engine.qwen3.hardware.memory import allowed_mb


class Held(NamedTuple):
    value: int
    holds: tuple[object, ...]


class Packed(nn.Module):
    """A module whose numbers are in a structure, as the compiled library's are."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = Held(0, (torch.zeros(1 << 20, dtype=torch.int8), [torch.zeros(1 << 18)]))


def test_weights_are_counted_once_wherever_they_are_held() -> None:
    plain = nn.Linear(1024, 512, bias=False)  # 2 MB
    shared = nn.Sequential(plain, plain)
    with torch.device("meta"):
        nowhere = nn.Linear(4096, 4096)

    assert weights_mb(plain, shared, nowhere) == 2.0
    assert weights_mb(Packed()) == 2.0
    assert weights_mb(plain, Packed()) == 4.0


def test_a_server_may_take_three_tenths_more_than_its_weights_and_350_mb() -> None:
    assert allowed_mb(1000) == 1650
