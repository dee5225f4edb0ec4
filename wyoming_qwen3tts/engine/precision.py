"""Which numbers the language model computes with, and through what: chosen here, and said in one line."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import torch

from ..model.fast_weights import load_fast_checkpoint
from ..model.int8_linear import use_int8
from ..model.native.build import NoLibrary
from ..model.native.library import Native, native
from ..model.weights import Checkpoint, load_checkpoint

log = logging.getLogger(__name__)


class Precision(NamedTuple):
    """What the settings ask for. ``quantize`` is ``none``, ``int8``, ``int4`` (the code predictor; the talker int8), or
    ``auto``: int8 on a CPU. Rounded weights are kept in ``cache_dir`` for the next start."""

    dtype: str = "auto"
    quantize: str = "none"
    cache_dir: Path | None = None


def load_language_model(folder: Path, device: str, precision: Precision) -> Checkpoint:
    """Load one checkpoint in the best way that works here.

    Raises:
        ModelFileError: one line that says what is wrong with which file.
    """
    dtype = torch_dtype(precision.dtype, device)
    if device != "cpu":
        if precision.quantize not in ("none", "auto"):
            log.warning("engine.quantize %s is for CPUs; on %s the model stays %s", precision.quantize, device, dtype)
        return load_checkpoint(folder, device=device, dtype=dtype, text_table_on_device=True)
    if precision.quantize == "none":
        log.info("Qwen3-TTS on the CPU: %s, not quantized", str(dtype).removeprefix("torch."))
        return load_checkpoint(folder, dtype=dtype)
    try:
        library = compiled()
    except NoLibrary as error:
        log.warning("Qwen3-TTS on the CPU: int8 with PyTorch's products, which is slower, because %s", error)
        return _without_library(folder, dtype)
    bits = "int8, the code predictor int4" if precision.quantize == "int4" else "int8"
    log.info("Qwen3-TTS on the CPU: %s, compiled code for %s, %d threads", bits, library.use_kernel(), library.threads)
    return load_fast_checkpoint(
        folder,
        library,
        dtype=dtype,
        int4_predictor=precision.quantize == "int4",
        keep_in=precision.cache_dir,
    )


def compiled() -> Native:
    """The compiled library, with as many threads as PyTorch has.

    Raises:
        NoLibrary: with the reason, if there is none.
    """
    return native(torch.get_num_threads())


def _without_library(folder: Path, dtype: torch.dtype) -> Checkpoint:
    checkpoint = load_checkpoint(folder, dtype=dtype)
    with torch.inference_mode():
        use_int8(checkpoint.model)
    return checkpoint


def torch_dtype(name: str, device: str) -> torch.dtype:
    """The language model's type; ``auto`` is bfloat16 where the hardware multiplies it."""
    if name == "auto":
        has_bfloat16 = torch.cuda.is_bf16_supported() if device.startswith("cuda") else cpu_has_bfloat16()
        return torch.bfloat16 if has_bfloat16 else torch.float32
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]


def cpu_has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
