#!/usr/bin/env python3
"""Derives the codec's golden files from the official package, or checks that they are still what it computes.

Run by ``script/parity`` in the official package's environment:

    derive_codec.py check            compare the golden files with the official package (the default)
    derive_codec.py write            write them anew
    derive_codec.py compare DIR...   clone and decode with both, on Base checkpoints from anywhere
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.parity.official import import_official, load_official
from tests.parity.random_weights import random_tensors
from tests.parity.tiny_codec import OTHER_DECODER, SEED, TINY_DECODER, TINY_SPEAKER, codec_json
from wyoming_qwen3tts.model.checkpoint.codec_weights import open_decoder
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.reference_codes import open_reference_encoder
from wyoming_qwen3tts.model.speaker import open_speaker_encoder

GOLDEN = Path(__file__).parent / "golden"


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(what: str = "check", *folders: str) -> None:
    torch.set_num_threads(1)
    import_official()
    with torch.inference_mode():
        if what == "compare":
            for folder in folders:
                compare_checkpoint(Path(folder))
            return
        for name, arrays in golden().items():
            file = GOLDEN / f"{name}.npz"
            if what == "write":
                np.savez_compressed(file, **arrays)
            else:
                compare(file, arrays)
            tell(f"{'wrote' if what == 'write' else 'equal'}: {file.name}")


def compare_checkpoint(folder: Path) -> None:
    """Speech through both: vector, codes, whole decode, and our decode frame by frame. Raises if any differs."""
    config = load_config(folder)
    if config.type != "base":
        tell(f"not Base, so it clones nothing: {folder}")
        return
    official = load_official(folder)
    (prompt,) = official.create_voice_clone_prompt((speech().numpy(), 24000), ref_text="Whatever.")
    shape = {"codebook_size": config.codec.codebook_size, "num_quantizers": config.codec.num_quantizers}
    codes = torch.from_numpy(random_codes(shape, frames=100))
    (samples,), _ = official.model.speech_tokenizer.decode({"audio_codes": codes[0]})
    codec = folder / "speech_tokenizer"
    vector = open_speaker_encoder(folder, config)(speech())
    np.testing.assert_allclose(vector, prompt.ref_spk_embedding, atol=1e-5)
    np.testing.assert_array_equal(open_reference_encoder(codec, config.codec)(speech()), prompt.ref_code)
    decoder = open_decoder(codec, config.codec)
    state = decoder.init_state(1)
    np.testing.assert_allclose(decoder(codes)[0], samples, atol=1e-5)
    steps = torch.cat([decoder.step(frame, state) for frame in codes.split(1, dim=1)], dim=1)
    np.testing.assert_allclose(steps[0], samples, atol=1e-5)
    tell(f"equal: {folder}")


def speech() -> torch.Tensor:
    return torch.from_numpy(np.load(GOLDEN / "speech.npz")["pcm"].astype(np.float32) / 32768)


def golden() -> dict[str, dict[str, Any]]:
    clip = speech()
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
        was, now = (np.exp(stored[key]), np.exp(array)) if key == "mel" else (stored[key], array)  # see the mel's test
        np.testing.assert_allclose(was, now, rtol=1e-5, atol=1e-5, err_msg=f"{file.name}: {key}")


if __name__ == "__main__":
    main(*sys.argv[1:])
