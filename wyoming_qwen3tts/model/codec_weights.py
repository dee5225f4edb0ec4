"""What the decoder's tensors are called in ``speech_tokenizer/model.safetensors``, their shapes, and how they are folded.

The published file keeps what training needed. Folding it once spares every frame the work: 16 codebooks are divided by
their usage counts and pushed through the projection behind them, layer scales go into the matrices before them, and the
logarithms of SnakeBeta are raised. All of it happens in float32, before any cast to a smaller type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from .codec import DILATIONS, KERNEL, CodecDecoder
from .config import CodecConfig

Shapes = dict[str, tuple[int, ...]]
USAGE_MIN = 1e-5  # a codebook row that was never used would be divided by zero
NO_DIVISION_BY_ZERO = 1e-9  # SnakeBeta's


def decoder_shapes(config: CodecConfig) -> Shapes:
    """Name and shape of every tensor below ``decoder.`` in the published layout."""
    shapes = _quantizer_shapes(config)
    shapes |= _conv("decoder.pre_conv.conv", config.latent_dim, config.codebook_dim, 3)
    shapes |= _transformer_shapes(config)
    for i, ratio in enumerate(config.upsampling_ratios):
        shapes |= _upsample_shapes(f"decoder.upsample.{i}", config.latent_dim, ratio)
    shapes |= _conv("decoder.decoder.0.conv", config.decoder_dim, config.latent_dim, KERNEL)
    width = config.decoder_dim
    for i, rate in enumerate(config.upsample_rates, start=1):
        shapes |= _block_shapes(f"decoder.decoder.{i}.block", width, rate)
        width //= 2
    last = len(config.upsample_rates) + 1
    shapes |= _snake(f"decoder.decoder.{last}", width)
    return shapes | _conv(f"decoder.decoder.{last + 1}.conv", 1, width, KERNEL)


def _conv(name: str, first: int, second: int, kernel: int, bias: int | None = None) -> Shapes:
    return {f"{name}.weight": (first, second, kernel), f"{name}.bias": (first if bias is None else bias,)}


def _linear(name: str, outputs: int, inputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _snake(name: str, width: int) -> Shapes:
    return {f"{name}.alpha": (width,), f"{name}.beta": (width,)}


def _codebooks(config: CodecConfig) -> Iterator[tuple[str, str]]:
    """For each of the 16: the prefix of its codebook and of the projection behind it, in the order of a frame's codes."""
    for i in range(config.num_quantizers):
        part, layer = ("rvq_first", 0) if i == 0 else ("rvq_rest", i - 1)
        prefix = f"decoder.quantizer.{part}"
        yield f"{prefix}.vq.layers.{layer}._codebook", f"{prefix}.output_proj.weight"


def _quantizer_shapes(config: CodecConfig) -> Shapes:
    shapes: Shapes = {}
    inner = config.codebook_dim // 2
    for codebook, projection in _codebooks(config):
        shapes[f"{codebook}.embedding_sum"] = (config.codebook_size, inner)
        shapes[f"{codebook}.cluster_usage"] = (config.codebook_size,)
        shapes[projection] = (config.codebook_dim, inner, 1)
        shapes[projection.replace("output_proj", "input_proj")] = (inner, config.codebook_dim, 1)  # unused in decoding
    return shapes


def _transformer_shapes(config: CodecConfig) -> Shapes:
    width, inner = config.hidden_size, config.intermediate_size
    queries, keys = config.heads * config.head_dim, config.kv_heads * config.head_dim
    shapes = _linear("decoder.pre_transformer.input_proj", width, config.latent_dim)
    shapes |= _linear("decoder.pre_transformer.output_proj", config.latent_dim, width)
    shapes["decoder.pre_transformer.norm.weight"] = (width,)
    for i in range(config.layers):
        layer = f"decoder.pre_transformer.layers.{i}"
        shapes |= {
            f"{layer}.self_attn.q_proj.weight": (queries, width),
            f"{layer}.self_attn.k_proj.weight": (keys, width),
            f"{layer}.self_attn.v_proj.weight": (keys, width),
            f"{layer}.self_attn.o_proj.weight": (width, queries),
            f"{layer}.mlp.gate_proj.weight": (inner, width),
            f"{layer}.mlp.up_proj.weight": (inner, width),
            f"{layer}.mlp.down_proj.weight": (width, inner),
            f"{layer}.input_layernorm.weight": (width,),
            f"{layer}.post_attention_layernorm.weight": (width,),
            f"{layer}.self_attn_layer_scale.scale": (width,),
            f"{layer}.mlp_layer_scale.scale": (width,),
        }
    return shapes


def _upsample_shapes(name: str, width: int, ratio: int) -> Shapes:
    return {
        **_conv(f"{name}.0.conv", width, width, ratio),
        **_conv(f"{name}.1.dwconv.conv", width, 1, KERNEL),
        f"{name}.1.norm.weight": (width,),
        f"{name}.1.norm.bias": (width,),
        **_linear(f"{name}.1.pwconv1", 4 * width, width),
        **_linear(f"{name}.1.pwconv2", width, 4 * width),
        f"{name}.1.gamma": (width,),
    }


def _block_shapes(name: str, wide: int, rate: int) -> Shapes:
    narrow = wide // 2
    shapes = _snake(f"{name}.0", wide) | _conv(f"{name}.1.conv", wide, narrow, 2 * rate, bias=narrow)
    for unit in range(2, 2 + len(DILATIONS)):
        shapes |= _snake(f"{name}.{unit}.act1", narrow) | _conv(f"{name}.{unit}.conv1.conv", narrow, narrow, KERNEL)
        shapes |= _snake(f"{name}.{unit}.act2", narrow) | _conv(f"{name}.{unit}.conv2.conv", narrow, narrow, 1)
    return shapes


def load_decoder(tensors: Mapping[str, Tensor], config: CodecConfig) -> CodecDecoder:
    """A decoder in float32 from tensors that match `decoder_shapes`; others in the mapping are not touched.

    Raises:
        KeyError: if a tensor is missing. Check names and shapes first, see ``weights.py``.
    """
    with torch.device("meta"):
        decoder = CodecDecoder(config)
    decoder.load_state_dict(dict(_folded(tensors, config)), strict=True, assign=True)
    return decoder.requires_grad_(requires_grad=False).eval()


Named = Iterator[tuple[str, Tensor]]


def _folded(raw: Mapping[str, Tensor], config: CodecConfig) -> Named:
    """The decoder's own tensors, by its own names. Layers are numbered as `CodecDecoder` lines them up."""
    yield "quantizer.tables", torch.stack([_table(raw, *prefixes) for prefixes in _codebooks(config)])
    yield from _conv_weights(raw, "decoder.pre_conv.conv", "layers.0")
    yield from _transformer_weights(raw, config, "layers.1")
    place = 2
    for i in range(len(config.upsampling_ratios)):
        yield from _upsample_weights(raw, f"decoder.upsample.{i}", f"layers.{place}", f"layers.{place + 1}")
        place += 2
    yield from _conv_weights(raw, "decoder.decoder.0.conv", f"layers.{place}")
    last = len(config.upsample_rates) + 1
    for i in range(1, last):
        yield from _block_weights(raw, f"decoder.decoder.{i}.block", f"layers.{place + i}")
    yield from _snake_weights(raw, f"decoder.decoder.{last}", f"layers.{place + last}")
    yield from _conv_weights(raw, f"decoder.decoder.{last + 1}.conv", f"layers.{place + last + 1}")


def _exact(raw: Mapping[str, Tensor], name: str) -> Tensor:
    return raw[name].detach().to(torch.float32)


def _table(raw: Mapping[str, Tensor], codebook: str, projection: str) -> Tensor:
    """One codebook's rows as they reach the first convolution, ``[codebook_size, codebook_dim]``."""
    usage = _exact(raw, f"{codebook}.cluster_usage").clamp(min=USAGE_MIN)
    rows = _exact(raw, f"{codebook}.embedding_sum") / usage[:, None]
    return rows @ _exact(raw, projection).squeeze(-1).T


def _conv_weights(raw: Mapping[str, Tensor], name: str, ours: str) -> Named:
    """[C_out, C_in, kernel] -> [kernel, C_in, C_out]: each tap a matrix to multiply with."""
    yield f"{ours}.weight", _exact(raw, f"{name}.weight").permute(2, 1, 0).contiguous()
    yield f"{ours}.bias", _exact(raw, f"{name}.bias")


def _upsample_conv_weights(raw: Mapping[str, Tensor], name: str, ours: str) -> Named:
    """[C_in, C_out, kernel] -> [C_in, kernel * C_out]."""
    yield f"{ours}.weight", _exact(raw, f"{name}.weight").transpose(1, 2).flatten(1).contiguous()
    yield f"{ours}.bias", _exact(raw, f"{name}.bias")


def _snake_weights(raw: Mapping[str, Tensor], name: str, ours: str) -> Named:
    yield f"{ours}.alpha", _exact(raw, f"{name}.alpha").exp()
    yield f"{ours}.inverse_beta", 1.0 / (_exact(raw, f"{name}.beta").exp() + NO_DIVISION_BY_ZERO)


def _plain(raw: Mapping[str, Tensor], name: str, ours: str) -> Named:
    for kind in ("weight", "bias"):
        yield f"{ours}.{kind}", _exact(raw, f"{name}.{kind}")


def _transformer_weights(raw: Mapping[str, Tensor], config: CodecConfig, ours: str) -> Named:
    stack = "decoder.pre_transformer"
    yield from _plain(raw, f"{stack}.input_proj", f"{ours}.narrow")
    yield from _plain(raw, f"{stack}.output_proj", f"{ours}.widen")
    yield f"{ours}.norm.weight", _exact(raw, f"{stack}.norm.weight")
    for i in range(config.layers):
        layer, mine = f"{stack}.layers.{i}", f"{ours}.layers.{i}"
        qkv = [_exact(raw, f"{layer}.self_attn.{part}_proj.weight") for part in "qkv"]
        gate_up = [_exact(raw, f"{layer}.mlp.{part}_proj.weight") for part in ("gate", "up")]
        attention_scale = _exact(raw, f"{layer}.self_attn_layer_scale.scale")[:, None]
        mlp_scale = _exact(raw, f"{layer}.mlp_layer_scale.scale")[:, None]
        yield f"{mine}.attention.qkv.weight", torch.cat(qkv)
        yield f"{mine}.attention.out.weight", _exact(raw, f"{layer}.self_attn.o_proj.weight") * attention_scale
        yield f"{mine}.gate_up.weight", torch.cat(gate_up)
        yield f"{mine}.down.weight", _exact(raw, f"{layer}.mlp.down_proj.weight") * mlp_scale
        yield f"{mine}.attention_norm.weight", _exact(raw, f"{layer}.input_layernorm.weight")
        yield f"{mine}.mlp_norm.weight", _exact(raw, f"{layer}.post_attention_layernorm.weight")


def _upsample_weights(raw: Mapping[str, Tensor], name: str, upsample: str, convnext: str) -> Named:
    yield from _upsample_conv_weights(raw, f"{name}.0.conv", upsample)
    yield f"{convnext}.0.weight", _exact(raw, f"{name}.1.dwconv.conv.weight").squeeze(1)
    yield f"{convnext}.0.bias", _exact(raw, f"{name}.1.dwconv.conv.bias")
    yield from _plain(raw, f"{name}.1.norm", f"{convnext}.1")
    yield from _plain(raw, f"{name}.1.pwconv1", f"{convnext}.2")
    gamma = _exact(raw, f"{name}.1.gamma")
    yield f"{convnext}.4.weight", _exact(raw, f"{name}.1.pwconv2.weight") * gamma[:, None]
    yield f"{convnext}.4.bias", _exact(raw, f"{name}.1.pwconv2.bias") * gamma


def _block_weights(raw: Mapping[str, Tensor], name: str, ours: str) -> Named:
    yield from _snake_weights(raw, f"{name}.0", f"{ours}.0")
    yield from _upsample_conv_weights(raw, f"{name}.1.conv", f"{ours}.1")
    for unit in range(2, 2 + len(DILATIONS)):
        yield from _snake_weights(raw, f"{name}.{unit}.act1", f"{ours}.{unit}.0")
        yield from _conv_weights(raw, f"{name}.{unit}.conv1.conv", f"{ours}.{unit}.1")
        yield from _snake_weights(raw, f"{name}.{unit}.act2", f"{ours}.{unit}.2")
        yield f"{ours}.{unit}.3.weight", _exact(raw, f"{name}.{unit}.conv2.conv.weight").squeeze(-1)
        yield f"{ours}.{unit}.3.bias", _exact(raw, f"{name}.{unit}.conv2.conv.bias")
