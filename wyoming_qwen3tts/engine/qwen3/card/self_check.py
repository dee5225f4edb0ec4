"""Whether a card computes what the CPU computes: a tiny model, in the product's own precision, before the real one is
loaded. Takes well under a second besides what a context takes.

Every comparison between two ways on the same card passes where both are equally wrong; this one does not. Inputs are
fixed and so are the codes that the predictor goes on with, so that a tie that falls otherwise changes nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ....errors import DeviceLost, first_line
from ....model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from ....model.fused import lean
from ..config import EngineConfig
from ..device_errors import Kind, kind_of, let_go, root_cause
from ..hardware.plan import DevicePlan, without_card
from ..loading import Models, load_models

# The greatest difference by the greatest number there is. float32: sums in another order, over at most 128 numbers.
# bfloat16 has 8 bits: a number may come out one unit (2 ** -8) off in each of a few roundings.
BOUNDS = {"float32": 1e-4, "bfloat16": 4e-2}
SHAPE = TinyShape(layers=2, predictor_layers=1, codec_layers=1)
_POSITIONS, _PROMPT, _FRAMES = 32, 5, 3


class Verdict(NamedTuple):
    """``why`` says what differs; None: nothing. ``errors`` are relative, by stage and precision."""

    why: str | None
    errors: dict[str, float]
    took_s: float

    def __str__(self) -> str:
        if self.why is not None:
            return self.why
        worst = max(self.errors, key=lambda stage: self.errors[stage] / BOUNDS[stage.split()[-1]], default="")
        most = f", {worst} within {self.errors[worst]:.0e}" if worst else ""
        return f"computes what the CPU computes{most} ({self.took_s:.1f} s)"


def check_arithmetic(device: str, dtypes: Sequence[str]) -> Verdict:
    """Compare ``device`` with the CPU in each of ``dtypes``.

    Raises:
        DeviceLost: if the card does not answer any more.
        RuntimeError, MemoryError: what else torch says, such as that there is no memory.
    """
    began = time.perf_counter()
    errors: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as root, torch.inference_mode():
        folder = write_tiny_checkpoint(Path(root) / "tiny", shape=SHAPE)
        for dtype in dtypes:
            expected, found = (_stages(_models(folder, where, dtype)) for where in ("cpu", device))
            for stage, numbers in expected.items():
                name = "float32" if stage == "codec" else dtype  # it is float32 whatever the rest is
                errors[f"{stage} in {name}"] = _difference(found[stage], numbers)
    wrong = [f"{stage} by {error:.1g}" for stage, error in errors.items() if not error <= BOUNDS[stage.split()[-1]]]
    why = f"it computes otherwise than the CPU: {', '.join(wrong)}" if wrong else None
    return Verdict(why, errors, time.perf_counter() - began)


def trusted(chosen: DevicePlan, config: EngineConfig) -> tuple[DevicePlan, str]:
    """``chosen``, or where its card does not compute what the CPU does the next safer plan; and a line for the log.

    Raises:
        DeviceLost: if the card does not answer any more.
    """
    if not (chosen.device or "").startswith("cuda"):
        return chosen, ""
    device = chosen.torch_device
    try:
        verdict = check_arithmetic(device, tuple(dict.fromkeys(("float32", chosen.dtype))))
    except (RuntimeError, MemoryError, AssertionError) as error:  # the last of a torch that has no CUDA
        kind, said = kind_of(error), first_line(root_cause(error))
        let_go(error)
        if kind is Kind.LOST:
            raise DeviceLost(f"The GPU failed: {said}") from None
        if kind is Kind.MEMORY:  # nothing is known of its arithmetic; the load will say what is missing
            return chosen, f"{device} was not checked: {said}"
        verdict = Verdict(f"a tiny model does not run on it: {said}", {}, 0.0)
    if verdict.why is None:
        return chosen, f"{device} {verdict}"
    return without_card(chosen, config, f"{device} is not used: {verdict.why}"), ""


def _models(folder: Path, device: str, dtype: str) -> Models:
    plan = DevicePlan(device, dtype, "none", graphs=False, models=())
    models = load_models([folder], plan, None, lambda _: None)
    lean(models.checkpoints[0].model)  # on the CPU too: the same operations
    return models


def _stages(models: Models) -> dict[str, Tensor]:
    """What each network says to fixed inputs, on the CPU in float32."""
    (checkpoint,), (codec,) = models
    model = checkpoint.model
    state = model.init_state(2, _POSITIONS)
    width = model.config.talker.stack.hidden_size
    prompt = _some(_PROMPT * width).view(1, _PROMPT, width).to(model.device, model.dtype)
    hidden = [model.talker.prefill(prompt, state.cache.rows(row)).flatten() for row in (0, 1)]
    scores: list[Tensor] = []
    for at in range(_FRAMES):
        x = _some(2 * width, at + 1).view(2, 1, width).to(model.device, model.dtype)
        positions = torch.tensor([_PROMPT + at] * 2, device=model.device)
        hidden.append(model.talker.step(x, state.cache, positions, _POSITIONS))
        scores.append(model.talker.logits(hidden[-1]))
    fixed = torch.arange(2, device=model.device)

    def choose(logits: Tensor, j: int) -> Tensor:
        scores.append(logits)
        return fixed + j

    first = model.talker.codec_embedding(fixed)
    model.predictor.frame(hidden[-1], first, choose, state.predictor_cache, state.places)
    groups = model.config.talker.code_groups
    codes = (torch.arange(2 * _FRAMES * groups, device=model.device) % 31).view(2, _FRAMES, groups)
    sound = codec.step(codes, codec.init_state(2))
    stages = {
        "talker": torch.cat([each.flatten() for each in hidden]),
        "scores": torch.cat([each.flatten() for each in scores]),
        "codec": sound.flatten(),
    }
    return {stage: numbers.float().cpu() for stage, numbers in stages.items()}


def _some(count: int, seed: int = 0) -> Tensor:
    """Numbers of every sign and size, the same each time."""
    return torch.sin(torch.arange(count, dtype=torch.float32) * (1.0 + seed))


def _difference(found: Tensor, expected: Tensor) -> float:
    """NaN if ``found`` holds what is no number."""
    return float((found - expected).abs().max() / expected.abs().max())
