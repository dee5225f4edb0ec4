"""The speaker encoder of Base checkpoints: a clip of a voice in, one vector that stands for the voice out.

ECAPA-TDNN (Desplanques et al. 2020, arXiv 2005.07143) over a log-mel spectrogram. Modules are named as the checkpoint
names their tensors, so the tensors load as they are. The vector is not normalised: it takes a speaker's place in the
prompt as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint.config import ModelConfig, SpeakerEncoderConfig
from .checkpoint.files import ModelFileError
from .checkpoint.shapes import model_shapes, speaker_encoder_shapes
from .checkpoint.weights import WEIGHTS, check_file, open_tensors

PREFIX = "speaker_encoder."
SPEAKERS = "talker.model.codec_embedding.weight"  # its rows at the ids of `TalkerConfig.speakers`
FFT = 1024  # samples; also the window's length
HOP = 256  # samples, 10.7 ms
PAD = (FFT - HOP) // 2
TOP_HZ = 12_000
SAMPLES_MIN = 4 * HOP + FFT - 2 * PAD  # 5 frames: the widest convolution (kernel 3, dilation 4) reflects 4 of them


def open_speaker_encoder(folder: Path, config: ModelConfig, *, dtype: torch.dtype = torch.float32) -> SpeakerEncoder:
    """Load the encoder of a Base checkpoint.

    Raises:
        ModelFileError: if the checkpoint is not a Base one, or its file is not what its config promises.
    """
    if config.speaker_encoder is None:
        raise ModelFileError(f"{folder} is a {config.type} checkpoint; only Base checkpoints can clone a voice")
    path = folder / WEIGHTS
    check_file(path, model_shapes(config))
    with open_tensors(path) as file:
        names = speaker_encoder_shapes(config.speaker_encoder)
        tensors = {name: file.get_tensor(name).to(dtype, copy=True) for name in names}
    return load_speaker_encoder(tensors, config.speaker_encoder)


def speaker_vector(folder: Path, config: ModelConfig, speaker: str) -> Tensor:
    """``[hidden]``, float32: what stands for a speaker of a CustomVoice checkpoint, at the place of a clone's vector.

    Raises:
        ModelFileError: if the checkpoint's file is not what its config promises.
        KeyError: if it has no such speaker.
    """
    row = config.talker.speakers[speaker.lower()]
    path = folder / WEIGHTS
    check_file(path, model_shapes(config))
    with open_tensors(path) as file:
        return file.get_slice(SPEAKERS)[row : row + 1][0].to(torch.float32, copy=True)  # type: ignore[no-any-return]


def load_speaker_encoder(tensors: Mapping[str, Tensor], config: SpeakerEncoderConfig) -> SpeakerEncoder:
    """An encoder, in the tensors' type, from tensors that match `speaker_encoder_shapes`; others are not touched.

    Raises:
        KeyError: if a tensor is missing. `open_speaker_encoder` checks names and shapes first.
    """
    with torch.device("meta"):
        encoder = SpeakerEncoder(config)
    encoder.load_state_dict({name: tensors[PREFIX + name] for name in encoder.state_dict()}, assign=True)
    return encoder.requires_grad_(requires_grad=False).eval()


class SpeakerEncoder(nn.Module):
    """A clip ``[samples]`` (mono, float32, at the config's rate) to a vector ``[dim]``, in the parameters' type."""

    def __init__(self, config: SpeakerEncoderConfig) -> None:
        super().__init__()
        *blocks, last = zip(config.channels, config.kernel_sizes, config.dilations, strict=True)
        first, *squeezed = blocks
        widths = [config.channels[0], *(channels for channels, _, _ in squeezed)]
        self.mels, self.rate_hz = config.mel_dim, config.sample_rate_hz
        self.blocks = nn.ModuleList([TimeDelay(config.mel_dim, *first)])
        for before, (channels, kernel, dilation) in zip(widths, squeezed, strict=False):
            self.blocks.append(
                SqueezedRes2Net(before, channels, kernel, dilation, config.res2net_scale, config.se_channels)
            )
        self.mfa = TimeDelay(last[0], *last)
        self.asp = AttentivePooling(last[0], config.attention_channels)
        self.fc = nn.Conv1d(2 * last[0], config.dim, 1)

    def forward(self, clip: Tensor) -> Tensor:
        """The voice of a clip of at least `SAMPLES_MIN` samples."""
        return self.of(log_mel(clip, self.rate_hz, self.mels)[None].to(self.fc.weight.dtype))[0]

    def of(self, mels: Tensor) -> Tensor:
        """The voices of spectrograms of one length, ``[B, mels, T] -> [B, dim]``."""
        x = self.blocks[0](mels)
        heard = []
        for block in self.blocks[1:]:
            x = block(x)
            heard.append(x)
        vectors: Tensor = self.fc(self.asp(self.mfa(torch.cat(heard, dim=1))))
        return vectors[:, :, 0]


class TimeDelay(nn.Module):
    """A convolution that keeps the length by reflecting the edges, and ReLU: ``[B, C_in, T] -> [B, C_out, T]``."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            channels_in, channels_out, kernel, dilation=dilation, padding="same", padding_mode="reflect"
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv(x))


class Res2Net(nn.Module):
    """Slices of the channels, each heard together with what the slice before it became; the first as it is."""

    def __init__(self, channels: int, kernel: int, dilation: int, scale: int) -> None:
        super().__init__()
        width = channels // scale
        self.blocks = nn.ModuleList(TimeDelay(width, width, kernel, dilation) for _ in range(scale - 1))

    def forward(self, x: Tensor) -> Tensor:
        first, second, *others = x.chunk(len(self.blocks) + 1, dim=1)
        done = [first, self.blocks[0](second)]
        for block, part in zip(self.blocks[1:], others, strict=True):
            done.append(block(part + done[-1]))
        return torch.cat(done, dim=1)


class SqueezeExcitation(nn.Module):
    """Each channel scaled by a factor that depends on the mean of all channels over time."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(channels, inner, 1)
        self.conv2 = nn.Conv1d(inner, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv2(F.relu(self.conv1(x.mean(dim=2, keepdim=True)))))


class SqueezedRes2Net(nn.Module):
    """One block: mix channels, `Res2Net`, mix channels, `SqueezeExcitation`, and the input added."""

    def __init__(self, before: int, channels: int, kernel: int, dilation: int, scale: int, squeezed: int) -> None:
        super().__init__()
        self.tdnn1 = TimeDelay(before, channels)
        self.res2net_block = Res2Net(channels, kernel, dilation, scale)
        self.tdnn2 = TimeDelay(channels, channels)
        self.se_block = SqueezeExcitation(channels, squeezed)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.se_block(self.tdnn2(self.res2net_block(self.tdnn1(x))))
        return out


class AttentivePooling(nn.Module):
    """Mean and deviation of each channel over time, weighted by attention: ``[B, C, T] -> [B, 2 * C, 1]``."""

    def __init__(self, channels: int, attention_channels: int) -> None:
        super().__init__()
        self.tdnn = TimeDelay(3 * channels, attention_channels)
        self.conv = nn.Conv1d(attention_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        even = x.new_full((1, 1, x.shape[2]), 1 / x.shape[2])
        context = torch.cat((x, *(part.expand_as(x) for part in _mean_and_deviation(x, even))), dim=1)
        weight = torch.softmax(self.conv(torch.tanh(self.tdnn(context))), dim=2)
        return torch.cat(_mean_and_deviation(x, weight), dim=1)


def _mean_and_deviation(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    mean = (weight * x).sum(2, keepdim=True)
    variance = (weight * (x - mean).square()).sum(2, keepdim=True)
    return mean, variance.clamp(min=1e-12).sqrt()


def log_mel(clip: Tensor, rate_hz: int, mels: int) -> Tensor:
    """The log-mel spectrogram ``[mels, frames]`` of a clip ``[samples]``, in float32, one frame each `HOP` samples.

    Magnitudes (not powers) of a Hann-windowed transform, edges reflected, floored at 1e-5: as the official front-end.
    """
    edges = F.pad(clip.float()[None, None], (PAD, PAD), mode="reflect")[0]
    window = torch.hann_window(FFT, device=clip.device)
    spectrum = torch.stft(edges, FFT, HOP, FFT, window, center=False, return_complex=True)[0]
    magnitude = (torch.view_as_real(spectrum).square().sum(-1) + 1e-9).sqrt()
    return (mel_filters(rate_hz, mels).to(clip.device) @ magnitude).clamp(min=1e-5).log()


def mel_filters(rate_hz: int, mels: int) -> Tensor:
    """Triangular filters of equal area on Slaney's mel scale, ``[mels, FFT / 2 + 1]``, float32.

    The scale is that of Slaney's Auditory Toolbox (1998), librosa's default: linear up to 1 kHz, logarithmic above.
    Each triangle is rounded to float32 before it is scaled, as there.
    """
    bins_hz = torch.linspace(0, rate_hz / 2, FFT // 2 + 1, dtype=torch.float64)
    corners_hz = _mel_to_hz(torch.linspace(0, _hz_to_mel(TOP_HZ), mels + 2, dtype=torch.float64))
    widths = corners_hz.diff()
    slopes = corners_hz[:, None] - bins_hz
    rising, falling = -slopes[:-2] / widths[:-1, None], slopes[2:] / widths[1:, None]
    triangles = torch.minimum(rising, falling).clamp(min=0).float()
    area = 2.0 / (corners_hz[2:] - corners_hz[:-2])
    return (triangles.double() * area[:, None]).float()


LINEAR_HZ = 200 / 3  # per mel, below the break
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / LINEAR_HZ
LOG_STEP = math.log(6.4) / 27  # per mel, above


def _hz_to_mel(hz: float) -> float:
    return BREAK_MEL + math.log(hz / BREAK_HZ) / LOG_STEP if hz >= BREAK_HZ else hz / LINEAR_HZ


def _mel_to_hz(mel: Tensor) -> Tensor:
    return torch.where(mel >= BREAK_MEL, BREAK_HZ * ((mel - BREAK_MEL) * LOG_STEP).exp(), mel * LINEAR_HZ)
