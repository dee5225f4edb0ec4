"""Each test here runs twice: on a card, where there is one, and always on the stand-in for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from tests.engine.configs import device_plan
from wyoming_qwen3tts.engine.qwen3.loading import Models, graphs_for, load_models
from wyoming_qwen3tts.engine.qwen3.runner.graphs import Graphs
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.model.fused import lean

NO_CARD = "there is no CUDA card here; run tests/gpu on a machine with one"


class Card(NamedTuple):
    device: str
    graphs: Callable[[], Graphs]
    models: Models

    @property
    def is_real(self) -> bool:
        return self.device.startswith("cuda")


def _real() -> Graphs:
    graphs = graphs_for("cuda:0", wanted=True)
    assert graphs is not None
    return graphs


@pytest.fixture(scope="session")
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)
    return write_tiny_checkpoint(tmp_path_factory.mktemp("shallow"), shape=shape)


@pytest.fixture(scope="session", autouse=True)
def context() -> None:
    """Made before anything is counted: files, threads and memory that a CUDA context holds belong to no test."""
    if torch.cuda.is_available():
        torch.zeros(1, device="cuda:0")
        torch.cuda.synchronize()


@pytest.fixture(scope="session", params=["stand-in", pytest.param("card", marks=pytest.mark.card)])
def card(request: pytest.FixtureRequest, shallow: Path) -> Card:
    if request.param == "stand-in":
        device, graphs = "cpu", SimulatedGraphs
    elif torch.cuda.is_available():
        device, graphs = "cuda:0", _real  # type: ignore[assignment]
    else:
        pytest.skip(NO_CARD)
    models = load_models([shallow], device_plan(device), None, lambda _: None)
    lean(models.checkpoints[0].model)
    return Card(device, graphs, models)
