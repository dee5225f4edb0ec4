"""The codec: our decoder at small widths, with an encoder and a residual quantizer that exist for the training only.

Losses on spectra of several resolutions (Yamamoto et al. 2020, arXiv 1910.11480), codebooks that follow their means
(van den Oord et al. 2017, arXiv 1711.00937, appendix), gradients straight through the quantizer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.model.checkpoint.config import CodecConfig
from wyoming_qwen3tts.model.codec import CodecDecoder, SnakeBeta
from wyoming_qwen3tts.model.layers import RMSNorm
from wyoming_qwen3tts.model.streaming import CausalConv1d, CausalUpsample1d, Residual

from . import progress
from .speech import FRAME, RATE

_HOP, _BANDS = 240, 80  # of the encoder's spectrum: eight columns a frame
_RESOLUTIONS = (2048, 1024, 512, 256, 128)
_PACE = 1.5e-3  # of learning, at its highest
_SEGMENT, _BATCH = 16, 8  # frames of a piece, and pieces of a step
_DECAY, _DEAD = 0.97, 0.02  # of a codebook's means; a row that is used less begins anew
SOFT_STEPS = 300  # without a quantizer, at the beginning


def mel_bank(size: int, bands: int) -> Tensor:
    """``[size / 2 + 1, bands]``: triangles, even in mel."""
    top = 2595 * math.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, bands + 2) / 2595) - 1)
    bins = torch.linspace(0, RATE / 2, size // 2 + 1)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rise, fall).clamp(min=0)


def magnitude(samples: Tensor, size: int, hop: int) -> Tensor:
    """``[B, n] -> [B, size / 2 + 1, columns]``"""
    window = torch.hann_window(size, device=samples.device)
    spectrum = torch.stft(samples, size, hop, window=window, return_complex=True)
    return torch.view_as_real(spectrum).square().sum(-1).add(1e-7).sqrt()


class Encoder(nn.Module):
    """Sound to one vector a frame: ``[B, n] -> [B, frames, width]``. Sees one frame to each side."""

    bank: Tensor

    def __init__(self, width: int, hidden: int = 384) -> None:
        super().__init__()
        self.register_buffer("bank", mel_bank(1024, _BANDS), persistent=False)
        inside = _BANDS * FRAME // _HOP
        self.layers = nn.Sequential(
            nn.Conv1d(inside, hidden, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(hidden, hidden, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(hidden, width, 1),
        )

    def forward(self, samples: Tensor) -> Tensor:
        spectrum = magnitude(samples, 1024, _HOP)[:, :, :-1]
        mel = torch.log(torch.einsum("bft,fm->bmt", spectrum, self.bank) + 1e-4) / 3
        columns = FRAME // _HOP
        bands, length = mel.shape[1], mel.shape[2] // columns
        mel = mel.view(-1, bands, length, columns).permute(0, 1, 3, 2).flatten(1, 2)
        return self.layers(mel).transpose(1, 2)  # type: ignore[no-any-return]


class Quantizer(nn.Module):
    """Vectors as sums of rows, one of each codebook: ``[N, width] -> codes [N, books]`` and the sums."""

    rows: Tensor
    usage: Tensor
    sums: Tensor

    def __init__(self, books: int, rows: int, width: int) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(books, rows, width))
        self.register_buffer("usage", torch.zeros(books, rows))
        self.register_buffer("sums", torch.zeros(books, rows, width))

    @torch.no_grad()
    def begin(self, vectors: Tensor) -> None:
        """Codebooks by k-means of what the ones before leave."""
        left = vectors
        for book in self.rows:
            book.copy_(_means(left, len(book)))
            left = left - book[_nearest(left, book)]
        self.usage.fill_(1.0)
        self.sums.copy_(self.rows)

    @torch.no_grad()
    def quantize(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        left, codes = vectors, []
        for at, book in enumerate(self.rows):
            found = _nearest(left, book)
            codes.append(found)
            if self.training:
                self._follow(at, left, found)
            left = left - book[found]
        return torch.stack(codes, -1), vectors - left

    def _follow(self, at: int, vectors: Tensor, found: Tensor) -> None:
        chosen = F.one_hot(found, len(self.rows[at])).float()
        self.usage[at].lerp_(chosen.sum(0), 1 - _DECAY)
        self.sums[at].lerp_(chosen.T @ vectors, 1 - _DECAY)
        dead = self.usage[at] < _DEAD
        if int(dead.sum()):
            new = vectors[torch.randint(len(vectors), (int(dead.sum()),))]
            self.sums[at][dead], self.usage[at][dead] = new, 1.0
        self.rows[at].copy_(self.sums[at] / self.usage[at][:, None])


def _nearest(vectors: Tensor, book: Tensor) -> Tensor:
    return (book.square().sum(-1) - 2 * vectors @ book.T).argmin(-1)


def _means(vectors: Tensor, count: int, rounds: int = 12) -> Tensor:
    means = vectors[torch.randperm(len(vectors))[:count]].clone()
    if len(means) < count:
        means = torch.cat((means, means[torch.randint(len(means), (count - len(means),))]))
    for _ in range(rounds):
        chosen = F.one_hot(_nearest(vectors, means), count).float()
        used = chosen.sum(0)
        means = torch.where(used[:, None] > 0, (chosen.T @ vectors) / used.clamp(min=1)[:, None], means)
    return means


class Codec(nn.Module):
    """All of it. ``group``: the width in which the codebooks are, half of the decoder's."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.group = config.codebook_dim // 2
        self.encoder = Encoder(self.group)
        self.quantizer = Quantizer(config.num_quantizers, config.codebook_size, self.group)
        self.widen = nn.Linear(self.group, config.codebook_dim, bias=False)  # `output_proj`, of both parts
        self.decoder = CodecDecoder(config)
        _begin(self.decoder)
        self.slow_pairs = len(config.upsampling_ratios)
        self.is_coarse = False  # bfloat16, for the training's speed

    def forward(self, samples: Tensor, *, is_soft: bool) -> tuple[Tensor, Tensor]:
        """What comes back, and how far the encoder is from the codebooks."""
        vectors = self.encoder(samples)
        if is_soft:
            return self._sound(vectors), vectors.square().mean() * 0.01
        _, sums = self.quantizer.quantize(vectors.detach().flatten(0, 1))
        sums = sums.view_as(vectors)
        return self._sound(vectors + (sums - vectors).detach()), F.mse_loss(vectors, sums)

    def _sound(self, vectors: Tensor) -> Tensor:
        """``[B, frames, group] -> [B, n]``: what the decoder's `forward` makes, several times faster in training."""
        at = 2 + 2 * self.slow_pairs
        x = self.widen(vectors).transpose(0, 1)
        for layer in self.decoder.layers[:at]:
            x = layer(x)
        x = x.permute(1, 2, 0)[:, :, None].contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_coarse):
            for layer in self.decoder.layers[at:]:
                x = _fast(layer, x)
        sound: Tensor = x[:, 0, 0].float()
        return sound

    @torch.no_grad()
    def encode(self, samples: Tensor) -> Tensor:
        """``[n] -> [frames, books]``"""
        return self.quantizer.quantize(self.encoder(samples[None])[0])[0]

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """``[frames, books] -> [n]``"""
        return self.sound_of(codes[None])[0].clamp(-1, 1)

    def sound_of(self, codes: Tensor) -> Tensor:
        """``[B, frames, books] -> [B, n]``"""
        rows = [book[codes[..., at]] for at, book in enumerate(self.quantizer.rows)]
        return self._sound(torch.stack(rows).sum(0))


def _fast(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer of the decoder's wide part on ``[B, C, 1, T]``, channels last: the library's convolutions, which know how
    to go back."""
    if isinstance(layer, CausalConv1d):
        weight = layer.weight.permute(2, 1, 0)[:, :, None]
        return F.conv2d(F.pad(x, (layer.history, 0)), weight, layer.bias, dilation=(1, layer.dilation))
    if isinstance(layer, CausalUpsample1d):
        into, out = layer.weight.shape[0], layer.bias.shape[0]
        weight = layer.weight.view(into, -1, out).transpose(1, 2)[:, :, None]
        length = x.shape[-1] * layer.stride
        return F.conv_transpose2d(x, weight, layer.bias, stride=(1, layer.stride))[..., :length]
    if isinstance(layer, SnakeBeta):
        alpha, magnitude = layer.alpha[:, None, None], 0.5 * layer.inverse_beta[:, None, None]
        return x + (magnitude * (1 - torch.cos(2 * alpha * x))).to(x.dtype)
    if isinstance(layer, nn.Linear):
        return F.conv2d(x, layer.weight[:, :, None, None], layer.bias)
    y = x
    for part in layer.children():
        y = _fast(part, y)
    return x + y if isinstance(layer, Residual) else y


def _begin(decoder: CodecDecoder) -> None:
    for module in decoder.modules():
        if isinstance(module, SnakeBeta):
            nn.init.ones_(module.alpha)
            nn.init.ones_(module.inverse_beta)
        elif isinstance(module, nn.LayerNorm | RMSNorm):
            nn.init.ones_(module.weight)
        else:
            for name, parameter in module.named_parameters(recurse=False):
                if name == "bias":
                    nn.init.zeros_(parameter)
                elif parameter.dim() >= 2:
                    into = (
                        parameter.shape[-1]
                        if isinstance(module, nn.Linear)
                        else parameter.numel() // parameter.shape[-1]
                    )
                    nn.init.normal_(parameter, 0.0, 0.7 / into**0.5)
    last = decoder.layers[-1]
    if isinstance(last, CausalConv1d):
        nn.init.normal_(last.weight, 0.0, 0.01)  # begin quietly


def loss(heard: Tensor, wanted: Tensor, banks: dict[int, Tensor]) -> Tensor:
    """How far the spectra are apart, in mel bands, in logarithm and on its own scale."""
    total = heard.new_zeros(())
    for size, bank in banks.items():
        ours, theirs = (torch.einsum("bft,fm->bmt", magnitude(one, size, size // 4), bank) for one in (heard, wanted))
        total = total + (torch.log(ours + 1e-3) - torch.log(theirs + 1e-3)).abs().mean()
        total = total + (ours - theirs).norm() / theirs.norm().clamp(min=1e-3)
    return total / len(banks)


def train(
    codec: Codec,
    speech: Sequence[Samples],
    seconds: float,
    keep: Path,
    tell: Callable[[str], None],
    *,
    soft_steps: int = SOFT_STEPS,
    most_steps: float = math.inf,
    codes: Sequence[np.ndarray] | None = None,
) -> None:
    """Train for ``seconds``, or ``most_steps`` steps, from where ``keep`` stands; it is written every two minutes.

    ``codes``, ``[frames, books]`` each: those of ``speech``. Encoder and codebooks stay as they are then, and the
    decoder learns to make the one of the other.
    """
    is_settled = codes is not None
    torch.manual_seed(0)
    chance = np.random.default_rng(1 if is_settled else 0)
    banks = {size: mel_bank(size, max(8, min(80, size // 12))) for size in _RESOLUTIONS}
    learning = [codec.widen, codec.decoder] if is_settled else [codec]
    parameters = [one for module in learning for one in module.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_PACE, betas=(0.8, 0.99), weight_decay=1e-4)
    step, spent = progress.resume(keep, codec, optimizer)
    began = saved = told = time.monotonic() - spent
    recent: list[float] = []
    codec.train(not is_settled)
    long = [at for at, one in enumerate(speech) if len(one) >= _SEGMENT * FRAME]
    while (now := time.monotonic() - began) < seconds and step < most_steps:
        for group in optimizer.param_groups:
            group["lr"] = (
                _PACE * min(1.0, (step + 1) / 100) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * now / seconds)))
            )
        where = _places(speech, long, chance)
        wanted = _pieces(speech, where, FRAME)
        if step == soft_steps and not is_settled:
            with torch.no_grad():
                every = torch.cat(
                    [
                        codec.encoder(_pieces(speech, _places(speech, long, chance), FRAME)).flatten(0, 1)
                        for _ in range(40)
                    ]
                )
            codec.quantizer.begin(every)
        if codes is None:
            heard, apart = codec(wanted, is_soft=step < soft_steps)
        else:
            heard, apart = codec.sound_of(_pieces(codes, where, 1)), wanted.new_zeros(())
        found = loss(heard, wanted, banks)
        optimizer.zero_grad(set_to_none=True)
        (found + 0.25 * apart).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        _keep_positive(codec.decoder)
        recent.append(float(found.detach()))
        step += 1
        if time.monotonic() - told > 30:
            used = (codec.quantizer.usage > _DEAD).double().mean().item()
            tell(f"codec: step {step}, {now:.0f} s, loss {np.mean(recent):.3f}, rows in use {used:.0%}")
            told, recent = time.monotonic(), []
        if time.monotonic() - saved > 120:
            progress.save(keep, codec, optimizer, step, now)
            saved = time.monotonic()
    progress.save(keep, codec, optimizer, step, seconds)
    codec.eval()


def _places(speech: Sequence[Samples], long: Sequence[int], chance: np.random.Generator) -> list[tuple[int, int]]:
    """Which pieces to learn from: the index of a sentence, and the frame where one begins."""
    some = chance.choice(long, size=_BATCH)
    return [(int(at), int(chance.integers(len(speech[at]) // FRAME - _SEGMENT + 1))) for at in some]


def _pieces(every: Sequence[np.ndarray], where: Sequence[tuple[int, int]], each: int) -> Tensor:
    """Those places of what has ``each`` rows a frame."""
    return torch.from_numpy(np.stack([every[at][each * begin : each * (begin + _SEGMENT)] for at, begin in where]))


@torch.no_grad()
def _keep_positive(decoder: CodecDecoder) -> None:
    """The checkpoint holds their logarithms."""
    for module in decoder.modules():
        if isinstance(module, SnakeBeta):
            module.alpha.clamp_(min=1e-2)
            module.inverse_beta.clamp_(min=1e-2, max=100.0)
