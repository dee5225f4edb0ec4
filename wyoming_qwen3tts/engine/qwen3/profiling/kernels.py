"""Counting what a frame asks of a card: kernels, and the bytes they read. The same rule for anybody's code.

A kernel is a dispatched operation that computes. Views and allocations are none. Operations that torch composes of
others are counted by their parts, but for the two that every card since torch 2.9 has one kernel for: attention and
RMS norm (with `fused_norm=False` the norm, too, is counted by its parts, as torch 2.8 would run it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

ATTENTION = "aten::scaled_dot_product_attention"
NORM = "aten::rms_norm"
_COMPOSED = "CompositeImplicitAutograd"
_NO_KERNEL = (
    *("aten::empty", "aten::new_empty", "aten::empty_like", "aten::empty_strided", "aten::_unsafe_view"),
    *("aten::lift_fresh", "aten::_local_scalar_dense", "aten::new_empty_strided", "aten::set_"),
)
_GATHERS = ("aten::embedding", "aten::index", "aten::index_select", "aten::gather")  # read as much as they return
_WRITES = ("aten::copy_", "aten::index_put_", "aten::scatter_", "aten::fill_", "aten::zero_")  # read all but the target


class KernelCount(TorchDispatchMode):
    """Counts while it is entered: ``kernels`` by operation, ``bytes_read`` of all their inputs, and ``syncs``."""

    def __init__(self, *, fused_norm: bool = True) -> None:
        super().__init__()
        self._whole = {ATTENTION, NORM} if fused_norm else {ATTENTION}
        self.kernels: Counter[str] = Counter()
        self.bytes_read = 0
        self.syncs = 0

    @property
    def total(self) -> int:
        return sum(self.kernels.values())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = str(func.name()).split(".")[0]
        if name not in self._whole and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), _COMPOSED):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        results = func(*args, **kwargs)
        self.syncs += name == "aten::_local_scalar_dense"
        if name not in _NO_KERNEL and not _is_view(func):
            self.kernels[name] += 1
            given = [*args[name in _WRITES :], *(value for key, value in kwargs.items() if key != "out")]
            read = _tensors([results] if name in _GATHERS else given)
            self.bytes_read += sum(tensor.numel() * tensor.element_size() for tensor in read)
        return results


def _is_view(func: Any) -> bool:
    """Whether its result shares its input's memory and nothing is written."""
    returns = func._schema.returns
    return bool(returns) and all(r.alias_info is not None and not r.alias_info.is_write for r in returns)


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _tensors(value)
    return found
