"""Derives the golden files from the official package, or checks that they are still what it computes.

Run by ``script/parity`` in the official package's environment:

    derive.py check            compare the golden files with the official package (the default)
    derive.py write            write them anew
    derive.py compare DIR...   speak every case that fits with both, on checkpoints from anywhere
"""

from __future__ import annotations

import json
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tests.parity import official, ours
from tests.parity.cases import CHECKPOINTS, TOKENIZER_TEXTS, Weights, all_cases
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint

Array = NDArray[Any]
GOLDEN = Path(__file__).parent / "golden"


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def derive(checkpoint: str, weights: Weights, folder: Path) -> dict[str, Array]:
    """All cases of one checkpoint, spoken by the official package, under ``<case>/<what>``."""
    model = official.load_official(weights.write(folder))
    arrays: dict[str, Array] = {}
    for case in all_cases({checkpoint: weights}):
        spoken = official.speak(case, model)
        tell(f"{case.name} {spoken.codes.shape}")
        arrays |= {f"{case.name}/{name}": array for name, array in spoken._asdict().items()}
        arrays[f"{case.name}/codes"] = spoken.codes.astype(np.int16)
    return arrays


def derive_token_ids(folder: Path) -> dict[str, Array]:
    """Ids by the official tokenizer: with Qwen's own words, and with Mistral's, which a local 4.57.3 folder gets."""
    official.import_official()
    transformers, models = import_module("transformers"), import_module("qwen_tts.core.models")
    transformers.AutoConfig.register("qwen3_tts", models.Qwen3TTSConfig, exist_ok=True)
    transformers.AutoProcessor.register(models.Qwen3TTSConfig, models.Qwen3TTSProcessor, exist_ok=True)
    Weights("custom_voice", 0).write(folder)
    file = folder / "config.json"
    arrays: dict[str, Array] = {}
    for words, version in (("qwen", "4.57.2"), ("mistral", "4.57.3")):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"transformers_version": version}))
        processor = transformers.AutoProcessor.from_pretrained(str(folder), fix_mistral_regex=True)
        for i, text in enumerate(TOKENIZER_TEXTS):
            whole = f"<|im_start|>assistant\n{text}<|im_end|>\n<|im_start|>assistant\n"
            arrays[f"{words}/{i}"] = np.array(processor(text=whole)["input_ids"][0][3:-5], np.int32)
    return arrays


def derive_all(folder: Path) -> dict[str, dict[str, Array]]:
    golden = {name: derive(name, weights, folder / name) for name, weights in CHECKPOINTS.items()}
    return golden | {"token-ids": derive_token_ids(folder / "tokens")}


def write(golden: dict[str, dict[str, Array]]) -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, arrays in golden.items():
        np.savez_compressed(GOLDEN / f"{name}.npz", allow_pickle=False, **arrays)


def check(golden: dict[str, dict[str, Array]]) -> None:
    """Stop with the first difference between the golden files and what the official package computed just now."""
    for name, arrays in golden.items():
        with np.load(GOLDEN / f"{name}.npz") as stored:
            assert set(stored.files) == set(arrays), f"{name}.npz holds other cases; run script/parity write"
            for key, array in arrays.items():
                np.testing.assert_allclose(stored[key], array, rtol=1e-5, atol=1e-5, err_msg=f"{name}: {key}")
    tell(f"{sum(map(len, golden.values()))} golden arrays equal the official package's")


def compare(folder: Path) -> None:
    """Both implementations on one checkpoint, in one process."""
    config = load_config(folder)
    model, checkpoint = official.load_official(folder), load_checkpoint(folder)
    for case in all_cases({folder.name: Weights(config.type, 0, config.size)}):
        theirs, mine = official.speak(case, model), ours.speak(case, checkpoint)
        _assert_same(case.name, mine, theirs)
        tell(f"{case.name} {mine.codes.shape} equal")


def _assert_same(name: str, mine: Any, theirs: Any) -> None:
    np.testing.assert_array_equal(mine.codes, theirs.codes, err_msg=name)
    for field in ("hidden", "logits", "predictor_logits"):
        np.testing.assert_allclose(getattr(mine, field), getattr(theirs, field), rtol=1e-5, atol=1e-5, err_msg=name)


def main(arguments: list[str]) -> None:
    torch.set_num_threads(1)
    command, *folders = arguments or ["check"]
    if command == "compare":
        for folder in folders:
            compare(Path(folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        {"check": check, "write": write}[command](derive_all(Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
