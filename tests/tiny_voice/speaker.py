"""The speaker encoder, taught where between the checkpoint's speakers a voice lies: a clip of the built-in voice, made
deeper by some ratio, is to become the vector between their two rows that belongs to that ratio."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import samplerate
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.engine.qwen3.clone import prepared
from wyoming_qwen3tts.model.checkpoint.config import SpeakerEncoderConfig
from wyoming_qwen3tts.model.speaker import SpeakerEncoder, log_mel

from . import progress
from .speech import SPEAKERS

_PACE = 2e-3  # of learning, at its highest
_BATCH = 16  # clips of a step
_LENGTHS = (100, 320)  # columns of a clip, 10.7 ms each
_RATIOS = (0.94, 1.22)  # how deep: from above the higher speaker to below the deeper one
_DEPTHS = 2  # of each recording, beside those of the speakers
_LOUDER = math.log(2)  # at most, or as much softer
_TILT = 0.5  # at most so much is the lowest band more, and the highest less, or the other way round
_SNR_DB = (15.0, 60.0)
_PACES = (0.9, 1.0, 1.15, 1.3)  # of the sentences
_TELL_S = 30


class Clip(NamedTuple):
    """A log-mel spectrogram ``[mels, T]``, and how deep the voice is."""

    mel: Tensor
    ratio: float


def begin(config: SpeakerEncoderConfig, rows: Mapping[str, Tensor], heard: Sequence[Clip]) -> SpeakerEncoder:
    """An encoder that gives about the middle of ``rows``, those of the speakers, to any clip. Its first layer takes
    each band of ``heard`` to zero mean and unit variance: of spectra as they are it learnt nothing in 200 steps."""
    encoder = SpeakerEncoder(config)
    first, last = encoder.blocks[0].conv, encoder.fc
    assert isinstance(first, nn.Conv1d)
    assert first.bias is not None
    assert last.bias is not None
    every = torch.cat([clip.mel for clip in heard], dim=1)
    with torch.no_grad():
        first.weight.div_(every.std(1, keepdim=True))
        first.bias.sub_((first.weight * every.mean(1, keepdim=True)).sum((1, 2)))
        last.bias.copy_(torch.stack(list(rows.values())).mean(0))
    return encoder


def recordings(texts: Sequence[str]) -> list[Samples]:
    """``texts`` by the built-in voice, slower and faster."""
    from hibari import Hibari

    voice = Hibari()
    return [
        np.asarray(voice(text, speed=_PACES[at % len(_PACES)], seed=at), np.float32) for at, text in enumerate(texts)
    ]


def deeper(samples: Samples, ratio: float) -> Samples:
    """So much longer, and so deeper."""
    return np.asarray(samplerate.resample(samples, ratio, "sinc_medium"), np.float32)


def clips(recorded: Sequence[Samples], config: SpeakerEncoderConfig) -> list[Clip]:
    """Each recording as deep as the speakers, and of some depth between and around them, as the studio prepares it."""
    chance = np.random.default_rng(0)
    made = []
    for samples in recorded:
        for ratio in (*SPEAKERS.values(), *chance.uniform(*_RATIOS, _DEPTHS)):
            mel = log_mel(torch.from_numpy(prepared(deeper(samples, ratio))), config.sample_rate_hz, config.mel_dim)
            made.append(Clip(mel, float(ratio)))
    return made


def wanted(ratio: float, rows: Mapping[str, Tensor]) -> Tensor:
    """``[hidden]``: the vector of a voice that is so deep."""
    low, high = rows["ryan"], rows["serena"]
    share = (ratio - SPEAKERS["serena"]) / (SPEAKERS["ryan"] - SPEAKERS["serena"])
    return torch.lerp(high, low, min(1.0, max(0.0, share)))


def train(
    encoder: SpeakerEncoder,
    rows: Mapping[str, Tensor],
    heard: Sequence[Clip],
    seconds: float,
    keep: Path,
    tell: Callable[[str], None],
    *,
    most_steps: float = math.inf,
    batch: int = _BATCH,
) -> None:
    """Train for ``seconds``, or ``most_steps`` steps of ``batch`` clips, from where ``keep`` stands; it is written
    every two minutes. Told is how far the vectors are from their targets: 100 % is from one speaker to the other."""
    torch.manual_seed(0)
    chance = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=_PACE, betas=(0.9, 0.98), weight_decay=0.01)
    step, spent = progress.resume(keep, encoder, optimizer)
    began = saved = told = time.monotonic() - spent
    targets = torch.stack([wanted(clip.ratio, rows) for clip in heard])
    apart = (rows["ryan"] - rows["serena"]).square().sum()
    recent: list[float] = []
    encoder.train()
    while (now := time.monotonic() - began) < seconds and step < most_steps:
        for group in optimizer.param_groups:
            group["lr"] = (
                _PACE * min(1.0, (step + 1) / 50) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * now / seconds)))
            )
        chosen = chance.integers(len(heard), size=batch)
        length = int(chance.integers(*_LENGTHS))
        mels = torch.stack([_as_recorded(heard[at].mel, length, chance) for at in chosen])
        loss = (encoder.of(mels) - targets[chosen]).square().sum(-1).mean() / apart
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        recent.append(float(loss.detach()))
        step += 1
        if time.monotonic() - told > _TELL_S:
            tell(f"speaker encoder: step {step}, {now:.0f} s, off by {np.mean(recent) ** 0.5:.0%}")
            told, recent = time.monotonic(), []
        if time.monotonic() - saved > 120:
            progress.save(keep, encoder, optimizer, step, now)
            saved = time.monotonic()
    progress.save(keep, encoder, optimizer, step, seconds)
    encoder.eval()


def _as_recorded(mel: Tensor, length: int, chance: np.random.Generator) -> Tensor:
    """``[mels, length]`` as somebody may record it: a cut of the clip, or all of it, then silence; of some loudness, by
    some microphone, with some noise."""
    spoken = min(mel.shape[1], length)
    start = int(chance.integers(mel.shape[1] - spoken + 1))
    sound = mel[:, start : start + spoken].exp()
    sound = F.pad(sound, (0, length - spoken))
    level = float(sound.mean()) * 10 ** (-chance.uniform(*_SNR_DB) / 20)
    noise = level * torch.from_numpy(chance.rayleigh(size=sound.shape)).float()
    microphone = torch.linspace(-1, 1, len(mel))[:, None] * chance.uniform(-_TILT, _TILT)
    louder = chance.uniform(-_LOUDER, _LOUDER)
    return ((sound + noise).log() + microphone + louder).clamp(min=math.log(1e-5))
