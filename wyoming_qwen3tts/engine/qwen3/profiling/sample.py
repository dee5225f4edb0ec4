"""How fast this processor would speak, from parts of the published networks: no download, no whole model.

The code predictor and the codec are built whole, as what a processor keeps of them between steps counts; of the talker
some layers, enough not to be kept, whose time is scaled to all of them. Numbers are made up: only their count matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple, get_args

import torch
from torch import Tensor

from ....model.checkpoint.config import CodecConfig, ModelConfig, TransformerConfig
from ....model.checkpoint.published import Size, published_config, random_language_model
from ....model.codec import CodecDecoder
from ....model.cpu.codec import use_library
from ....model.cpu.int8_linear import use_int8
from ....model.cpu.language import fast_language_model
from ....model.cpu.native.build import NoLibrary
from ....model.cpu.quantize import GROUP, Int8, is_rounded
from ....model.language_model import LanguageModel
from ....model.sampling import FrameSampling
from ..hardware.threads import in_words, tuner
from ..precision import Libraries, compiled, torch_dtype

SIZES: tuple[Size, ...] = get_args(Size)
STREAMS = (1, 2)

_TALKER_BYTES = 120_000_000  # of layers in a row: more than a processor keeps between two rounds
_POSITION = 40  # of a short sentence's frames
_PACKET = 4  # frames that the codec gets at once, as in the server while it is ahead
_ROUNDS_S = 0.3  # of one measurement, which is one round where that takes longer
_RANDOM = 1 << 20  # numbers, used again and again: 100 million of their own would take longer than all measurements


class FrameTime(NamedTuple):
    """Seconds of one frame of all streams, by network."""

    talker: float
    predictor: float
    codec: float

    @property
    def total(self) -> float:
        return self.talker + self.predictor + self.codec


@dataclass(frozen=True, slots=True)
class Sample:
    """``frames`` by size, rounding (``int8``, ``int4``) and number of streams; without the sizes that there was no time
    for. ``why_slow``: why there is no compiled code, and with it no int4."""

    runs_on: str
    frames: dict[tuple[Size, str, int], FrameTime]
    why_slow: str = ""


@torch.inference_mode()
def sample(dtype: str, rounded_dir: Path | None, has_time: Callable[[], bool], *, tiny: bool = False) -> Sample:
    """Measure; some 10 s. ``rounded_dir`` is the engine's: the compiled library and the number of threads come from
    there. A size behind the first is left out if ``has_time`` says no. ``tiny``: networks too small to tell anything,
    for tests."""
    try:
        libraries, why_slow = compiled(rounded_dir), ""
    except NoLibrary as error:
        libraries, why_slow = None, str(error)
    work = _Work(libraries, torch_dtype(dtype), tiny=tiny)
    codec = work.codec()
    roundings = ("int8", "int4") if libraries else ("int8",)
    predictors = {rounding: work.predictor(rounding) for rounding in roundings}
    frames: dict[tuple[Size, str, int], FrameTime] = {}
    for size in SIZES:
        if frames and not has_time():
            break
        talker, more = work.talker(size), work.predictor_share(size)
        for rounding in roundings:
            for count in STREAMS:
                times = talker[count], predictors[rounding][count] * more, codec[count]
                frames[size, rounding, count] = FrameTime(*times)
    return Sample(_runs_on(libraries, rounded_dir), frames, why_slow)


def _runs_on(libraries: Libraries | None, rounded_dir: Path | None) -> str:
    if libraries is None:
        return f"PyTorch's products, {torch.get_num_threads()} threads"
    chosen = tuner(rounded_dir)
    codec = libraries.codec.codec_format.name.lower()
    return f"compiled code for {libraries.language.kernel}, codec {codec}, {in_words(chosen.threads, chosen.most)}"


class _Work:
    """Builds the parts, one after the other, and times them."""

    def __init__(self, libraries: Libraries | None, dtype: torch.dtype, *, tiny: bool) -> None:
        self._libraries, self._dtype, self._tiny = libraries, dtype, tiny
        self._normal = torch.randn(_RANDOM, generator=torch.Generator().manual_seed(0))
        self._levels = (self._normal * 40).clamp_(-127, 127).to(torch.int8)

    def codec(self) -> dict[int, float]:
        """One frame of packets, by number of streams."""
        config = self._config("0.6B").codec
        if self._tiny:
            config = replace(config, decoder_dim=96, hidden_size=64, heads=2, kv_heads=2, head_dim=32)
        codec = self._decoder(config)
        if self._libraries:
            codec = use_library(codec, self._libraries.codec)
        times = {}
        for count in STREAMS:
            codes, state = torch.ones(count, _PACKET, config.num_quantizers, dtype=torch.int64), codec.init_state(count)
            times[count] = _seconds(lambda codes=codes, state=state: codec.step(codes, state)) / _PACKET  # type: ignore[misc]
        return times

    def predictor(self, rounding: str) -> dict[int, float]:
        """All codes of a frame but the talker's step, as in ``bench``, by number of streams."""
        config = self._config("0.6B")
        model = self._model(_with_layers(config, 1), int4=rounding == "int4")
        sampling = FrameSampling.from_defaults(config.sampling)
        times = {}
        for count in STREAMS:
            state, hidden = model.init_state(count, _POSITION + 1), torch.full((count, _width(config)), 0.5)
            hidden = hidden.to(model.dtype)
            times[count] = _seconds(lambda state=state, hidden=hidden: model.codes(hidden, state, sampling))  # type: ignore[misc]
        return times

    def predictor_share(self, size: Size) -> float:
        """What the code predictor of ``size`` reads, by what that of 0.6B does."""
        return _predictor_reads(self._config(size)) / _predictor_reads(self._config("0.6B"))

    def talker(self, size: Size) -> dict[int, float]:
        """One step of all layers, by number of streams."""
        config = self._config(size)
        stack = config.talker.stack
        some = min(stack.layers, 2 if self._tiny else -(-_TALKER_BYTES // _layer_weights(stack)))
        small = replace(_with_layers(config, some), predictor=replace(config.predictor, layers=1))
        model = self._model(small, int4=False)
        times = {}
        for count in STREAMS:
            state, x = model.init_state(count, _POSITION + 1), torch.full((count, 1, _width(config)), 0.5)
            x = x.to(model.dtype)
            state.positions.fill_(_POSITION)

            def step(state=state, x=x) -> Tensor:  # type: ignore[no-untyped-def]
                return model.talker.step(x, state.cache, state.positions, _POSITION + 1)

            times[count] = _seconds(step) * stack.layers / some
        return times

    def _decoder(self, config: CodecConfig) -> CodecDecoder:
        """Sooner made than `random_decoder`."""
        with torch.device("meta"):
            decoder = CodecDecoder(config)
        decoder = decoder.to_empty(device="cpu").requires_grad_(False).eval()
        for name, parameter in decoder.named_parameters():
            if parameter.dim() == 1:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            else:
                _fill(parameter, self._normal, 0.5 / (parameter.numel() / parameter.shape[-1]) ** 0.5)
        return decoder

    def _config(self, size: Size) -> ModelConfig:
        config = published_config(size)
        if not self._tiny:
            return config
        stack = replace(config.talker.stack, hidden_size=64, intermediate_size=64, layers=4, heads=2, kv_heads=1)
        predictor = replace(config.predictor, hidden_size=64, intermediate_size=64, heads=2, kv_heads=1)
        return replace(config, talker=replace(config.talker, stack=stack), predictor=predictor)

    def _model(self, config: ModelConfig, *, int4: bool) -> LanguageModel:
        if self._libraries is None:
            return use_int8(random_language_model(config, dtype=self._dtype))
        tensors = self._rounded(config)
        return fast_language_model(config, tensors, self._libraries.language, dtype=self._dtype, int4_predictor=int4)

    def _rounded(self, config: ModelConfig) -> Iterator[tuple[str, Tensor | Int8]]:
        """Parameters by name: matrices in int8, the others ones."""
        with torch.device("meta"):
            meta = LanguageModel(config).state_dict()
        for name, tensor in meta.items():
            if is_rounded(name):
                outputs, inputs = tensor.shape
                scales = torch.full((outputs, -(-inputs // GROUP)), 1 / (40 * inputs**0.5), dtype=torch.bfloat16)
                yield name, Int8(_fill(torch.empty(tensor.shape, dtype=torch.int8), self._levels), scales)
            else:
                yield name, torch.ones(tensor.shape, dtype=self._dtype)


def _fill(tensor: Tensor, numbers: Tensor, times: float = 1.0) -> Tensor:
    """``tensor``, full of ``numbers``, from their beginning again where they end."""
    flat = tensor.view(-1)
    for part in flat.split(len(numbers)):
        part.copy_(numbers[: len(part)])
    return tensor if times == 1.0 else tensor.mul_(times)


def _with_layers(config: ModelConfig, layers: int) -> ModelConfig:
    """The same with so many layers of the talker."""
    return replace(config, talker=replace(config.talker, stack=replace(config.talker.stack, layers=layers)))


def _width(config: ModelConfig) -> int:
    return config.talker.stack.hidden_size


def _layer_weights(stack: TransformerConfig) -> int:
    """Numbers in the matrices of one layer."""
    attention = stack.hidden_size * stack.head_dim * (2 * stack.heads + 2 * stack.kv_heads)
    return attention + 3 * stack.hidden_size * stack.intermediate_size


def _predictor_reads(config: ModelConfig) -> int:
    """Numbers in the matrices that one frame reads of the code predictor: for each code the layers and one head, and
    the projection of a wider talker's states."""
    stack, wide, steps = config.predictor, _width(config), config.talker.code_groups - 1
    projection = wide * stack.hidden_size if wide != stack.hidden_size else 0
    return steps * (stack.layers * _layer_weights(stack) + stack.vocab_size * stack.hidden_size + projection)


def _seconds(work: Callable[[], object]) -> float:
    """The median time of ``work``, after one that does not count."""
    work()
    times, began = list[float](), time.perf_counter()
    while not times or time.perf_counter() - began < _ROUNDS_S:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)
