"""A reference clip to codes, for in-context clones: the only place that uses ``transformers``, and only while cloning.

The codec's encoder is Mimi's (Défossez et al. 2024, "Moshi"), unchanged, so the maintained implementation is used. The
checkpoint names its tensors as transformers 4.57 did; later versions moved them, see `_moved`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .checkpoint.config import CodecConfig
from .checkpoint.files import ModelFileError
from .checkpoint.shapes import codec_encoder_shapes, codec_shapes
from .checkpoint.weights import WEIGHTS, check_file, open_tensors

PREFIX = "encoder."
OURS_NOT = ("decoder", "decoder_transformer", "upsample")  # the half of Mimi that this codec replaced

# transformers 4.57, on which the official code runs, never applies the config's window (250 positions, 10 s); 5.x does.
# Codes must be the official ones also after the tenth second.
NO_WINDOW = 1 << 20


class ReferenceEncoder:
    """A clip ``[samples]`` (mono, float32, 24 kHz) to codes ``[frames, 16]`` (int64), 80 ms each, the last one padded.

    float32 on the CPU: codes must not depend on where a voice was cloned.
    """

    def __init__(self, model: Any, config: CodecConfig) -> None:
        self._model, self._quantizers = model, config.encoder_quantizers
        self._frame_samples = config.clip_frame_samples

    @torch.inference_mode()
    def __call__(self, clip: Tensor) -> Tensor:
        frames = -(-clip.shape[0] // self._frame_samples)
        encoded = self._model.encode(clip.float()[None, None], num_quantizers=self._quantizers, return_dict=True)
        codes: Tensor = encoded.audio_codes[0, :, :frames].T
        return codes.contiguous()


def open_reference_encoder(folder: Path, config: CodecConfig) -> ReferenceEncoder:
    """Load the encoder from a codec's folder (``speech_tokenizer`` of a checkpoint).

    Raises:
        ModelFileError: one line that says what is wrong with the file, and what to do.
    """
    path = folder / WEIGHTS
    check_file(path, codec_shapes(config))
    with open_tensors(path) as file:
        return load_reference_encoder({name: file.get_tensor(name) for name in codec_encoder_shapes(config)}, config)


def load_reference_encoder(tensors: Mapping[str, Tensor], config: CodecConfig) -> ReferenceEncoder:
    """An encoder from the tensors below ``encoder.`` in ``speech_tokenizer/model.safetensors``.

    Raises:
        ModelFileError: if the tensors are not those of the config's Mimi encoder.
    """
    from transformers import MimiConfig, MimiModel  # late: seconds to import, and nothing but cloning needs it

    model = MimiModel(MimiConfig(**{**config.encoder, "sliding_window": NO_WINDOW}))
    for name in OURS_NOT:
        if name in dict(model.named_children()):
            setattr(model, name, None)
    known = model.state_dict()
    mine = ((name.removeprefix(PREFIX), tensor) for name, tensor in tensors.items() if name.startswith(PREFIX))
    ours = {_moved(name, known): tensor for name, tensor in mine}
    if ours.keys() != known.keys():
        odd = min(ours.keys() ^ known.keys())
        raise ModelFileError(f"The codec's encoder does not match its config.json at {odd!r}; download the model again")
    model.load_state_dict(ours)
    return ReferenceEncoder(model.float().requires_grad_(requires_grad=False).eval(), config)


def _moved(name: str, known: Collection[str]) -> str:
    """Where the installed transformers keeps what 4.57 called ``name``: 5.x gave the encoder a module of its own."""
    if name in known:
        return name
    if name.startswith("encoder.layers."):
        return name.replace("encoder.layers.", "encoder.encoder_seanet.layers.", 1)
    return f"encoder.{name}"
