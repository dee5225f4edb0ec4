"""Checkpoints for `language.py`: rounded while they are read, and kept rounded on disk for the next start."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...util.files import atomic_file
from ..checkpoint.config import ModelConfig, load_config
from ..checkpoint.files import ModelFileError
from ..checkpoint.shapes import TEXT_TABLE, language_model_entries, model_shapes
from ..checkpoint.weights import WEIGHTS, Checkpoint, check_codec_file, check_file, open_tensors
from ..prompt import PromptBuilder
from ..text_table import TextTable
from ..tokenizer import Tokenizer
from .language import fast_language_model
from .native.library import Native
from .quantize import GROUP, Int8, is_rounded, to_int8

FORMAT = "int8, groups of 32, 1"  # of the kept file; another number for another way to round
SCALES = ".scales"
_NAMES = {torch.int8: "I8", torch.bfloat16: "BF16", torch.float32: "F32"}

Rounded = Iterator[tuple[str, Tensor | Int8]]


def load_fast_checkpoint(
    folder: Path,
    native: Native,
    *,
    dtype: torch.dtype,
    int4_predictor: bool = False,
    keep_in: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Checkpoint:
    """As `load_checkpoint`, into the compiled library. The rounded weights are kept in ``keep_in`` if that works;
    ``tell`` hears in one line why it does not.

    Raises:
        ModelFileError: see `load_checkpoint`.
    """
    config = load_config(folder)
    check_codec_file(folder, config)
    path = folder / WEIGHTS
    check_file(path, model_shapes(config))
    with torch.inference_mode():
        tensors = _kept_or_rounded(path, config, dtype, keep_in, tell)
        model = fast_language_model(config, tensors, native, dtype=dtype, int4_predictor=int4_predictor)
        with open_tensors(path) as file:
            text = TextTable(file.get_tensor(TEXT_TABLE), model.talker.text_projection)
        return Checkpoint(model, PromptBuilder(model, text, Tokenizer.load(folder, config)))


def _kept_or_rounded(
    path: Path, config: ModelConfig, dtype: torch.dtype, keep_in: Path | None, tell: Callable[[str], None]
) -> Rounded:
    if keep_in is None:
        return _round(path, config, dtype)
    which, state = _fingerprint(path, dtype)
    kept = keep_in / f"{which}-{state}.safetensors"
    if not kept.exists():
        try:
            _write(kept, _round(path, config, dtype))
            for old in set(keep_in.glob(f"{which}-*.safetensors")) - {kept}:
                old.unlink(missing_ok=True)
        except OSError as error:  # no room, or not ours to write
            tell(f"Rounded weights cannot be kept in {keep_in}: {error.strerror}. Every start rounds again.")
            return _round(path, config, dtype)
    try:
        return _read(kept, config)
    except ModelFileError as error:  # another program's doing; ours appears whole or not at all
        tell(f"Rounded weights are made anew: {error}")
        kept.unlink(missing_ok=True)
        return _round(path, config, dtype)


def _fingerprint(path: Path, dtype: torch.dtype) -> tuple[str, str]:
    """Which checkpoint in which type, fit for a file's name, and its file as it is now."""

    def short(what: str) -> str:
        return hashlib.sha256(what.encode()).hexdigest()[:12]

    status = path.stat()
    name = "".join(letter if letter.isalnum() else "_" for letter in path.parent.name[:40])
    return f"{name}-{short(f'{path.resolve()} {dtype}')}", short(f"{status.st_size} {status.st_mtime_ns} {FORMAT}")


def _round(path: Path, config: ModelConfig, dtype: torch.dtype) -> Rounded:
    with open_tensors(path) as file:
        for name, sources in language_model_entries(config):
            tensor = torch.cat([file.get_tensor(source).to(dtype) for source, _ in sources])
            yield name, to_int8(tensor) if is_rounded(name) else tensor


def _read(path: Path, config: ModelConfig) -> Rounded:
    """Packing copies the matrices; the others are copied here, so that the mapped file can go."""
    names = [name for name, _ in language_model_entries(config)]
    with open_tensors(path) as file:
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  not a mapping
    if shapes != _shapes(config):  # the compiled library would read beside them
        raise ModelFileError(f"{path} holds other tensors than it should")

    def tensors() -> Rounded:
        with open_tensors(path) as file:
            for name in names:
                tensor = file.get_tensor(name)
                yield name, Int8(tensor, file.get_tensor(name + SCALES)) if is_rounded(name) else tensor.clone()

    return tensors()


def _shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Of the tensors of a kept file, by name."""
    shapes = dict[str, tuple[int, ...]]()
    for name, sources in language_model_entries(config):
        rows, rest = sum(shape[0] for _, shape in sources), sources[0][1][1:]
        shapes[name] = (rows, *rest)
        if is_rounded(name):
            shapes[name + SCALES] = (rows, -(-rest[0] // GROUP))
    return shapes


def _write(path: Path, tensors: Rounded) -> None:
    """A safetensors file, tensor by tensor: the library's writer would hold all of them in memory twice.

    The header's length is not known before the tensors are, so they wait in a file of their own.
    """
    header: dict[str, Any] = {}
    with atomic_file(path) as file, tempfile.TemporaryFile(dir=path.parent) as body:
        for name, tensor in tensors:
            parts = (
                ((name, tensor.values), (name + SCALES, tensor.scales))
                if isinstance(tensor, Int8)
                else ((name, tensor),)
            )
            for part, numbers in parts:
                start = body.tell()
                body.write(numbers.contiguous().flatten().view(torch.uint8).numpy().data)
                header[part] = {
                    "dtype": _NAMES[numbers.dtype],
                    "shape": list(numbers.shape),
                    "data_offsets": [start, body.tell()],
                }
        raw = json.dumps(header).encode()
        raw += b" " * (-len(raw) % 8)
        file.write(len(raw).to_bytes(8, "little") + raw)
        body.seek(0)
        while piece := body.read(1 << 22):
            file.write(piece)
