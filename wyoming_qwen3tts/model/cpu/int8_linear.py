"""int8 by PyTorch's own product of int8 matrices, for machines that have no compiled library (see ``native``).

One scale for each output and one for each row of the input: a row's result does not depend on its neighbours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..language_model import LanguageModel
from .quantize import is_rounded


class Int8Linear(nn.Module):
    """A linear layer whose weight ``[N, K]`` is int8 times ``scales [N]``; inputs are rounded on the way in."""

    arithmetic = "int8 in torch"
    weight: Tensor
    scales: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        wide = linear.weight.float()
        scales = (wide.abs().amax(dim=1) / 127.0).clamp_(min=torch.finfo(torch.float32).tiny)
        self.register_buffer("weight", (wide / scales[:, None]).round_().to(torch.int8))
        self.register_buffer("scales", scales)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """``[..., K] -> [..., N]``, in the input's type."""
        rows = x.flatten(0, -2).float()
        scales = (rows.abs().amax(dim=1, keepdim=True) / 127.0).clamp_(min=torch.finfo(torch.float32).tiny)
        levels = (rows / scales).round_().nan_to_num_(0.0).to(torch.int8)
        y: Tensor = torch._int_mm(levels, self.weight.T).float() * scales * self.scales
        if self.bias is not None:
            y = y + self.bias
        result: Tensor = y.to(x.dtype).unflatten(0, x.shape[:-1])
        return result


def use_int8(model: LanguageModel) -> LanguageModel:
    """Replace every matrix that a frame reads; one after the other, so that memory never holds two copies of many."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and is_rounded(f"{name}.weight"):
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, Int8Linear(module))
    return model
