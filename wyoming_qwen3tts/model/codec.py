"""The 12 Hz codec's decoder: 16 codes a frame in, 80 ms of sound out, with no look-ahead anywhere.

    codes -> sum of 16 table rows -> causal conv -> windowed transformer -> 2 x (upsample, ConvNeXt)
          -> conv -> 4 x (SnakeBeta, upsample, 3 residual units) -> SnakeBeta -> conv -> clamp

The whole decoder is one `StreamingSequential` of layers that can run whole or frame by frame, with equal results; see
`streaming.py`.

`checkpoint/codec_weights` builds it from a checkpoint, constants folded: codebooks divided and projected, layer scales
multiplied into the matrices before them, exponentials taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint.config import CodecConfig
from .layers import RMSNorm
from .streaming import (
    CausalConv1d,
    CausalDepthwiseConv1d,
    CausalUpsample1d,
    FlatState,
    Residual,
    State,
    Streaming,
    StreamingSequential,
    WindowedAttention,
    rotation,
    step_mask,
    window_mask,
)

KERNEL = 7  # of every wide convolution of the decoder
DILATIONS = (1, 3, 9)  # of the residual units of one block
# Frames times streams in one pass. The widest windows take 5 MB a row; from 32 MB on malloc maps them anew each time.
ROWS_AT_ONCE = 4
ALL_ROWS = 1 << 30  # on a card: a pass reads all weights, and launches a kernel for each operation


Products = Literal["highest", "high"]  # of float32 matrices on a card: float32, or TF32 with 10 bits of fraction


@contextmanager
def float32_products(how: Products) -> Iterator[None]:
    """How float32 matrices are multiplied inside it: torch has one setting for the process. A recording keeps what held
    when it was made."""
    before = torch.get_float32_matmul_precision()
    if before == how:
        yield
        return
    torch.set_float32_matmul_precision(how)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


class CodecDecoder(nn.Module):
    """Frames of codes to sound, whole (`forward`) or piece by piece (`step`, whose ``products`` may be coarser).

    ``samples_per_frame`` comes from the config (1,920 in the published codec). float32 or bfloat16, as the parameters.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.samples_per_frame = config.frame_samples
        self.rows_at_once = ROWS_AT_ONCE
        self.flat_state = False
        self.products: Products = "highest"
        self.quantizer = SummedTables(config.num_quantizers, config.codebook_size, config.codebook_dim)
        upsampled = (layer for ratio in config.upsampling_ratios for layer in _upsample(config.latent_dim, ratio))
        widths = [config.decoder_dim // 2**i for i in range(len(config.upsample_rates) + 1)]
        blocks = zip(widths, widths[1:], config.upsample_rates, strict=False)
        self.layers = StreamingSequential(
            [
                CausalConv1d(config.codebook_dim, config.latent_dim, kernel=3),
                WindowedTransformer(config),
                *upsampled,
                CausalConv1d(config.latent_dim, config.decoder_dim, KERNEL),
                *(_block(wide, narrow, rate) for wide, narrow, rate in blocks),
                SnakeBeta(widths[-1]),
                CausalConv1d(widths[-1], 1, KERNEL),
            ]
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Whole utterances: codes ``[B, T, 16] ->`` samples in [-1, 1], ``[B, T * samples_per_frame]``.

        Its memory grows with T (gigabytes a minute at full size): long ones, too, are better decoded by `step`.
        """
        return self._samples(self.layers(self.quantizer(codes)))

    def init_state(self, streams: int) -> State:
        """The state of ``streams`` decoders before their first frame, about 5.2 MB each in float32."""
        state = self.layers.init_state(streams)
        return FlatState.of(state) if self.flat_state else state

    def suit_a_card(self) -> None:
        """Have steps launch few kernels: all rows in one pass, and states in one piece."""
        self.rows_at_once, self.flat_state = ALL_ROWS, True

    def step(self, codes: Tensor, state: State, slots: Tensor | None = None) -> Tensor:
        """The next frames of some streams: codes ``[n, t, 16] -> [n, t * samples_per_frame]``, for any ``t >= 1``.

        ``slots [n]`` says which row of ``state`` each row of ``codes`` goes on with; the other rows keep theirs. A
        graph captured for n streams serves fewer by pointing the idle ones at a spare row. Without it: all, in order.
        A slice of a state is a state too, moved on without being copied: ``tuple(t[2:3] for t in state)``.
        """
        rows = state if slots is None else _picked(state, slots)
        pieces = codes.split(max(1, self.rows_at_once // codes.shape[0]), dim=1)
        with float32_products(self.products):
            parts = [self._samples(self.layers.step(self.quantizer(piece), rows)) for piece in pieces]
        samples = torch.cat(parts, dim=1)
        if slots is not None:
            _put(state, slots, rows)
        return samples

    @staticmethod
    def _samples(x: Tensor) -> Tensor:
        return x.squeeze(-1).transpose(0, 1).clamp(-1, 1)


def _picked(state: State, slots: Tensor) -> State:
    if isinstance(state, FlatState):
        return state.rows(slots)
    return tuple(tensor.index_select(0, slots) for tensor in state)


def _put(state: State, slots: Tensor, rows: State) -> None:
    if isinstance(state, FlatState) and isinstance(rows, FlatState):
        state.put(slots, rows)
        return
    for tensor, row in zip(state, rows, strict=True):
        tensor.index_copy_(0, slots, row)


def _upsample(width: int, ratio: int) -> tuple[nn.Module, nn.Module]:
    """One doubling (or so) of the frame rate: a transposed convolution without overlap, and a ConvNeXt block.

    ConvNeXt: Liu et al. 2022, "A ConvNet for the 2020s"; here causal, its layer scale folded into the last linear.
    """
    convnext = Residual(
        [
            CausalDepthwiseConv1d(width, KERNEL),
            nn.LayerNorm(width, eps=1e-6),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        ]
    )
    return CausalUpsample1d(width, width, ratio, overlap=False), convnext


def _block(wide: int, narrow: int, rate: int) -> StreamingSequential:
    units = (
        Residual(
            [
                SnakeBeta(narrow),
                CausalConv1d(narrow, narrow, KERNEL, dilation),
                SnakeBeta(narrow),
                nn.Linear(narrow, narrow),
            ]
        )
        for dilation in DILATIONS
    )
    return StreamingSequential([SnakeBeta(wide), CausalUpsample1d(wide, narrow, rate, overlap=True), *units])


class SummedTables(nn.Module):
    """The residual quantizer, folded: one table per codebook, and a frame is the sum of its rows.

    ``[B, T, codebooks] -> [T, B, width]``. Codes outside the tables (control ids of the talker) count as the last row:
    no value can fault on the device.
    """

    def __init__(self, codebooks: int, rows: int, width: int) -> None:
        super().__init__()
        self.tables = nn.Parameter(torch.empty(codebooks, rows, width))

    def forward(self, codes: Tensor) -> Tensor:
        codebooks, rows, _ = self.tables.shape
        first_rows = torch.arange(codebooks, device=codes.device) * rows
        return F.embedding(codes.transpose(0, 1).clamp(0, rows - 1) + first_rows, self.tables.flatten(0, 1)).sum(-2)


class SnakeBeta(nn.Module):
    """x + sin^2(alpha x) / beta, per channel: Liu et al. 2020 (arXiv 2006.08195), with a magnitude of its own.

    The checkpoint keeps logarithms; ``alpha`` and ``inverse_beta`` here are what the formula needs.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.empty(channels))
        self.inverse_beta = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(x, self.inverse_beta, (x * self.alpha).sin_().square_())


class WindowedTransformer(Streaming):
    """The codec's transformer over frames: ``[T, B, latent] -> [T, B, latent]``, each frame seeing ``window`` of them.

    State: the position ``[B]`` (int64), then keys and values of each layer.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.narrow = nn.Linear(config.latent_dim, config.hidden_size)
        self.layers = nn.ModuleList(TransformerLayer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.widen = nn.Linear(config.hidden_size, config.latent_dim)
        self.window, self.head_dim, self.theta = config.sliding_window, config.head_dim, config.rope_theta

    @property
    def state_tensors(self) -> int:
        return 1 + 2 * len(self.layers)

    def init_state(self, streams: int) -> State:
        position = torch.zeros(streams, dtype=torch.int64, device=self.norm.weight.device)
        stack = cast("list[TransformerLayer]", list(self.layers))
        return position, *(tensor for layer in stack for tensor in layer.attention.init_state(streams))

    def forward(self, x: Tensor) -> Tensor:
        start = torch.zeros(1, dtype=torch.int64, device=x.device)
        mask = window_mask(x.shape[0], 0, self.window, x.device)
        return self._run(x, start, mask, [()] * len(self.layers))

    def step(self, x: Tensor, state: State) -> Tensor:
        position, *past = state
        mask = step_mask(position, x.shape[0], self.window)
        y = self._run(x, position, mask, list(zip(past[::2], past[1::2], strict=True)))
        position += x.shape[0]
        return y

    def _run(self, x: Tensor, position: Tensor, mask: Tensor, past: list[State]) -> Tensor:
        turn = rotation(position, x.shape[0], self.head_dim, self.theta, x.dtype)
        x = self.narrow(x)
        for layer, layer_past in zip(self.layers, past, strict=True):
            x = layer(x, turn, mask, layer_past)
        out: Tensor = self.widen(self.norm(x))
        return out


class TransformerLayer(nn.Module):
    """Attention and a gated MLP, each behind a norm and added to its input; layer scales are inside the weights."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.attention_norm = RMSNorm(width, config.rms_norm_eps)
        self.attention = WindowedAttention(width, config.heads, config.kv_heads, config.head_dim, config.sliding_window)
        self.mlp_norm = RMSNorm(width, config.rms_norm_eps)
        self.gate_up = nn.Linear(width, 2 * inner, bias=False)
        self.down = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor, past: State) -> Tensor:
        x = x + self.attention(self.attention_norm(x), turn, mask, past)
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        out: Tensor = x + self.down(F.silu(gate) * up)
        return out
