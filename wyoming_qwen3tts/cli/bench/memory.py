"""What a model holds and what a process takes, to be set against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor, nn


def weights_mb(*networks: nn.Module) -> float:
    """What the networks' weights take in memory as they are computed with, the compiled library's packed ones too. What
    two of them share counts once."""
    found = {tensor.untyped_storage().data_ptr(): tensor for network in networks for tensor in _tensors(network)}
    return sum(tensor.untyped_storage().nbytes() for tensor in found.values() if not tensor.is_meta) / 2**20


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    for module in network.modules():
        yield from (tensor for tensor in (*module.parameters(recurse=False), *module.buffers(recurse=False)))
        yield from _held(value for name, value in vars(module).items() if name not in ("_parameters", "_modules"))


def _held(values: Iterable[Any]) -> Iterator[Tensor]:
    """Those in structures for the compiled library, however deep: they are tuples and lists."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _held(value)
