"""Reading a checkpoint's tensors: safetensors only, checked against our own tables before a byte is mapped.

A published file is data from a stranger. Its header is bounded, parsed and compared (names, shapes, types, offsets,
file length) first; pickles are never opened. Every refusal is one line: what, where, what to do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open

from ..language_model import LanguageModel
from ..prompt import PromptBuilder
from ..text_table import TextTable
from ..tokenizer import Tokenizer
from .config import ModelConfig, load_config
from .files import ModelFileError
from .shapes import TEXT_TABLE, Shapes, codec_shapes, language_model_entries, model_shapes

HEADER_BYTES_MAX = 1 << 20  # the published files' headers are 61 and 65 kB
DTYPE_BYTES = {"BF16": 2, "F16": 2, "F32": 4}
WEIGHTS = "model.safetensors"
AGAIN = "download the model again"
_PICKLES = ("pytorch_model.bin", "model.pt", "model.bin", "model.pth", "pytorch_model.bin.index.json")


class Checkpoint(NamedTuple):
    """A loaded language model and what turns text into its input."""

    model: LanguageModel
    prompts: PromptBuilder

    @property
    def config(self) -> ModelConfig:
        return self.model.config


def load_checkpoint(
    folder: Path,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    text_table_on_device: bool = False,
    prepare: Callable[[LanguageModel], object] | None = None,
) -> Checkpoint:
    """Load talker, code predictor and tokenizer from a folder in the published layout (the codec loads by itself).

    The text table stays a mapped file unless ``text_table_on_device``, which projects it there once. ``prepare`` may
    change the model before it goes to the device: until then it lies in main memory.

    Raises:
        ModelFileError: one line that says what is wrong with which file, and what to do.
    """
    config = load_config(folder)
    check_codec_file(folder, config)
    path = folder / WEIGHTS
    shapes = model_shapes(config)
    check_file(path, shapes)
    model = build_on_meta(config)
    first = device if prepare is None else "cpu"
    model.load_state_dict(_read_parameters(path, config, first, dtype), assign=True)
    if prepare is not None:
        prepare(model)
    model.to(device).requires_grad_(False).eval()
    with open_tensors(path) as file:  # a mapping of its own, so that the one of the parameters can go
        table = file.get_tensor(TEXT_TABLE)
    with torch.inference_mode():
        text = TextTable(table, model.talker.text_projection)
        if text_table_on_device:
            text.project_all()
        return Checkpoint(model, PromptBuilder(model, text, Tokenizer.load(folder, config)))


def _read_parameters(
    path: Path, config: ModelConfig, device: torch.device | str, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """The language model's parameters, joined as its fused products want them.

    Always copies: parameters left in the mapped file could be dropped from memory in the middle of a word.
    """
    with open_tensors(path) as file:
        return {
            parameter: torch.cat([file.get_tensor(name).to(dtype) for name, _ in sources]).to(device)
            for parameter, sources in language_model_entries(config)
        }


def build_on_meta(config: ModelConfig) -> LanguageModel:
    """The networks without memory for their parameters, to be filled by ``load_state_dict(..., assign=True)``."""
    with torch.device("meta"):
        return LanguageModel(config)


def check_codec_file(folder: Path, config: ModelConfig) -> None:
    """Compare ``speech_tokenizer/model.safetensors`` with what its config promises.

    Raises:
        ModelFileError: see `check_file`.
    """
    check_file(folder / "speech_tokenizer" / WEIGHTS, codec_shapes(config.codec))


def open_tensors(path: Path) -> Any:  # safetensors has no public name for what safe_open returns
    """Map a safetensors file that `check_file` has passed.

    Raises:
        ModelFileError: if it cannot be mapped after all.
    """
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path} cannot be mapped ({str(error)[:80]}); {AGAIN}") from error


def check_file(path: Path, shapes: Shapes) -> None:
    """Compare a safetensors file's header with the tensors it must hold, all of them and no others.

    Raises:
        ModelFileError: if the file is missing, truncated, damaged, a pickle, or does not hold these tensors.
    """
    size, header = _read_header(path)
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    _check_names(path, tensors.keys(), shapes)
    spans = [_check_tensor(path, name, tensors[name], shape) for name, shape in shapes.items()]
    spans.sort()
    body = size - 8 - _header_bytes(path)
    joined = all(left[1] == right[0] for left, right in pairwise(spans))
    if spans[-1][1] > body:
        raise ModelFileError(f"{path} is truncated: {spans[-1][1] - body} of its bytes are missing; {AGAIN}")
    if spans[0][0] != 0 or spans[-1][1] != body or not joined:
        raise ModelFileError(f"{path} is damaged: its tensors overlap or leave gaps; {AGAIN}")


def _header_bytes(path: Path) -> int:
    with path.open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def _read_header(path: Path) -> tuple[int, dict[str, Any]]:
    """The file's size and its header."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            _check_start(path, start, size, length)
            raw = file.read(length)
    except OSError as error:
        raise ModelFileError(_why_missing(path, error)) from error
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{path} is damaged: its header is not JSON; {AGAIN}") from error
    if not isinstance(header, dict):
        raise ModelFileError(f"{path} is damaged: its header is not an object; {AGAIN}")
    return size, header


def _check_start(path: Path, start: bytes, size: int, length: int) -> None:
    if start.startswith((b"PK\x03\x04", b"\x80")):
        raise ModelFileError(
            f"{path} is a pickle, which can run code; fetch the .safetensors file of this model instead"
        )
    if start.startswith(b"version "):
        raise ModelFileError(f"{path} is a Git LFS pointer, not the weights; fetch the file itself")
    if len(start) < 8 or (length <= HEADER_BYTES_MAX and 8 + length > size):
        raise ModelFileError(f"{path} is truncated inside its header ({size} bytes); {AGAIN}")
    if length > HEADER_BYTES_MAX:
        raise ModelFileError(f"{path} is no Qwen3-TTS weights file: its header claims {length} bytes; {AGAIN}")


def _why_missing(path: Path, error: OSError) -> str:
    if not isinstance(error, FileNotFoundError):
        return f"{path} cannot be read ({error.strerror}); check its permissions"
    pickle = next((path.with_name(name) for name in _PICKLES if path.with_name(name).exists()), None)
    if pickle is not None:
        return f"{pickle} is a pickle, which can run code; fetch {path.name} of this model instead"
    if path.with_name(path.name + ".index.json").exists():
        return f"{path.parent} holds weights in several files, which this model's publishers do not use; {AGAIN}"
    return f"{path} is missing; {AGAIN}"


def _check_names(path: Path, names: Any, shapes: Mapping[str, object]) -> None:
    missing = [name for name in shapes if name not in names]
    if missing:
        raise ModelFileError(f"{path} lacks {_some(missing)}; does it belong to this config.json? If so, {AGAIN}")
    unknown = [name for name in names if name not in shapes]
    if unknown:
        raise ModelFileError(f"{path} holds unknown tensors: {_some(unknown)}; does it belong to this config.json?")


def _some(names: list[str]) -> str:
    first = repr(names[0][:120])
    return first if len(names) == 1 else f"{first} and {len(names) - 1} more"


def _check_tensor(path: Path, name: str, entry: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """The tensor's span in the file's body."""
    if not isinstance(entry, dict):
        raise ModelFileError(f"{path} is damaged: {name} has no description; {AGAIN}")
    dtype, found, span = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if dtype not in DTYPE_BYTES:
        known = ", ".join(DTYPE_BYTES)
        raise ModelFileError(f"{path}: {name} has type {str(dtype)[:20]!r}, not one of {known}; use the published file")
    if found != list(shape):
        raise ModelFileError(f"{path}: {name} has shape {str(found)[:60]}, but config.json asks for {list(shape)}")
    if not (isinstance(span, list) and len(span) == 2 and all(type(value) is int and value >= 0 for value in span)):
        raise ModelFileError(f"{path} is damaged: {name} has no place in the file; {AGAIN}")
    if span[1] - span[0] != prod(shape) * DTYPE_BYTES[dtype]:
        raise ModelFileError(f"{path} is damaged: {name} takes {span[1] - span[0]} bytes, not its size; {AGAIN}")
    return span[0], span[1]


__all__ = [
    "Checkpoint",
    "ModelFileError",
    "build_on_meta",
    "check_codec_file",
    "check_file",
    "load_checkpoint",
    "open_tensors",
]
