"""From the codec's published tensors to its decoder.

The published file keeps what training needed. Folding it once spares every frame the work: 16 codebooks are divided by
their usage counts and pushed through the projection behind them, layer scales go into the matrices before them, and the
logarithms of SnakeBeta are raised. All of it happens in float32, before any cast to a smaller type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ..codec import DILATIONS, CodecDecoder
from .config import CodecConfig
from .shapes import codec_decoder_shapes, codec_shapes
from .weights import WEIGHTS, check_file, open_tensors

USAGE_MIN = 1e-5  # a codebook row that was never used would be divided by zero
NO_DIVISION_BY_ZERO = 1e-9  # SnakeBeta's


def open_decoder(
    folder: Path, config: CodecConfig, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> CodecDecoder:
    """Load the decoder from a codec's folder (``speech_tokenizer`` of a checkpoint, or the codec published alone).

    Raises:
        ModelFileError: one line that says what is wrong with the file, and what to do.
    """
    path = folder / WEIGHTS
    check_file(path, codec_shapes(config))
    with open_tensors(path) as file:
        tensors = {name: file.get_tensor(name) for name in codec_decoder_shapes(config)}
        return load_decoder(tensors, config).to(device, dtype)


def load_decoder(tensors: Mapping[str, Tensor], config: CodecConfig) -> CodecDecoder:
    """A decoder in float32 from tensors that match `codec_decoder_shapes`; others in the mapping are not touched.

    Raises:
        KeyError: if a tensor is missing; `open_decoder` checks names and shapes first.
    """
    with torch.device("meta"):
        decoder = CodecDecoder(config)
    decoder.load_state_dict(dict(_folded(tensors, config)), strict=True, assign=True)
    return decoder.requires_grad_(requires_grad=False).eval()


def random_decoder(
    config: CodecConfig, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32, seed: int = 0
) -> CodecDecoder:
    """A decoder of the given shape with random weights in memory, to measure speed with. It speaks noise."""
    with torch.device(device):
        decoder = CodecDecoder(config).requires_grad_(requires_grad=False)
    generator = torch.Generator(device).manual_seed(seed)
    for module in decoder.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.dim() == 1:
                parameter.fill_(0.0 if name == "bias" else 1.0)
            else:
                width = parameter.shape[-1]
                products = width if isinstance(module, nn.Linear) else parameter.numel() // width
                parameter.normal_(0.0, 0.5 / products**0.5, generator=generator)
    return decoder.to(dtype).eval()


Named = Iterator[tuple[str, Tensor]]


def _codebooks(config: CodecConfig) -> Iterator[tuple[str, str]]:
    """For each code of a frame, in order: the prefix of its codebook, and the name of the projection behind it."""
    for i in range(config.num_quantizers):
        part, layer = ("rvq_first", 0) if i == 0 else ("rvq_rest", i - 1)
        prefix = f"decoder.quantizer.{part}"
        yield f"{prefix}.vq.layers.{layer}._codebook", f"{prefix}.output_proj.weight"


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
    """A copy, always: a parameter left in the mapped file could be dropped from memory in the middle of a word."""
    return raw[name].detach().to(torch.float32, copy=True)


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
