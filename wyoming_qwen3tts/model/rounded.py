"""Matrices of layers and heads in int8 or int4 on a card: rounded as for a CPU, and laid out for its products."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .cpu.quantize import GROUP, is_rounded, to_int4, to_int8
from .language_model import LanguageModel

KEPT = ("talker.head", "predictor.projection")  # a library's products: read once a frame, and small


class Rounded(NamedTuple):
    """A matrix ``[N, K]`` by levels, each group of 32 in a row times its of ``scales [N, ceil(K / 32)]`` bfloat16.

    ``values`` is int8 ``[N, K]``; or uint8 ``[N, 16 * groups]`` of int4, two of a row's neighbours a byte, the earlier
    one in the lower half, 8 added.
    """

    values: Tensor
    scales: Tensor
    inputs: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape[0], self.inputs

    def full(self, dtype: torch.dtype) -> Tensor:
        """The matrix that it stands for."""
        levels = self.values
        if levels.dtype == torch.uint8:
            levels = torch.stack((levels & 15, levels >> 4), dim=-1).flatten(1)[:, : self.inputs].to(torch.int8) - 8
        scales = self.scales.float().repeat_interleave(GROUP, dim=1)[:, : self.inputs]
        return (levels.float() * scales).to(dtype)


Weight = Tensor | Rounded


def full(weight: Weight, like: Tensor) -> Tensor:
    """``weight`` as a tensor of ``like``'s type."""
    return weight if isinstance(weight, Tensor) else weight.full(like.dtype)


def of_bits(weight: Tensor, bits: int) -> Rounded:
    """Round a matrix to int8, or from there on to int4 as `pack_int4` does."""
    matrix = to_int8(weight)
    if bits == 8:
        return Rounded(matrix.values, matrix.scales, weight.shape[1])
    levels, scales = to_int4(matrix)
    return Rounded(levels[:, ::2] | levels[:, 1::2] << 4, scales, weight.shape[1])


class RoundedLinear(nn.Module):
    """A linear layer without bias whose ``weight`` is `Rounded`."""

    values: Tensor
    scales: Tensor

    def __init__(self, linear: nn.Linear, bits: int) -> None:
        super().__init__()
        self.arithmetic = f"int{bits} on a card"
        self.in_features, self.out_features = linear.in_features, linear.out_features
        made = of_bits(linear.weight, bits)
        self.register_buffer("values", made.values)
        self.register_buffer("scales", made.scales)

    @property
    def weight(self) -> Rounded:
        return Rounded(self.values, self.scales, self.in_features)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, full(self.weight, x))


def round_for_card(model: LanguageModel, *, int4_predictor: bool) -> None:
    """Round in place what layers and the code predictor's heads read for each frame, one matrix after the other."""
    with torch.no_grad():
        for name, module in list(model.named_modules()):
            if not isinstance(module, nn.Linear) or not is_rounded(f"{name}.weight") or name in KEPT:
                continue
            parent, _, child = name.rpartition(".")
            bits = 4 if int4_predictor and name.startswith("predictor.") else 8
            setattr(model.get_submodule(parent), child, RoundedLinear(module, bits))
