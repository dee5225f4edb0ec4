"""Our codes, states and logits equal those of the official package, as stored by `derive.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.parity.cases import CHECKPOINTS, TOKENIZER_TEXTS, Case, all_cases
from tests.parity.ours import speak
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint, load_checkpoint
from wyoming_qwen3tts.model.tokenizer import MISTRAL_WORDS, QWEN_WORDS, Tokenizer

GOLDEN = Path(__file__).parent / "golden"
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Checkpoint]:
    root = tmp_path_factory.mktemp("parity")

    @cache
    def load_once(name: str) -> Checkpoint:
        return load_checkpoint(CHECKPOINTS[name].write(root / name))

    return load_once


@cache
def golden(name: str) -> dict[str, np.ndarray]:
    with np.load(GOLDEN / f"{name}.npz") as stored:
        return {key: stored[key] for key in stored.files}


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.name)
def test_greedy_codes_states_and_logits_equal_the_official_package(
    case: Case, load: Callable[[str], Checkpoint]
) -> None:
    expected = {key.removeprefix(f"{case.name}/"): value for key, value in golden(case.checkpoint).items()}

    spoken = speak(case, load(case.checkpoint))

    np.testing.assert_array_equal(spoken.codes, expected["codes"])
    for what in ("hidden", "logits", "predictor_logits"):
        np.testing.assert_allclose(getattr(spoken, what), expected[what], rtol=1e-5, atol=1e-5, err_msg=what)


def test_golden_codes_vary_over_frames_and_some_utterances_end_by_themselves() -> None:
    codes = [golden(case.checkpoint)[f"{case.name}/codes"] for case in all_cases()]

    assert all(len(np.unique(frames[:, 0])) > len(frames) // 2 for frames in codes)
    assert 0 < sum(len(frames) < 20 for frames in codes) < len(codes) // 4


@pytest.mark.parametrize(("name", "words"), [("qwen", QWEN_WORDS), ("mistral", MISTRAL_WORDS)])
def test_token_ids_equal_the_official_tokenizer(name: str, words: str, tmp_path: Path) -> None:
    folder = CHECKPOINTS["custom-small"].write(tmp_path)
    expected = golden("token-ids")

    tokenizer = Tokenizer.load(folder, load_config(folder), words)

    assert len(expected) == 2 * len(TOKENIZER_TEXTS)
    for i, text in enumerate(TOKENIZER_TEXTS):
        assert tokenizer.speech(text) == expected[f"{name}/{i}"].tolist(), text
