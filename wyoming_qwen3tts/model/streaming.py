"""Layers that can compute a signal whole (`forward`) or piece by piece (`step`), with the same result.

Signals are time-major, ``[T, B, C]``: a span of time is then one contiguous matrix, and every convolution here is a
plain matrix product over it. On CPUs that is faster than the library's convolutions at one frame a call, and it reads
the weights once for the whole batch.

A layer's *state* is a flat tuple of tensors whose first dimension is the stream (``[B, ...]``). The caller owns it;
`step` moves it on *in place*, so its addresses stay valid inside a CUDA graph. Nothing in a step depends on the value
of a tensor: no host sync, static shapes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = tuple[Tensor, ...]


class Streaming(nn.Module, ABC):
    """A layer with a state. What `forward` makes of a whole signal, `step` makes of its pieces, joined."""

    @abstractmethod
    def init_state(self, streams: int) -> State:
        """What is remembered before the first sample: zeros, for ``streams`` rows."""

    @property
    @abstractmethod
    def state_tensors(self) -> int:
        """How many tensors `init_state` returns."""

    @abstractmethod
    def step(self, x: Tensor, state: State) -> Tensor:
        """The next piece, of any length >= 1. ``state`` is updated."""


class CausalConv1d(Streaming):
    """A stride-1 convolution that never looks ahead: ``[T, B, C_in] -> [T, B, C_out]``.

    State: the last ``history`` inputs, ``[B, history, C_in]``. The weight is kept as ``[kernel, C_in, C_out]``.
    """

    state_tensors = 1

    def __init__(self, channels_in: int, channels_out: int, kernel: int, dilation: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(kernel, channels_in, channels_out))
        self.bias = nn.Parameter(torch.empty(channels_out))
        self.dilation = dilation

    @property
    def history(self) -> int:
        """How many past inputs one output needs."""
        return (self.weight.shape[0] - 1) * self.dilation

    def init_state(self, streams: int) -> State:
        return (self.weight.new_zeros(streams, self.history, self.weight.shape[1]),)

    def forward(self, x: Tensor) -> Tensor:
        """The whole signal, one tap of the kernel after the other: no copy of it is ever ``kernel`` times as large."""
        length, x = x.shape[0], F.pad(x, (0, 0, 0, 0, self.history, 0))
        first, *later = range(0, self.history + 1, self.dilation)
        y: Tensor = torch.matmul(x[first : first + length], self.weight[0]) + self.bias
        for tap, start in enumerate(later, start=1):
            y += torch.matmul(x[start : start + length], self.weight[tap])
        return y

    def step(self, x: Tensor, state: State) -> Tensor:
        """All taps in one product over overlapping windows: fastest for short pieces, and one rounding in bfloat16."""
        x = _remember(x, state[0])
        windows = x.unfold(0, self.history + 1, 1)[..., :: self.dilation].transpose(-1, -2)  # [t, B, kernel, C_in]
        y = torch.addmm(self.bias, windows.flatten(2).flatten(0, 1), self.weight.flatten(0, 1))
        return y.view(-1, x.shape[1], y.shape[-1])


class CausalDepthwiseConv1d(Streaming):
    """A causal convolution of each channel by itself: ``[T, B, C] -> [T, B, C]``.

    State: the last ``kernel - 1`` inputs, ``[B, kernel - 1, C]``. The weight is kept as ``[C, kernel]``.
    """

    state_tensors = 1

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, kernel))
        self.bias = nn.Parameter(torch.empty(channels))

    def init_state(self, streams: int) -> State:
        channels, kernel = self.weight.shape
        return (self.weight.new_zeros(streams, kernel - 1, channels),)

    def forward(self, x: Tensor) -> Tensor:
        channels, kernel = self.weight.shape
        x = F.pad(x.permute(1, 2, 0), (kernel - 1, 0))
        return F.conv1d(x, self.weight[:, None], self.bias, groups=channels).permute(2, 0, 1)

    def step(self, x: Tensor, state: State) -> Tensor:
        windows = _remember(x, state[0]).unfold(0, self.weight.shape[1], 1)  # [t, B, C, kernel]
        return (windows * self.weight).sum(-1) + self.bias


def _remember(x: Tensor, past: Tensor) -> Tensor:
    """``x`` with ``past`` before it; the end of that becomes the new ``past``. Time-major ``x``, stream-major past."""
    x = torch.cat((past.transpose(0, 1), x))
    past.copy_(x[x.shape[0] - past.shape[1] :].transpose(0, 1))
    return x


class CausalUpsample1d(Streaming):
    """A transposed convolution, cut so that it never looks ahead: ``[T, B, C_in] -> [T * stride, B, C_out]``.

    The kernel is one or two strides long. With two, the second half of each input's response sounds together with the
    next input's first half. State: that half of the last input, without bias, ``[B, stride * C_out]``.
    The weight is kept as ``[C_in, kernel * C_out]``: the response to all inputs is one matrix product.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int, *, overlap: bool) -> None:
        super().__init__()
        kernel = 2 * stride if overlap else stride
        self.weight = nn.Parameter(torch.empty(channels_in, kernel * channels_out))
        self.bias = nn.Parameter(torch.empty(channels_out))
        self.stride, self.overlap = stride, overlap

    @property
    def state_tensors(self) -> int:
        return int(self.overlap)

    def init_state(self, streams: int) -> State:
        return (self.weight.new_zeros(streams, self.stride * self.bias.shape[0]),) * self.state_tensors

    def forward(self, x: Tensor) -> Tensor:
        return self.step(x, self.init_state(x.shape[1]))

    def step(self, x: Tensor, state: State) -> Tensor:
        now = torch.matmul(x, self.weight)
        if self.overlap:
            now, later = now.chunk(2, dim=-1)
            (tail,) = state
            from_before = torch.cat((tail[None], later))
            tail.copy_(from_before[-1])
            now = now + from_before[:-1]
        y: Tensor = now.unflatten(-1, (self.stride, -1)) + self.bias  # [t, B, stride, C_out]
        return y.transpose(1, 2).flatten(0, 1)


class WindowedAttention(nn.Module):
    """Self-attention of each position over the ``window`` positions that end with it: ``[T, B, C] -> [T, B, C]``.

    What a step remembers is the last ``window - 1`` keys (rotated) and values, ``[B, kv_heads, window - 1, head_dim]``
    each. Rotation and mask are the same in every layer of a stack, so its owner makes them once: `rotation`,
    `window_mask`, `step_mask`.
    """

    def __init__(self, width: int, heads: int, kv_heads: int, head_dim: int, window: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, (heads + 2 * kv_heads) * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, width, bias=False)
        self.heads, self.kv_heads, self.head_dim, self.window = heads, kv_heads, head_dim, window

    def init_state(self, streams: int) -> State:
        """Keys and values of no position at all; `step_mask` hides them until they are overwritten."""
        shape = (streams, self.kv_heads, self.window - 1, self.head_dim)
        return self.qkv.weight.new_zeros(shape), self.qkv.weight.new_zeros(shape)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor, past: State = ()) -> Tensor:
        """With ``past``, a step: it is attended to as well, and updated. Without, ``x`` is the whole signal."""
        qkv = self.qkv(x).unflatten(-1, (-1, self.head_dim))  # [t, B, heads + 2 * kv_heads, head_dim]
        turned, values = qkv.split((self.heads + self.kv_heads, self.kv_heads), dim=2)
        turned, values = rotate(turned, rotation).permute(1, 2, 0, 3), values.permute(1, 2, 0, 3)
        queries, keys = turned.split((self.heads, self.kv_heads), dim=1)
        if past:
            keys, values = (_extend(*pair) for pair in zip(past, (keys, values), strict=True))
        grouped = self.heads != self.kv_heads
        y = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, enable_gqa=grouped)
        out: Tensor = self.out(y.permute(2, 0, 1, 3).flatten(2))
        return out


def _extend(past: Tensor, new: Tensor) -> Tensor:
    """``new`` with ``past`` before it, ``[B, H, past + t, D]``; the end of that becomes the new ``past``."""
    joined = torch.cat((past, new), dim=2)
    past.copy_(joined[:, :, joined.shape[2] - past.shape[2] :])
    return joined


def rotation(position: Tensor, length: int, head_dim: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine and sine for ``length`` positions from ``position [B]`` on: ``[length, B, 1, head_dim / 2]`` each.

    Computed in float32 and cast last, as the official code does: a bfloat16 angle would be off by whole turns.
    """
    steps = torch.arange(0, head_dim, 2, device=position.device, dtype=torch.float32) / head_dim
    positions = position + torch.arange(length, device=position.device)[:, None]
    angles = positions[..., None, None].float() * (1.0 / theta**steps)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(x: Tensor, by: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding in its rotate-half pairing, (i, i + D/2): ``[t, B, H, D] -> [t, B, H, D]``."""
    cos, sin = by
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


def window_mask(length: int, past: int, window: int, device: torch.device) -> Tensor:
    """Who sees whom, ``[length, past + length]``: query i sees key j if it is 0 to ``window - 1`` positions older."""
    age = torch.arange(past, past + length, device=device)[:, None] - torch.arange(past + length, device=device)
    return (age >= 0) & (age < window)


def step_mask(position: Tensor, length: int, window: int) -> Tensor:
    """The same for one step of rows that are at ``position [B]``: ``[B, 1, length, window - 1 + length]``.

    A row that has spoken fewer than ``window - 1`` positions has keys in its state that are of nobody: hidden.
    """
    past = window - 1
    visible = window_mask(length, past, window, position.device)
    is_real = position[:, None] + torch.arange(past + length, device=position.device) >= past
    return visible & is_real[:, None, None]


class StreamingSequential(nn.ModuleList):
    """Layers run in order; those that are not `Streaming` remember nothing. Its state is theirs, joined."""

    @property
    def state_tensors(self) -> int:
        return sum(layer.state_tensors for layer in self if isinstance(layer, STREAMING))

    def init_state(self, streams: int) -> State:
        states = (layer.init_state(streams) for layer in self if isinstance(layer, STREAMING))
        return tuple(tensor for state in states for tensor in state)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self:
            x = layer(x)
        return x

    def step(self, x: Tensor, state: State) -> Tensor:
        """The next piece, of any length >= 1. ``state`` is updated."""
        start = 0
        for layer in self:
            if isinstance(layer, STREAMING):
                stop = start + layer.state_tensors
                x = layer.step(x, state[start:stop])
                start = stop
            else:
                x = layer(x)
        return x


class Residual(StreamingSequential):
    """A chain whose result is added to what went in."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)

    def step(self, x: Tensor, state: State) -> Tensor:
        return x + super().step(x, state)


STREAMING = (Streaming, StreamingSequential)


def state_bytes(state: State) -> int:
    """The memory a state takes."""
    return sum(tensor.numel() * tensor.element_size() for tensor in state)


class FlatState(tuple[Tensor, ...]):
    """A state whose numbers are views of one tensor ``[streams, width]``, so that rows are picked and put back by one
    kernel each. Whole numbers stay by themselves."""

    flat: Tensor
    shapes: tuple[torch.Size | None, ...]  # of a row of each tensor; None: of whole numbers

    @classmethod
    def of(cls, state: State) -> FlatState:
        """``state`` with its values, in new memory."""
        numbers = [tensor.flatten(1) for tensor in state if tensor.is_floating_point()]
        shapes = tuple(tensor.shape[1:] if tensor.is_floating_point() else None for tensor in state)
        return cls._over(torch.cat(numbers, dim=1), [t for t in state if not t.is_floating_point()], shapes)

    @classmethod
    def _over(cls, flat: Tensor, whole: list[Tensor], shapes: tuple[torch.Size | None, ...]) -> FlatState:
        widths = [shape.numel() for shape in shapes if shape is not None]
        views, others = iter(flat.split(widths, dim=1)), iter(whole)
        made = cls(next(others) if shape is None else next(views).unflatten(1, shape) for shape in shapes)
        made.flat, made.shapes = flat, shapes
        return made

    def _whole(self) -> list[Tensor]:
        return [tensor for tensor, shape in zip(self, self.shapes, strict=True) if shape is None]

    def rows(self, slots: Tensor) -> FlatState:
        """A copy of some rows."""
        whole = [tensor.index_select(0, slots) for tensor in self._whole()]
        return self._over(self.flat.index_select(0, slots), whole, self.shapes)

    def put(self, slots: Tensor, rows: FlatState) -> None:
        """``rows`` in the place of these."""
        self.flat.index_copy_(0, slots, rows.flat)
        for tensor, row in zip(self._whole(), rows._whole(), strict=True):
            tensor.index_copy_(0, slots, row)


def restart_stream(state: State, stream: int) -> None:
    """Make row ``stream`` of every state tensor as new, so that its slot can speak something else."""
    torch._foreach_zero_([tensor[stream] for tensor in state if tensor.is_floating_point()])  # one kernel on a card
    for tensor in state:
        if not tensor.is_floating_point():
            tensor[stream].zero_()


def snapshot_stream(state: State, stream: int) -> State:
    """A copy of row ``stream``: where a stream is now, to be taken up again by `restore_stream` in any row."""
    return tuple(tensor[stream].clone() for tensor in state)


def restore_stream(state: State, stream: int, snapshot: Iterable[Tensor]) -> None:
    """Take up in row ``stream`` where ``snapshot`` was taken. The snapshot stays as it was.

    Raises:
        ValueError: if the snapshot is of another shape of network.
    """
    for tensor, saved in zip(state, snapshot, strict=True):
        if tensor.shape[1:] != saved.shape:
            raise ValueError(f"A snapshot of {tuple(saved.shape)} does not fit a state of {tuple(tensor.shape[1:])}")
        tensor[stream].copy_(saved)
