"""`CodecDecoder` on a CPU that multiplies bfloat16: products through the compiled library, the rest as it is.

Signals stay float32 between layers, so that only what goes into a product is rounded.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..codec import CodecDecoder, SnakeBeta
from ..streaming import CausalConv1d, CausalUpsample1d, Residual, State, Streaming, StreamingSequential
from .native.library import Conv, Held, Native

COLUMNS = 32  # of a panel, see ``native/codec.cpp``


def use_bfloat16(decoder: CodecDecoder, native: Native) -> CodecDecoder:
    """Replace what multiplies. The decoder's state changes its types with it: make states afterwards.

    Nothing is replaced in a codec of odd widths, which the library does not count in.
    """
    products = [m for m in decoder.modules() if isinstance(m, CausalConv1d | CausalUpsample1d | nn.Linear)]
    if any(module.weight.shape[-1 if isinstance(module, nn.Linear) else -2] % 2 for module in products):
        return decoder
    with torch.inference_mode():
        decoder.layers = _fast_chain(decoder.layers, native)
        for name, module in list(decoder.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, child = name.rpartition(".")
                setattr(decoder.get_submodule(parent), child, CpuLinear(module, native))
    return decoder


def _fast_chain(chain: StreamingSequential, native: Native) -> StreamingSequential:
    """A SnakeBeta is taken into the product behind it."""
    layers: list[nn.Module] = []
    snake: SnakeBeta | None = None
    for layer in chain:
        if isinstance(layer, SnakeBeta):
            snake = layer
            continue
        layers.append(_fast_layer(layer, snake, native))
        snake = None
    return type(chain)(layers)


def _fast_layer(layer: nn.Module, snake: SnakeBeta | None, native: Native) -> nn.Module:
    if isinstance(layer, CausalConv1d):
        return CpuConv(layer, snake, native)
    if isinstance(layer, CausalUpsample1d):
        return CpuUpsample(layer, snake, native)
    if isinstance(layer, Residual) and isinstance(layer[0], SnakeBeta):
        return CpuUnit(layer, native)
    return _fast_chain(layer, native) if isinstance(layer, StreamingSequential) else layer


class CpuLinear(nn.Module):
    """A linear layer."""

    def __init__(self, linear: nn.Linear, native: Native) -> None:
        super().__init__()
        self._native = native
        self._conv = packed(linear.weight.T[None], linear.bias)
        self.weight = linear.weight.new_zeros(())  # for those who make states of the layer's kind

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, 1, x.shape[-1])
        return self._native.convolve(self._conv, rows, rows).view(*x.shape[:-1], -1)


class CpuConv(Streaming):
    """A causal convolution. State: its last inputs in bfloat16, ``[B, history, C_in]``."""

    state_tensors = 1

    def __init__(self, conv: CausalConv1d, snake: SnakeBeta | None, native: Native) -> None:
        super().__init__()
        self._native = native
        self._conv = packed(conv.weight, conv.bias, snake, conv.dilation)
        self._past = (conv.history, conv.weight.shape[1])

    def init_state(self, streams: int) -> State:
        return (torch.zeros(streams, *self._past, dtype=torch.bfloat16),)

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.init_state(x.shape[1]))

    def step(self, x: Tensor, state: State) -> Tensor:
        return self._native.convolve(self._conv, x, state[0])


class CpuUnit(Streaming):
    """SnakeBeta, convolution, SnakeBeta, linear, added to what went in. State as in `CpuConv`."""

    state_tensors = 1

    def __init__(self, unit: Residual, native: Native) -> None:
        super().__init__()
        first, conv, second, linear = cast("tuple[SnakeBeta, CausalConv1d, SnakeBeta, nn.Linear]", tuple(unit))
        self._native = native
        self._wide = packed(conv.weight, conv.bias, first, conv.dilation)
        self._narrow = packed(linear.weight.T[None], linear.bias, second)
        self._past = (conv.history, conv.weight.shape[1])

    def init_state(self, streams: int) -> State:
        return (torch.zeros(streams, *self._past, dtype=torch.bfloat16),)

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.init_state(x.shape[1]))

    def step(self, x: Tensor, state: State) -> Tensor:
        return self._native.unit(self._wide, self._narrow, x, state[0])


class CpuUpsample(Streaming):
    """A transposed convolution. State: the last input's second half, float32, as in `CausalUpsample1d`."""

    def __init__(self, layer: CausalUpsample1d, snake: SnakeBeta | None, native: Native) -> None:
        super().__init__()
        self._native = native
        self._conv = packed(layer.weight[None], None, snake)
        self._bias = layer.bias.detach().float()
        self._stride, self._overlap = layer.stride, layer.overlap

    @property
    def state_tensors(self) -> int:
        return int(self._overlap)

    def init_state(self, streams: int) -> State:
        return (torch.zeros(streams, self._stride * self._bias.shape[0]),) * self.state_tensors

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.init_state(x.shape[1]))

    def step(self, x: Tensor, state: State) -> Tensor:
        if self._overlap:
            return self._native.upsample(self._conv, x, self._stride, self._bias, state[0])
        y: Tensor = self._native.convolve(self._conv, x, x).unflatten(-1, (self._stride, -1)) + self._bias
        return y.transpose(1, 2).flatten(0, 1)


def packed(weight: Tensor, bias: Tensor | None, snake: SnakeBeta | None = None, dilation: int = 1) -> Held:
    """``[taps, C_in, C_out]`` as the library reads it. Inputs are even in number; outputs are filled up with zeros."""
    taps, inputs, outputs = weight.shape
    panels = -(-outputs // COLUMNS)
    filled = F.pad(weight.detach(), (0, panels * COLUMNS - outputs)).to(torch.bfloat16)
    pairs = filled.view(taps, inputs // 2, 2, panels, COLUMNS).permute(3, 0, 1, 4, 2).contiguous()
    snaked = (None, None) if snake is None else (snake.alpha, snake.inverse_beta)
    tensors = [None if part is None else part.detach().float().contiguous() for part in (bias, *snaked)]
    pointers = (None if tensor is None else tensor.data_ptr() for tensor in tensors)
    return Held(Conv(pairs.data_ptr(), *pointers, inputs, outputs, taps, dilation), (pairs, tensors))
