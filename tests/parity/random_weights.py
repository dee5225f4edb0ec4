"""Random weights that anyone can make again: from a seed, with numpy alone.

The golden files hold what the official code computes on exactly these numbers; the tests rebuild them and compare.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
LAYER_SCALES = (".scale", ".gamma")


def random_tensors(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, Float32]:
    """Weights of a size that keeps a signal's variance, so that outputs are neither silent nor clipped.

    Each tensor depends on the seed and its own name only. Codebook rows are far from normalised, and row 0 was never
    used: a decoder that forgets to divide by the usage, or to clamp it, is found out.
    """
    return {name: _tensor(name, shape, seed) for name, shape in shapes.items()}


def _tensor(name: str, shape: tuple[int, ...], seed: int) -> Float32:
    numbers = np.random.default_rng([seed, zlib.crc32(name.encode())])
    noise = numbers.standard_normal(shape, dtype=np.float32)
    if name.endswith("initialized"):
        return np.ones(shape, np.float32)
    if name.endswith("cluster_usage"):
        return np.where(np.arange(*shape) == 0, np.float32(0), np.float32(1) + noise * noise)
    if name.endswith(("embedding_sum", "embed_sum")):
        noise[0] *= 1e-5
        return 2 * noise
    if name.endswith(LAYER_SCALES):
        return np.asarray(0.1 + 0.02 * noise, np.float32)
    if name.endswith((".alpha", ".beta")):
        return np.asarray(0.1 * noise, np.float32)
    if "norm" in name:
        return np.asarray(0.1 * noise + (1 if name.endswith("weight") else 0), np.float32)
    if len(shape) < 2:
        return np.asarray(0.02 * noise, np.float32)
    return np.asarray(noise * (_gain(name, shape) / np.sqrt(_fan_in(name, shape))), np.float32)


def _gain(name: str, shape: tuple[int, ...]) -> float:
    if name.startswith("decoder.decoder.") and shape[0] == 1:
        return 0.1  # the last convolution: never at the clamp
    return 1.4 if name.startswith("encoder.") else 0.7  # Mimi's activations halve a signal, ours add to it


def _fan_in(name: str, shape: tuple[int, ...]) -> int:
    """How many products add up in one output value."""
    if name.startswith("decoder.upsample.") and name.endswith(".0.conv.weight"):
        return shape[0]  # transposed, kernel = stride: [C_in, C_out, kernel], one tap each
    if name.startswith("decoder.decoder.") and name.endswith(".block.1.conv.weight"):
        return 2 * shape[0]  # transposed, kernel = 2 strides
    return int(np.prod(shape[1:]))
