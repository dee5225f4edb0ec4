"""The engine's own runner by Triton's kernels, recorded on a `torch.cuda` without a card, says what single steps say.
``script/check-card-kernels`` runs this; elsewhere there is no Triton."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.engine.configs import device_plan
from tests.fake_cuda import FakeCuda, fake_cuda
from wyoming_qwen3tts.engine.qwen3.card import trial
from wyoming_qwen3tts.engine.qwen3.loading import bench_utterance, build_runners, graphs_for, load_models
from wyoming_qwen3tts.engine.qwen3.runner import codec, graphed_frames, prefill
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint

if os.environ.get("TRITON_INTERPRET") != "1" or torch.cuda.is_available():
    pytest.skip("Triton's interpreter is not asked for: script/check-card-kernels", allow_module_level=True)
pytest.importorskip("triton")

pytestmark = pytest.mark.timeout(900)  # the interpreter is slow; none of this is run with the other tests
LEAST = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    for name, value in {"FRAMES": 3, "REPLAYS": 1, "BOUND": 16, "SHAPE": LEAST, "_DRAWN": 2}.items():
        monkeypatch.setattr(trial, name, value)
    monkeypatch.setattr(prefill, "LENGTHS", (16,))
    monkeypatch.setattr(codec, "PACKETS", (1,))
    monkeypatch.setattr(graphed_frames, "CONTEXT_LENS", ())
    with fake_cuda(monkeypatch) as card:
        yield card


@pytest.mark.parametrize("quantize", ["none", "int4"])
def test_two_listeners_hear_from_triton_what_they_hear_from_single_steps(
    card: FakeCuda, tmp_path: Path, quantize: str
) -> None:
    folder = write_tiny_checkpoint(tmp_path / "tiny", shape=LEAST)
    plan = replace(device_plan("cuda:0"), quantize=quantize)
    models, spoken = load_models([folder], plan, None, lambda _: None), []
    rounded = [name for name in models.checkpoints[0].model.arithmetics() if name.startswith("int")]
    assert rounded == ([] if quantize == "none" else ["int4 on a card", "int8 on a card"])
    for road in ("steps", "fused"):
        (runner,) = build_runners(
            models, slots=2, positions=48, graphs=lambda: graphs_for("cuda:0", wanted=True), road=road
        )
        together = [bench_utterance(runner, slot) for slot in range(2)]
        for utterance, voice in together:
            runner.prefill(utterance, voice)
        for _ in range(3):
            frames = runner.frame([u for u, _ in together], [float("-inf")] * 2)
            spoken.append([frame.codes for frame in frames])
            for utterance, _ in together:
                utterance.frames += 1
        assert (runner.kernels_name, runner.graphs_name) == (("fused", "cuda") if road == "fused" else ("", "none"))

    assert spoken[:3] == spoken[3:]


def test_the_trial_finds_them_right(card: FakeCuda, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "missing", lambda _: "")
    folder = write_tiny_checkpoint(tmp_path / "tiny", shape=LEAST)
    model = load_models([folder], device_plan("cuda:0"), None, lambda _: None).checkpoints[0].model
    tried = trial.try_road("fused", model, lambda: graphs_for("cuda:0", wanted=True))
    reference = trial.try_road("steps", model, lambda: None)

    assert tried.error == ""
    assert tried.codes == reference.codes
