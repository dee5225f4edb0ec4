"""Which numbers the language model computes with, and through what: as planned, and said in one line.

Rounded weights and the compiled library are kept in ``rounded_dir`` for the next start; None: nowhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import torch

from ...model.checkpoint.codec_weights import open_decoder, random_decoder
from ...model.checkpoint.config import CodecConfig, ModelConfig
from ...model.checkpoint.published import random_language_model, random_parameters
from ...model.checkpoint.weights import Checkpoint, load_checkpoint
from ...model.codec import CodecDecoder
from ...model.cpu.codec import use_library
from ...model.cpu.int8_linear import use_int8
from ...model.cpu.language import fast_language_model, rounded
from ...model.cpu.native.build import NoLibrary
from ...model.cpu.native.library import Native, native
from ...model.cpu.weights import load_fast_checkpoint
from ...model.language_model import LanguageModel
from ...model.rounded import round_for_card
from .hardware.plan import DevicePlan
from .hardware.threads import STAGES, ThreadTuner, in_words, tuner

log = logging.getLogger(__name__)

TF32_SNR_DB = 45.0  # below what 8 bits of sound would add, and far below what anybody hears behind speech
_SOUNDED = 8  # frames


def load_language_model(folder: Path, plan: DevicePlan, rounded_dir: Path | None) -> Checkpoint:
    """Load one checkpoint in the best way that works here.

    Raises:
        ModelFileError: one line that says what is wrong with which file.
    """
    dtype = torch_dtype(plan.dtype)
    if plan.device != "cpu":
        return load_checkpoint(folder, device=plan.torch_device, dtype=dtype, prepare=_rounding(plan))
    if plan.quantize == "none":
        log.debug("Qwen3-TTS on the CPU: %s, not quantized", _name(dtype))
        return load_checkpoint(folder, dtype=dtype)
    try:
        library = compiled(rounded_dir).language
    except NoLibrary as error:
        log.warning("Qwen3-TTS on the CPU: int8 with PyTorch's products, which is slower, because %s", error)
        return _without_library(folder, dtype)
    int4, chosen = plan.quantize == "int4", tuner(rounded_dir)
    log.debug(
        "Qwen3-TTS on the CPU: %s, codec %s, compiled code for %s, %s",
        "int8, code predictor int4" if int4 else "int8",
        library.codec_format.name.lower(),
        library.kernel,
        in_words(chosen.threads, chosen.most),
    )
    return load_fast_checkpoint(
        folder, library, dtype=dtype, int4_predictor=int4, keep_in=rounded_dir, tell=log.warning
    )


def load_codec(folder: Path, config: CodecConfig, plan: DevicePlan, rounded_dir: Path | None) -> CodecDecoder:
    """Load a codec: float32; with ``plan.quantize``, on a CPU, through the compiled library in its fastest format.
    (On some cards bfloat16 decodes to NaN: vllm-omni#1663.)

    Raises:
        ModelFileError: one line that says what is wrong with which file.
    """
    decoder = open_decoder(folder, config, device=plan.torch_device)
    if plan.device != "cpu":
        decoder.suit_a_card()
        if plan.codec_tf32:
            use_tf32(decoder)
    if plan.device != "cpu" or plan.quantize == "none":
        return decoder
    try:
        library = compiled(rounded_dir).codec
    except NoLibrary:  # said when the language model was loaded
        return decoder
    return use_library(decoder, library)


def use_tf32(decoder: CodecDecoder) -> None:
    """Have a codec on a card multiply in TF32, if what it says is not to be told from float32 (`TF32_SNR_DB`)."""
    codes = torch.arange(_SOUNDED * decoder.quantizer.tables.shape[0], device=decoder.quantizer.tables.device) % 31
    codes = codes.view(1, _SOUNDED, -1)
    with torch.inference_mode():
        exact = decoder.step(codes, decoder.init_state(1))
        decoder.products = "high"
        error = decoder.step(codes, decoder.init_state(1)) - exact
        snr_db = 10 * float(torch.log10(exact.square().sum() / error.square().sum().clamp(min=1e-30)))
    if snr_db >= TF32_SNR_DB:
        log.info("The codec multiplies in TF32: %.0f dB from float32", snr_db)
        return
    decoder.products = "highest"
    log.warning("engine.codec_tf32 is not used: it is %.0f dB from float32, and %g are asked for", snr_db, TF32_SNR_DB)


def random_models(
    config: ModelConfig, plan: DevicePlan, rounded_dir: Path | None
) -> tuple[LanguageModel, CodecDecoder]:
    """Networks of a published size with random weights, in the precision that a checkpoint would be loaded in."""
    dtype = torch_dtype(plan.dtype)
    decoder = random_decoder(config.codec, device=plan.torch_device)
    if plan.device != "cpu":
        decoder.suit_a_card()
    if plan.device != "cpu" or plan.quantize == "none":
        model = random_language_model(config, device=plan.torch_device, dtype=dtype)
        if (rounding := _rounding(plan)) is not None and plan.device != "cpu":
            rounding(model)
        return model, decoder
    try:
        libraries = compiled(rounded_dir)
    except NoLibrary:
        with torch.inference_mode():
            return use_int8(random_language_model(config, dtype=dtype)), decoder
    int4 = plan.quantize == "int4"
    tensors = rounded(random_parameters(config, dtype=dtype))
    with torch.inference_mode():
        model = fast_language_model(config, tensors, libraries.language, dtype=dtype, int4_predictor=int4)
        return model, use_library(decoder, libraries.codec)


def _rounding(plan: DevicePlan) -> Callable[[LanguageModel], None] | None:
    """What makes a card's model as coarse as planned; None: nothing does."""
    if plan.quantize == "none":
        return None
    return partial(round_for_card, int4_predictor=plan.quantize == "int4")


class Libraries(NamedTuple):
    """The compiled library as each stage uses it."""

    language: Native
    codec: Native


def compiled(rounded_dir: Path | None) -> Libraries:
    """The compiled library, with as many threads for each stage as are fastest here.

    From then on PyTorch has one thread where this was called: what is left to it is small, and its own threads would
    spin on the cores that the library's need.

    Raises:
        NoLibrary: with the reason, if there is none.
    """
    libraries = _libraries(rounded_dir)
    torch.set_num_threads(1)
    return libraries


@cache
def _libraries(rounded_dir: Path | None) -> Libraries:
    chosen = tuner(rounded_dir)
    by_stage = {name: native(chosen.threads[name], rounded_dir, name) for name in STAGES}

    def use(threads: Mapping[str, int]) -> None:
        for name, count in threads.items():
            by_stage[name].use_threads(count)

    chosen.use = use
    return Libraries(*by_stage.values())


def thread_tuner(plan: DevicePlan, rounded_dir: Path | None) -> ThreadTuner | None:
    """What looks after the number of threads; None where the compiled library is not used."""
    if plan.device != "cpu" or plan.quantize == "none":
        return None
    try:
        return tuner(rounded_dir)
    except NoLibrary:  # said when the language model was loaded
        return None


def _without_library(folder: Path, dtype: torch.dtype) -> Checkpoint:
    checkpoint = load_checkpoint(folder, dtype=dtype)
    with torch.inference_mode():
        use_int8(checkpoint.model)
    return checkpoint


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def torch_dtype(name: str) -> torch.dtype:
    """The type that a plan names."""
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
