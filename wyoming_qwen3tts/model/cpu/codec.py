"""`CodecDecoder` on a CPU: products through the compiled library, in the format that the processor is fastest in.

Signals stay float32 between layers, so that only what goes into a product is rounded: to bfloat16, to 12.5 bits with a
scale for each row and each output (int16), or not at all (float32).
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..codec import CodecDecoder, SnakeBeta
from ..streaming import CausalConv1d, CausalUpsample1d, Residual, State, Streaming, StreamingSequential
from .native.library import Conv, Format, Held, Native

COLUMNS = {Format.BFLOAT16: 32, Format.FLOAT32: 16, Format.INT16: 32}  # of a panel, see ``native/codec_tiles.h``
MOST = 2895  # of an int16, see ``native/codec_rows.h``


class Library(NamedTuple):
    """The compiled library, and what its products of the codec are computed in."""

    native: Native
    format: Format

    def past(self, streams: int, history: int, inputs: int) -> Tensor:
        """Inputs that a convolution remembers, ``[streams, history, row]``; a row of int16 ends with its scale."""
        if self.format is Format.INT16:
            return torch.zeros(streams, history, inputs + 2, dtype=torch.int16)
        dtype = torch.bfloat16 if self.format is Format.BFLOAT16 else torch.float32
        return torch.zeros(streams, history, inputs, dtype=dtype)


def use_library(decoder: CodecDecoder, native: Native, codec_format: Format | None = None) -> CodecDecoder:
    """Replace what multiplies; by default in the fastest format. The decoder's state changes its types with it: make
    states afterwards.

    Nothing is replaced in a codec of odd widths, which the library does not count in.
    """
    products = [m for m in decoder.modules() if isinstance(m, CausalConv1d | CausalUpsample1d | nn.Linear)]
    if any(module.weight.shape[-1 if isinstance(module, nn.Linear) else -2] % 2 for module in products):
        return decoder
    library = Library(native, native.codec_format if codec_format is None else codec_format)
    with torch.inference_mode():
        decoder.layers = _fast_chain(decoder.layers, library)
        for name, module in list(decoder.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, child = name.rpartition(".")
                setattr(decoder.get_submodule(parent), child, CpuLinear(module, library))
    return decoder


def _fast_chain(chain: StreamingSequential, library: Library) -> StreamingSequential:
    """A SnakeBeta is taken into the product behind it."""
    layers: list[nn.Module] = []
    snake: SnakeBeta | None = None
    for layer in chain:
        if isinstance(layer, SnakeBeta):
            snake = layer
            continue
        layers.append(_fast_layer(layer, snake, library))
        snake = None
    return type(chain)(layers)


def _fast_layer(layer: nn.Module, snake: SnakeBeta | None, library: Library) -> nn.Module:
    if isinstance(layer, CausalConv1d):
        return CpuConv(layer, snake, library)
    if isinstance(layer, CausalUpsample1d):
        return CpuUpsample(layer, snake, library)
    if isinstance(layer, Residual) and isinstance(layer[0], SnakeBeta):
        return CpuUnit(layer, library)
    return _fast_chain(layer, library) if isinstance(layer, StreamingSequential) else layer


class CpuLinear(nn.Module):
    """A linear layer."""

    def __init__(self, linear: nn.Linear, library: Library) -> None:
        super().__init__()
        self._library = library
        self._conv = packed(library.format, linear.weight.T[None], linear.bias)
        self.weight = linear.weight.new_zeros(())  # for those who make states of the layer's kind

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, 1, x.shape[-1])
        return self._library.native.convolve(self._conv, rows, rows).view(*x.shape[:-1], -1)


class CpuConv(Streaming):
    """A causal convolution. State: its last inputs, see `Library.past`."""

    state_tensors = 1

    def __init__(self, conv: CausalConv1d, snake: SnakeBeta | None, library: Library) -> None:
        super().__init__()
        self._library = library
        self._conv = packed(library.format, conv.weight, conv.bias, snake, conv.dilation)
        self._past = (conv.history, conv.weight.shape[1])

    def init_state(self, streams: int) -> State:
        return (self._library.past(streams, *self._past),)

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.init_state(x.shape[1]))

    def step(self, x: Tensor, state: State) -> Tensor:
        return self._library.native.convolve(self._conv, x, state[0])


class CpuUnit(Streaming):
    """SnakeBeta, convolution, SnakeBeta, linear, added to what went in. State as in `CpuConv`."""

    state_tensors = 1

    def __init__(self, unit: Residual, library: Library) -> None:
        super().__init__()
        first, conv, second, linear = cast("tuple[SnakeBeta, CausalConv1d, SnakeBeta, nn.Linear]", tuple(unit))
        self._library = library
        self._wide = packed(library.format, conv.weight, conv.bias, first, conv.dilation)
        self._narrow = packed(library.format, linear.weight.T[None], linear.bias, second)
        self._past = (conv.history, conv.weight.shape[1])

    def init_state(self, streams: int) -> State:
        return (self._library.past(streams, *self._past),)

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.init_state(x.shape[1]))

    def step(self, x: Tensor, state: State) -> Tensor:
        return self._library.native.unit(self._wide, self._narrow, x, state[0])


class CpuUpsample(Streaming):
    """A transposed convolution. State: the last input's second half, float32, as in `CausalUpsample1d`."""

    def __init__(self, layer: CausalUpsample1d, snake: SnakeBeta | None, library: Library) -> None:
        super().__init__()
        self._library = library
        self._conv = packed(library.format, layer.weight[None], None, snake)
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
            return self._library.native.upsample(self._conv, x, self._stride, self._bias, state[0])
        y: Tensor = self._library.native.convolve(self._conv, x, x).unflatten(-1, (self._stride, -1)) + self._bias
        return y.transpose(1, 2).flatten(0, 1)


def packed(
    codec_format: Format, weight: Tensor, bias: Tensor | None, snake: SnakeBeta | None = None, dilation: int = 1
) -> Held:
    """``[taps, C_in, C_out]`` as the library reads it. Inputs are even in number; outputs are filled up with zeros."""
    taps, inputs, outputs = weight.shape
    columns = COLUMNS[codec_format]
    numbers, scales = _rounded(codec_format, F.pad(weight.detach(), (0, -outputs % columns)))
    group = 1 if codec_format is Format.FLOAT32 else 2  # inputs that lie side by side
    panels = numbers.view(taps, inputs // group, group, -1, columns).permute(3, 0, 1, 4, 2).contiguous()
    snaked = (None, None) if snake is None else (snake.alpha, snake.inverse_beta)
    tensors = [None if part is None else part.detach().float().contiguous() for part in (scales, bias, *snaked)]
    pointers = (None if tensor is None else tensor.data_ptr() for tensor in tensors)
    value = Conv(panels.data_ptr(), *pointers, inputs, outputs, taps, dilation, codec_format)
    return Held(value, (panels, tensors))


def _rounded(codec_format: Format, weight: Tensor) -> tuple[Tensor, Tensor | None]:
    """Numbers, and of int16 the scale of each output."""
    if codec_format is Format.BFLOAT16:
        return weight.to(torch.bfloat16), None
    if codec_format is Format.FLOAT32:
        return weight.float(), None
    scales = weight.float().abs().amax(dim=(0, 1)) / MOST
    inverse = torch.where(scales != 0, 1.0 / scales, 0.0)
    return (weight.float() * inverse).round_().to(torch.int16), scales
