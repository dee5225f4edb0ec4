"""Our side of ``bench --peers``, and the random weights that all sides can have.

python -m wyoming_qwen3tts.cli.bench.peers.ours FRAMES_A_PACKET CACHE_DIR
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from ....engine.qwen3.hardware.plan import DevicePlan
from ....engine.qwen3.hardware.probe import cpu_has_bfloat16
from ....engine.qwen3.precision import random_models
from ....model.checkpoint.published import published_config, random_parameters
from ....model.checkpoint.shapes import codec_decoder_shapes
from ....model.generate import prefix_cache
from ....model.sampling import FrameSampling

PROMPT, VOICE = 30, 9  # positions: a sentence of twenty tokens behind a known voice


def write_weights(path: Path) -> None:
    """Random tensors of 0.6B's size: the language model's by our names, the codec decoder's by the checkpoint's."""
    from safetensors.torch import save_file

    config = published_config("0.6B")
    tensors = dict(random_parameters(config))
    generator = torch.Generator().manual_seed(0)
    for name, shape in codec_decoder_shapes(config.codec).items():
        if name.endswith(("alpha", "beta", "bias")):
            tensors[name] = torch.zeros(shape)
        elif "norm" in name or name.endswith("cluster_usage"):
            tensors[name] = torch.ones(shape)
        elif name.endswith(("scale", "gamma")):
            tensors[name] = torch.full(shape, 0.1)
        else:
            spread = 0.5 / max(1, torch.Size(shape[1:]).numel()) ** 0.5
            tensors[name] = torch.empty(shape).normal_(0.0, spread, generator=generator)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file(tensors, part)
    part.replace(path)


class OurSide:
    """Our networks, making replies as the engine does: one frame first, then packets."""

    def __init__(self, packet: int, quantize: str, cache_dir: Path | None) -> None:
        config = published_config("0.6B")
        self.packet = packet
        dtype = "bfloat16" if cpu_has_bfloat16() else "float32"
        plan = DevicePlan("cpu", dtype, quantize, graphs=False, models=())
        self._model, self._codec = random_models(config, plan, cache_dir)
        self._sampling = FrameSampling.from_defaults(config.sampling)
        self._prompt = 0.1 * torch.randn(1, PROMPT, config.talker.stack.hidden_size, dtype=self._model.dtype)
        self._voice = prefix_cache(self._model, self._prompt[0, :VOICE])

    def reply(self, frames: int) -> dict[str, float]:
        """One reply, timed at its packets."""
        model = self._model
        state, sounds = model.init_state(1, PROMPT + frames), self._codec.init_state(1)
        began = time.perf_counter()
        state.cache.copy_prefix(self._voice)
        state.restart(0, PROMPT, 1)
        hidden = model.talker.prefill(self._prompt[:, VOICE:], state.cache, VOICE)[:, -1]
        codes, embedding = model.codes(hidden, state, self._sampling)
        self._codec.step(codes[:, None], sounds)
        first = time.perf_counter()
        waiting = []
        for made in range(1, frames):
            codes, embedding = model.frame(embedding[:, None], state, self._sampling, PROMPT + made)
            waiting.append(codes)
            if len(waiting) == self.packet or made == frames - 1:
                self._codec.step(torch.stack(waiting, dim=1), sounds)
                waiting = []
        took = (time.perf_counter() - first) * 1000 / (frames - 1)
        return {"ttfa_ms": (first - began) * 1000, "ms_per_frame": took, "frames": frames, "packet": self.packet}


@torch.inference_mode()
def main() -> None:
    side = OurSide(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write("took " + json.dumps(side.reply(int(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
