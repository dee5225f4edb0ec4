"""Matrices in int8 and int4, with one scale for each 32 inputs of each output.

Only matrices whose every number is read for every frame are rounded. Tables, norms, and the text's projection stay.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

GROUP = 32  # inputs that share a scale; what the kernels count in
PANEL = 64  # outputs computed together
ROUNDED = (
    ".qkv.weight",
    ".out.weight",
    ".gate_up.weight",
    "mlp.down.weight",
    "head.weight",
    "predictor.projection.weight",
)


def is_rounded(name: str) -> bool:
    """Whether a parameter of `LanguageModel` is one of those matrices."""
    return name.endswith(ROUNDED) or ".heads." in name


class Int8(NamedTuple):
    """``values [N, K]`` int8, each group of 32 in a row times its of ``scales [N, ceil(K / 32)]`` bfloat16."""

    values: Tensor
    scales: Tensor

    def float(self) -> Tensor:
        """The matrix that it stands for."""
        inputs = self.values.shape[1]
        return self.values.float() * self.scales.float().repeat_interleave(GROUP, dim=1)[:, :inputs]


class Packed(NamedTuple):
    """A matrix as the kernels read it, see ``native/int8.h``."""

    weights: Tensor
    scales: Tensor
    outputs: int
    inputs: int
    bits: int

    @property
    def bytes(self) -> int:
        """What one product reads."""
        return self.weights.numel() + self.scales.numel() * 2


def to_int8(weight: Tensor) -> Int8:
    """Round a matrix ``[N, K]``: 255 levels that reach to the largest number of each group."""
    inputs = weight.shape[1]
    groups = _padded(weight.float(), 1).unflatten(1, (-1, GROUP))
    scales = (groups.abs().amax(dim=-1) / 127.0).to(torch.bfloat16)
    values = (groups * _inverse(scales)[..., None]).round_().clamp_(-127, 127).to(torch.int8)
    return Int8(values.flatten(1)[:, :inputs].contiguous(), scales)


def pack_int8(matrix: Int8) -> Packed:
    """Panels of 64 outputs, steps of four inputs; 128 is added."""
    panels = _panels(_padded(matrix.values))
    weights = panels.permute(0, 3, 1, 2, 4).contiguous().view(torch.uint8).bitwise_xor_(128)
    return Packed(weights, _pack_scales(matrix.scales), matrix.values.shape[0], panels.shape[3] * 4, 8)


def to_int4(matrix: Int8, rows_in: int = 1) -> tuple[Tensor, Tensor]:
    """Round further, to 16 levels: the number of each group that is largest in size becomes -8.

    Returns levels ``[N, 32 * groups]`` uint8, to which 8 is added, and scales ``[N, groups]`` bfloat16; padded with
    zeros to a multiple of ``rows_in`` rows.
    """
    groups = _padded(matrix.float(), rows_in).unflatten(1, (-1, GROUP))
    at = groups.abs().argmax(dim=-1, keepdim=True)
    scales = (groups.gather(-1, at).squeeze(-1) / -8.0).to(torch.bfloat16)
    levels = (groups * _inverse(scales)[..., None]).round_().clamp_(-8, 7).add_(8).to(torch.uint8)
    return levels.flatten(1), scales


def pack_int4(matrix: Int8) -> Packed:
    """`to_int4` in panels, two steps of four inputs a byte."""
    levels, scales = to_int4(matrix, PANEL)
    panels = _panels(levels).permute(0, 3, 1, 2, 4)
    weights = panels[:, ::2] | panels[:, 1::2] << 4
    return Packed(weights.contiguous(), _pack_scales(scales), matrix.values.shape[0], panels.shape[1] * 4, 4)


def interleave(matrix: Int8) -> Int8:
    """Gates and ups ``[2 * inner, K]`` in turns of 32, padded with zeros: what belongs together meets in one panel."""
    half = PANEL // 2
    inner = matrix.values.shape[0] // 2
    panels = -(-inner // half)

    def mixed(tensor: Tensor) -> Tensor:
        padded = tensor.new_zeros(2, panels * half, tensor.shape[1])
        padded[:, :inner] = tensor.view(2, inner, -1)
        return padded.view(2, panels, half, -1).transpose(0, 1).reshape(2 * panels * half, -1)

    return Int8(mixed(matrix.values), mixed(matrix.scales))


def _inverse(scales: Tensor) -> Tensor:
    return torch.where(scales != 0, 1.0 / scales.float(), 0.0)


def _padded(matrix: Tensor, rows_in: int = PANEL) -> Tensor:
    """With zeros, to a multiple of ``rows_in`` rows and of 32 columns."""
    rows, columns = -(-matrix.shape[0] // rows_in) * rows_in, -(-matrix.shape[1] // GROUP) * GROUP
    if (rows, columns) == matrix.shape:
        return matrix
    padded = matrix.new_zeros(rows, columns)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    return padded


def _panels(matrix: Tensor) -> Tensor:
    """A padded matrix as ``[panels, 4, 16, steps, 4]``."""
    return matrix.view(-1, 4, 16, matrix.shape[1] // 4, 4)


def _pack_scales(scales: Tensor) -> Tensor:
    """``[N, groups] -> [panels, groups, 64]``, padded with zeros."""
    missing = -scales.shape[0] % PANEL
    padded = torch.cat((scales, scales.new_zeros(missing, scales.shape[1]))) if missing else scales
    return padded.view(-1, PANEL, scales.shape[1]).transpose(1, 2).contiguous()
