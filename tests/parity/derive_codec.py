#!/usr/bin/env python3
"""Write the golden files of the codec tests: what the official ``qwen-tts`` 0.1.1 computes on our random weights.

Run from the repository's root in an environment that has the official package (and torch, transformers 4.57.3):

    PYTHONPATH=. python tests/parity/derive_codec.py [--check]

``--check`` compares with the stored files instead of writing them.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.parity.random_weights import random_tensors
from tests.parity.tiny_codec import OTHER_DECODER, SEED, TINY_DECODER, TINY_SPEAKER, codec_json

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--check", action="store_true")
    check = options.parse_args().check
    torch.set_num_threads(1)
    stub_what_only_the_25_hz_codec_imports()
    with torch.inference_mode():
        for name, arrays in golden().items():
            file = GOLDEN / f"{name}.npz"
            if check:
                compare(file, arrays)
            else:
                np.savez_compressed(file, **arrays)
            print(f"{'equal' if check else 'wrote'}: {file.name}")  # noqa: T201: a script's output


def golden() -> dict[str, dict[str, Any]]:
    clip = torch.from_numpy(np.load(GOLDEN / "speech.npz")["pcm"].astype(np.float32) / 32768)
    return {
        "speaker": spoken(clip),
        "reference_codes": encoded(clip),
        "reference_codes_long": encoded(clip.tile(5)),  # longer than the encoder's attention window, 10 s
        "codec_decoder": decoded(TINY_DECODER, frames=300, official="chunked_decode"),
        "codec_decoder_long": decoded(TINY_DECODER, frames=400, official="forward"),
        "codec_decoder_other": decoded(OTHER_DECODER, frames=120, official="chunked_decode"),
    }


def decoded(decoder: dict[str, Any], frames: int, official: str) -> dict[str, Any]:
    """Codes, and a part of the samples that the official decoder makes of them (all of them would be megabytes)."""
    model = official_codec(codec_json(decoder)).decoder
    codes = torch.from_numpy(random_codes(decoder, frames))
    samples = getattr(model, official)(codes.transpose(1, 2))[:, 0].numpy()
    assert np.abs(samples).max() < 1, "clipped samples would hide differences"
    return {"codes": codes.numpy().astype(np.int16), **thinned(samples)}


def spoken(clip: Any) -> dict[str, Any]:
    """What the official speaker encoder hears in the clip, with the published layout at a small size."""
    from qwen_tts.core.models.configuration_qwen3_tts import Qwen3TTSSpeakerEncoderConfig
    from qwen_tts.core.models.modeling_qwen3_tts import Qwen3TTSSpeakerEncoder, mel_spectrogram

    encoder = Qwen3TTSSpeakerEncoder(Qwen3TTSSpeakerEncoderConfig(**TINY_SPEAKER)).eval()
    load_random(encoder, "speaker_encoder.")
    mel = mel_spectrogram(clip[None], 1024, 128, 24000, 256, 1024, 0, 12000).transpose(1, 2)
    return {"embedding": encoder(mel)[0].numpy(), "mel": mel[0].numpy()[:: len(mel[0]) // 16]}


def encoded(clip: Any) -> dict[str, Any]:
    """The codes that the official encoder gives the clip."""
    model = official_codec(codec_json(TINY_DECODER))
    (codes,) = model.encode(clip[None], torch.ones(1, len(clip), dtype=torch.long), return_dict=False)[0]
    return {"codes": codes.numpy().astype(np.int16)}


def random_codes(decoder: dict[str, Any], frames: int) -> Any:
    numbers = np.random.default_rng(SEED)
    return numbers.integers(0, decoder["codebook_size"], (1, frames, decoder["num_quantizers"]))


def thinned(samples: Any) -> dict[str, Any]:
    """Every 37th sample, which meets every phase of every upsampling, and the edges whole."""
    last = samples.shape[1] - 1
    places = np.unique(np.r_[: min(4000, last), 0:last:37, last - 4000 : last + 1].clip(0))
    return {"places": places.astype(np.int32), "samples": samples[0, places]}


def official_codec(config: dict[str, Any]) -> Any:
    from qwen_tts.core import Qwen3TTSTokenizerV2Config, Qwen3TTSTokenizerV2Model

    described = Qwen3TTSTokenizerV2Config(**{key: value for key, value in config.items() if key != "model_type"})
    model = Qwen3TTSTokenizerV2Model(described).eval()
    load_random(model)
    return model


def load_random(module: Any, prefix: str = "") -> None:
    shapes = {prefix + name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    tensors = random_tensors(shapes, SEED)
    module.load_state_dict({name.removeprefix(prefix): torch.from_numpy(array) for name, array in tensors.items()})


def compare(file: Path, arrays: dict[str, Any]) -> None:
    stored = np.load(file)
    for key, array in arrays.items():
        np.testing.assert_allclose(stored[key], array, atol=1e-6, err_msg=f"{file.name}: {key}")


def stub_what_only_the_25_hz_codec_imports() -> None:
    for name in ("sox", "onnxruntime", "torchaudio", "torchaudio.compliance", "torchaudio.compliance.kaldi"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)  # transformers asks for it
        sys.modules.setdefault(name, module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, sys.modules[name])


if __name__ == "__main__":
    main()
