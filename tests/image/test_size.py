"""The image without a card stays small with PyTorch in it."""

from __future__ import annotations

import pytest
import torch

from tests.image.size import BASE_MB, PROGRAMS_MB, distributions, files, size_bytes

MOST_MB = 1_400


def test_the_image_with_pytorch_for_processors_takes_at_most_1_4_gb() -> None:
    if not torch.__version__.endswith("+cpu"):
        pytest.skip("the PyTorch that is installed here is not the image's")
    found = distributions()

    assert {"torch", "transformers", "hibari-tts", "onnxruntime"} <= set(found)
    environment_mb = sum(size_bytes(files(one)) for one in found.values()) / 1e6
    assert environment_mb > 600, "a package that is counted has to be seen"
    assert environment_mb + BASE_MB + PROGRAMS_MB < MOST_MB
