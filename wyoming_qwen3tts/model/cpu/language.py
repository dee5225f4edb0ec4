"""`LanguageModel` on a CPU through the compiled library: the same doors, int8 or int4 inside.

States, embeddings and sums are float32 here; keys, values and tables keep the type that was asked for.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from ...util.sparse import sparse
from ..checkpoint.config import ModelConfig, TransformerConfig
from ..checkpoint.files import LAYERS_MAX
from ..code_predictor import CodePredictor
from ..language_model import LanguageModel
from ..layers import AttentionMetadata, KvCache
from ..sampling import SamplerState, SamplingParams
from ..talker import Talker, TextProjection
from .native import library
from .native.library import Held, Native, pointer
from .quantize import PANEL, Int8, Packed, interleave, is_rounded, pack_int4, pack_int8, to_int8

Pack = Callable[[Int8], Packed]


class CpuTalker(Talker):
    """The talker with its layers and its head in the library."""

    def __init__(self, config: ModelConfig, parts: _Parts, native: Native, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        self.config = config.talker
        self.cache_dtype = dtype
        self.arithmetic = f"compiled talker int8 of {dtype}"
        with torch.device("meta"):
            self.codec_embedding = nn.Embedding(config.talker.stack.vocab_size, config.talker.stack.hidden_size)
            self.text_projection = TextProjection(config.talker.text_hidden_size, config.talker.stack.hidden_size)
        self._native = native
        self._stack = parts.stack("talker.stack", config.talker.stack, pack_int8)
        self._head = parts.matrix("talker.head", pack_int8)

    @property
    def dtype(self) -> torch.dtype:
        return torch.float32

    def init_cache(self, slots: int, positions: int) -> KvCache:
        stack = self.config.stack
        shape = (stack.layers, slots, stack.kv_heads, positions, stack.head_dim)
        return KvCache(_untouched(shape, self.cache_dtype), _untouched(shape, self.cache_dtype))

    def prefill(self, x: Tensor, cache: KvCache, start: int = 0) -> Tensor:
        batch, length, width = x.shape
        rows = torch.arange(batch, dtype=torch.int32).repeat_interleave(length)
        positions = torch.arange(start, start + length).repeat(batch)
        return self._native.stack(self._stack, x.reshape(-1, width), cache, rows, positions, is_run=True).view(x.shape)

    def step(self, x: Tensor, cache: KvCache, positions: Tensor, context_len: int | None = None) -> Tensor:
        rows = torch.arange(x.shape[0], dtype=torch.int32)
        return self._native.stack(self._stack, x[:, 0], cache, rows, positions.contiguous(), is_run=False)

    def logits(self, hidden: Tensor) -> Tensor:
        return self._native.multiply(self._head, hidden)


class CpuPredictor(CodePredictor):
    """The code predictor, whose fifteen steps are one call."""

    def __init__(self, config: ModelConfig, parts: _Parts, native: Native, pack: Pack) -> None:
        nn.Module.__init__(self)
        self.arithmetic = f"compiled predictor {'int4' if pack is pack_int4 else 'int8'}"
        self.code_groups = config.talker.code_groups
        self._native = native
        wide, vocab = config.talker.stack.hidden_size, config.predictor.vocab_size
        with torch.device("meta"):
            self.embeddings = nn.ModuleList(nn.Embedding(vocab, wide) for _ in range(self.code_groups - 1))
        stack = parts.stack("predictor.stack", config.predictor, pack)
        narrow = wide != config.predictor.hidden_size
        projection = parts.matrix("predictor.projection", pack) if narrow else Held(library.Matrix(), ())
        heads = [parts.matrix(f"predictor.heads.{j}", pack) for j in range(self.code_groups - 1)]
        tables = [parts.kept[f"predictor.embeddings.{j}.weight"] for j in range(self.code_groups - 1)]
        head_array = (library.Matrix * len(heads))(*(head.value for head in heads))
        table_array = (ctypes.c_void_p * len(tables))(*(table.data_ptr() for table in tables))
        is_bfloat16 = tables[0].dtype == torch.bfloat16
        value = library.Predictor(
            stack.value, projection.value, head_array, table_array, len(heads), vocab, wide, is_bfloat16
        )
        self._predictor = Held(value, (stack, projection, heads, tables, head_array, table_array))

    def init_cache(self, slots: int) -> KvCache:
        """Nothing worth keeping: the library has its own, for one call."""
        return KvCache(torch.zeros(1, slots, 1, 1, 1), torch.zeros(1, slots, 1, 1, 1))

    def places(self) -> tuple[AttentionMetadata, ...]:
        return ()

    def draw(
        self,
        hidden: Tensor,
        code0_embedding: Tensor,
        sampler: SamplerState,
        how: SamplingParams,
        cache: KvCache,
        places: tuple[AttentionMetadata, ...],
    ) -> tuple[Tensor, Tensor]:
        counters = sampler.frames * LAYERS_MAX
        return self._native.predict(self._predictor, hidden, code0_embedding, how, sampler.seeds, counters)


class _Parts:
    """What a model is built from: matrices in int8, and all other tensors as they are."""

    def __init__(self, tensors: Iterable[tuple[str, Tensor | Int8]]) -> None:
        self.int8: dict[str, Int8] = {}
        self.kept: dict[str, Tensor] = {}
        for name, tensor in tensors:
            if isinstance(tensor, Int8):
                self.int8[name] = tensor
            else:
                self.kept[name] = tensor.contiguous()

    def matrix(self, name: str, pack: Pack, *, gated: bool = False) -> Held:
        """Packed; its int8 form is given up."""
        found = self.int8.pop(f"{name}.weight")
        packed = pack(interleave(found) if gated else found)
        bias = self.kept.pop(f"{name}.bias", None)
        return held(packed, bias)

    def stack(self, name: str, config: TransformerConfig, pack: Pack) -> Held:
        def floats(part: str) -> Tensor:
            return self.kept.pop(f"{name}.{part}").float().contiguous()

        holds: list[object] = []
        layers = (library.NativeLayer * config.layers)()
        for i in range(config.layers):
            at = f"{name}.layers.{i}"
            parts = ("attention.qkv", "attention.out", "mlp.gate_up", "mlp.down")
            matrices = [self.matrix(f"{at}.{part}", pack, gated=part == "mlp.gate_up") for part in parts]
            norms = [
                floats(f"layers.{i}.{n}") for n in ("attention_norm.weight", "mlp_norm.weight", "attention.qk_norm")
            ]
            layers[i] = library.NativeLayer(*(m.value for m in matrices), *(pointer(norm) for norm in norms))
            holds += [*matrices, *norms]
        norm = floats("norm.weight")
        exponents = torch.arange(0, config.head_dim, 2, dtype=torch.int64).float() / config.head_dim
        frequencies = 1.0 / config.rope_theta**exponents
        sizes = (config.layers, config.hidden_size, config.intermediate_size, config.heads, config.kv_heads)
        value = library.NativeTransformer(
            layers, pointer(norm), pointer(frequencies), *sizes, config.head_dim, config.rms_norm_eps
        )
        return Held(value, (*holds, layers, norm, frequencies))


def held(packed: Packed, bias: Tensor | None = None) -> Held:
    """A matrix for the library's calls."""
    bias = None if bias is None else nn.functional.pad(bias.float(), (0, -bias.shape[0] % PANEL)).contiguous()
    tensors = (packed.weights, packed.scales, bias)
    pointers = (None if tensor is None else tensor.data_ptr() for tensor in tensors)
    return Held(library.Matrix(*pointers, packed.outputs, packed.inputs, packed.bits), tensors)


def fast_language_model(
    config: ModelConfig,
    tensors: Iterable[tuple[str, Tensor | Int8]],
    native: Native,
    *,
    dtype: torch.dtype,
    int4_predictor: bool = False,
) -> LanguageModel:
    """A model from its parameters by `LanguageModel`'s names, those of `is_rounded` in int8.

    ``dtype`` is that of keys and values.
    """
    parts = _Parts(tensors)
    with torch.device("meta"):
        model = LanguageModel(config)
    pack: Pack = pack_int4 if int4_predictor else pack_int8
    model.talker = CpuTalker(config, parts, native, dtype)
    model.predictor = CpuPredictor(config, parts, native, pack)
    model.load_state_dict(parts.kept, assign=True)
    return model.requires_grad_(False).eval()


def rounded(parameters: Iterable[tuple[str, Tensor]]) -> Iterable[tuple[str, Tensor | Int8]]:
    """A float model's parameters by name, matrices in int8."""
    for name, tensor in parameters:
        yield name, to_int8(tensor) if is_rounded(name) else tensor


def _untouched(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Zeros of which only the pages that are written take memory."""
    return torch.frombuffer(sparse(math.prod(shape) * dtype.itemsize), dtype=dtype).view(shape)
