"""What a build of PyTorch for CUDA says without a driver: everything imports; a frame, a prompt and a packet pass as a
card's tensors without values. ``script/check-card-wheel`` runs this; other builds refuse such tensors."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode

import wyoming_qwen3tts
from tests.engine.qwen3.runner.test_frames import GREEDY, OneDevice, prompt_and_packet, published, step
from wyoming_qwen3tts.engine.qwen3.card.roads import Road
from wyoming_qwen3tts.engine.qwen3.card.trial import kernels_of
from wyoming_qwen3tts.engine.qwen3.config import EngineConfig
from wyoming_qwen3tts.engine.qwen3.hardware.plan import plan
from wyoming_qwen3tts.model.fused import use_kernels
from wyoming_qwen3tts.model.rounded import round_for_card
from wyoming_qwen3tts.model.sampling import FrameSampling
from wyoming_qwen3tts.settings import Settings

if torch.version.cuda is None or torch.cuda.is_available():
    pytest.skip("a build for CUDA on a machine without a card is asked for", allow_module_level=True)

pytestmark = pytest.mark.timeout(900)  # none of this is run with the other tests


def test_everything_imports_without_a_driver() -> None:
    root = Path(wyoming_qwen3tts.__file__).parent
    paths = [path.relative_to(root.parent).with_suffix("") for path in sorted(root.rglob("*.py"))]
    found = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    for name in found:
        if not name.endswith("__main__") and ".peers." not in name:  # those run in other environments
            importlib.import_module(name)

    assert "wyoming_qwen3tts.model.card.operations" in found


def test_the_plan_says_in_a_line_that_there_is_no_driver() -> None:
    chosen = plan(EngineConfig.of(Settings.model_validate({"engine": {"device": "cuda"}})))

    assert chosen.device is None
    assert "there is no NVIDIA driver here" in " ".join(chosen.reasons)


@pytest.mark.parametrize("rounding", ["none", "int4"])
@pytest.mark.parametrize("road", ["graphs", "fused"])
@pytest.mark.parametrize("batch", [1, 2, 4, 8])
def test_a_frame_depends_on_no_value_and_never_leaves_the_card(batch: int, road: Road, rounding: str) -> None:
    for sampling in (FrameSampling(), GREEDY):
        with torch.inference_mode(), FakeTensorMode():
            model = published("0.6B", "cuda", layers=2)
            if rounding != "none":
                round_for_card(model, int4_predictor=True)
            use_kernels(model, kernels_of(road))
            work = step(model, batch, 256, sampling)
            with OneDevice():  # type: ignore[no-untyped-call]
                work()


def test_a_prompt_and_a_packet_depend_on_no_value() -> None:
    with torch.inference_mode(), FakeTensorMode():
        prompt_and_packet("1.7B")
