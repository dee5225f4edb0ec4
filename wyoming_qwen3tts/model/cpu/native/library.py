"""The compiled library as Python sees it: structures of pointers into tensors, and one function per call.

A structure keeps no tensor alive; whoever makes it has to (`Held`).
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Sequence
from ctypes import POINTER, byref, c_float, c_int, c_int32, c_int64, c_void_p
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...layers import KvCache
from ...sampling import SamplingParams
from .build import library_path

ARM = platform.machine() in ("aarch64", "arm64")
# What products can be computed with, each with all before it; see ``isa.h``.
KERNELS = ("portable", "dot product", "i8mm") if ARM else ("portable", "AVX2", "AVX-512 VNNI")


class Format(IntEnum):
    """What the codec's products are computed in; see ``codec_rows.h``."""

    BFLOAT16 = 0
    FLOAT32 = 1
    INT16 = 2


class Matrix(ctypes.Structure):
    """See ``int8.h``."""

    _fields_ = (
        ("weights", c_void_p),
        ("scales", c_void_p),
        ("bias", c_void_p),
        ("outputs", c_int32),
        ("inputs", c_int32),
        ("bits", c_int32),
    )


class NativeLayer(ctypes.Structure):
    """See ``language.cpp``."""

    _fields_ = (
        ("qkv", Matrix),
        ("out", Matrix),
        ("gate_up", Matrix),
        ("down", Matrix),
        ("attention_norm", c_void_p),
        ("mlp_norm", c_void_p),
        ("qk_norm", c_void_p),
    )


class NativeTransformer(ctypes.Structure):
    """See ``language.cpp``."""

    _fields_ = (
        ("layers", POINTER(NativeLayer)),
        ("norm", c_void_p),
        ("inverse_frequencies", c_void_p),
        *((name, c_int32) for name in ("count", "hidden", "inner", "heads", "kv_heads", "head_dim")),
        ("eps", c_float),
    )


class Predictor(ctypes.Structure):
    """See ``language.cpp``."""

    _fields_ = (
        ("stack", NativeTransformer),
        ("projection", Matrix),
        ("heads", POINTER(Matrix)),
        ("embeddings", POINTER(c_void_p)),
        *((name, c_int32) for name in ("codebooks", "vocab", "talker_hidden", "is_bfloat16")),
    )


class _Cache(ctypes.Structure):
    _fields_ = (
        ("keys", c_void_p),
        ("values", c_void_p),
        ("layer", c_int64),
        ("row", c_int64),
        ("head", c_int64),
        ("is_bfloat16", c_int32),
    )


class _SamplingParams(ctypes.Structure):
    _fields_ = (("greedy", c_int32), ("top_k", c_int32), ("temperature", c_float), ("top_p", c_float))


class Conv(ctypes.Structure):
    """See ``codec_rows.h``."""

    _fields_ = (
        *((name, c_void_p) for name in ("weights", "scales", "bias", "alpha", "inverse_beta")),
        *((name, c_int32) for name in ("inputs", "outputs", "taps", "dilation", "format")),
    )


class Held(NamedTuple):
    """A structure and what it points to."""

    value: Any
    holds: Sequence[object]


class Native:
    """The library with some threads. Calls from several threads wait for each other."""

    def __init__(self, library: ctypes.CDLL, threads: int, pools: dict[int, c_void_p] | None = None) -> None:
        """``pools`` are shared with others that compute in turn with this one: a pool of each would spin while the
        other's works."""
        self._library, self.threads, self._pools = library, threads, pools
        library.qwen3tts_open.restype = c_void_p
        self._context = self._open(threads)

    def _open(self, threads: int) -> c_void_p:
        if self._pools is None:
            return c_void_p(self._library.qwen3tts_open(c_int(threads)))
        if threads not in self._pools:
            self._pools[threads] = c_void_p(self._library.qwen3tts_open(c_int(threads)))
        return self._pools[threads]

    @property
    def kernel(self) -> str:
        """What products are computed with, by all who use the library."""
        return KERNELS[self._library.qwen3tts_kernel(c_int(-1))]

    def use_kernel(self, wish: int = len(KERNELS)) -> str:
        """Take the best product kernel that the processor has, or a lesser one; its name."""
        return KERNELS[self._library.qwen3tts_kernel(c_int(wish))]

    def use_threads(self, threads: int) -> None:
        """Compute with so many from now on. Not during a call."""
        if threads != self.threads:
            if self._pools is None:
                self.close()
            self.threads, self._context = threads, self._open(threads)

    def close(self) -> None:
        """End its threads. Nothing may be called afterwards."""
        self._library.qwen3tts_close(self._context)

    def multiply(self, matrix: Held, x: Tensor) -> Tensor:
        """``[B, inputs] -> [B, outputs]``, float32 on both sides."""
        x = x.float().contiguous()
        y = torch.empty(x.shape[0], matrix.value.outputs)
        sizes = c_int(x.shape[0]), c_int(x.shape[1])
        self._library.qwen3tts_multiply(self._context, byref(matrix.value), pointer(x), *sizes, pointer(y))
        return y

    def stack(self, stack: Held, x: Tensor, cache: KvCache, rows: Tensor, positions: Tensor, *, is_run: bool) -> Tensor:
        """Inputs ``[count, hidden]`` at ``positions`` of cache ``rows`` through all layers, to as many float32 states.

        ``rows`` is int32, ``positions`` int64, ``[count]`` each; ``is_run`` if some share a row. ``cache`` is updated.
        """
        x = x.to(torch.float32, copy=True).contiguous()
        self._library.qwen3tts_stack(
            self._context,
            byref(stack.value),
            byref(_cache(cache)),
            pointer(rows),
            pointer(positions),
            c_int(x.shape[0]),
            c_int(is_run),
            pointer(x),
        )
        return x

    def predict(
        self, predictor: Held, hidden: Tensor, embedding: Tensor, draw: SamplingParams, seeds: Tensor, counters: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Codes ``[B, codebooks]`` int64 and the embeddings' sum ``[B, H]`` float32; see `CodePredictor.draw`."""
        hidden, embedding = hidden.float().contiguous(), embedding.float().contiguous()
        seeds, counters = seeds.contiguous(), counters.contiguous()
        codes = torch.empty(hidden.shape[0], predictor.value.codebooks, dtype=torch.int64)
        total = torch.empty_like(hidden)
        self._library.qwen3tts_predict(
            self._context,
            byref(predictor.value),
            c_int(hidden.shape[0]),
            pointer(hidden),
            pointer(embedding),
            byref(_draw(draw)),
            pointer(seeds),
            pointer(counters),
            pointer(codes),
            pointer(total),
        )
        return codes, total

    @property
    def codec_format(self) -> Format:
        """What the codec's products are fastest in, with the kernel in use."""
        return Format(self._library.qwen3tts_codec_format())

    def convolve(self, conv: Held, x: Tensor, past: Tensor) -> Tensor:
        """``[T, B, C_in] -> [T, B, C_out]`` float32; ``past [B, history, row]`` in the codec's format moves on."""
        x, sizes = _signal(x)
        y = torch.empty(*x.shape[:2], conv.value.outputs)
        self._library.qwen3tts_convolve(self._context, byref(conv.value), pointer(x), *sizes, pointer(past), pointer(y))
        return y

    def unit(self, wide: Held, narrow: Held, x: Tensor, past: Tensor) -> Tensor:
        """A residual unit, ``[T, B, C] -> [T, B, C]`` float32; ``past`` as in `convolve`."""
        x, sizes = _signal(x)
        y = torch.empty_like(x)
        convs = byref(wide.value), byref(narrow.value)
        self._library.qwen3tts_unit(self._context, *convs, pointer(x), *sizes, pointer(past), pointer(y))
        return y

    def upsample(self, conv: Held, x: Tensor, stride: int, bias: Tensor, tail: Tensor) -> Tensor:
        """``[T, B, C_in] -> [T * stride, B, C_out]`` float32; ``tail [B, stride * C_out]`` float32 moves on."""
        x, sizes = _signal(x)
        y = torch.empty(x.shape[0] * stride, x.shape[1], bias.shape[0])
        last = c_int(stride), pointer(bias), pointer(tail), pointer(y)
        self._library.qwen3tts_upsample(self._context, byref(conv.value), pointer(x), *sizes, *last)
        return y

    def choose(self, scores: Tensor, draw: SamplingParams, seed: int, counter: int) -> int:
        """One id from float32 scores ``[V]``; see `sampling.choose`."""
        scores = scores.float().contiguous()
        chosen: int = self._library.qwen3tts_choose(
            pointer(scores), c_int(scores.shape[0]), byref(_draw(draw)), c_int64(seed), c_int64(counter)
        )
        return chosen


def pointer(tensor: Tensor) -> c_void_p:
    """Where a contiguous tensor's numbers are."""
    return c_void_p(tensor.data_ptr())


def _signal(x: Tensor) -> tuple[Tensor, tuple[c_int, c_int]]:
    x = x.float().contiguous()
    return x, (c_int(x.shape[0]), c_int(x.shape[1]))


def _cache(cache: KvCache) -> _Cache:
    layer, row, head, position, element = cache.keys.stride()
    if (position, element) != (cache.keys.shape[-1], 1) or cache.keys.stride() != cache.values.stride():
        raise ValueError("a cache whose positions do not lie side by side")
    is_bfloat16 = cache.keys.dtype == torch.bfloat16
    return _Cache(cache.keys.data_ptr(), cache.values.data_ptr(), layer, row, head, is_bfloat16)


def _draw(draw: SamplingParams) -> _SamplingParams:
    return _SamplingParams(draw.greedy, draw.top_k, draw.temperature, draw.top_p)


def open_native(threads: int, cache_dir: Path | None = None) -> Native:
    """The library with so many threads, for whoever closes it; compiled into ``cache_dir`` if it has to be.

    Raises:
        NoLibrary: if it cannot be had; says why.
    """
    return Native(ctypes.CDLL(str(library_path(cache_dir))), threads)


_POOLS: dict[int, c_void_p] = {}  # by number of threads; idle ones sleep


@cache
def native(threads: int, cache_dir: Path | None = None, user: str = "") -> Native:
    """The same, made once for each ``user`` and never closed. Users with as many threads share them."""
    return Native(ctypes.CDLL(str(library_path(cache_dir))), threads, _POOLS)
