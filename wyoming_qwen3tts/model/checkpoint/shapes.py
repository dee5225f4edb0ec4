"""The names and shapes of every tensor in a published checkpoint, derived from its config.

A file is compared with these tables before a byte of it is mapped; `tiny` writes its random tensors by them.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from .config import CodecConfig, ModelConfig, SpeakerEncoderConfig, TransformerConfig
from .files import LAYERS_MAX, JsonSection

Shape = tuple[int, ...]
Shapes = dict[str, Shape]

TEXT_TABLE = "talker.model.text_embedding.weight"
HEAD = "talker.codec_head.weight"  # of the talker: scores of code 0


class Entry(NamedTuple):
    """One of our parameters and the file's tensors, some of them repeated, that joined on dimension 0 make it."""

    parameter: str
    sources: tuple[tuple[str, Shape], ...]


def language_model_entries(config: ModelConfig) -> list[Entry]:
    """Talker and code predictor, as parameters of `language_model.LanguageModel`; the text table is left out."""
    talker, hidden, text = config.talker, config.talker.stack.hidden_size, config.talker.text_hidden_size
    entries = _stack("talker.stack", "talker.model", talker.stack)
    entries += [
        _same(
            "talker.codec_embedding.weight", "talker.model.codec_embedding.weight", (talker.stack.vocab_size, hidden)
        ),
        _same("talker.text_projection.up.weight", "talker.text_projection.linear_fc1.weight", (text, text)),
        _same("talker.text_projection.up.bias", "talker.text_projection.linear_fc1.bias", (text,)),
        _same("talker.text_projection.down.weight", "talker.text_projection.linear_fc2.weight", (hidden, text)),
        _same("talker.text_projection.down.bias", "talker.text_projection.linear_fc2.bias", (hidden,)),
        _same("talker.head.weight", HEAD, (talker.stack.vocab_size, hidden)),
    ]
    small = config.predictor
    entries += _stack("predictor.stack", "talker.code_predictor.model", small)
    for j in range(talker.code_groups - 1):
        table, head = (
            f"talker.code_predictor.model.codec_embedding.{j}.weight",
            f"talker.code_predictor.lm_head.{j}.weight",
        )
        entries.append(_same(f"predictor.embeddings.{j}.weight", table, (small.vocab_size, hidden)))
        entries.append(_same(f"predictor.heads.{j}.weight", head, (small.vocab_size, small.hidden_size)))
    if config.has_projection:
        name = "talker.code_predictor.small_to_mtp_projection"
        entries.append(_same("predictor.projection.weight", f"{name}.weight", (small.hidden_size, hidden)))
        entries.append(_same("predictor.projection.bias", f"{name}.bias", (small.hidden_size,)))
    return entries


def model_shapes(config: ModelConfig) -> Shapes:
    """Every tensor of the checkpoint's ``model.safetensors``."""
    shapes = dict(source for entry in language_model_entries(config) for source in entry.sources)
    shapes[TEXT_TABLE] = (config.talker.text_vocab_size, config.talker.text_hidden_size)
    if config.speaker_encoder is not None:
        shapes |= speaker_encoder_shapes(config.speaker_encoder)
    return shapes


def _same(parameter: str, source: str, shape: Shape) -> Entry:
    return Entry(parameter, ((source, shape),))


def _stack(ours: str, theirs: str, config: TransformerConfig) -> list[Entry]:
    hidden, inner, head = config.hidden_size, config.intermediate_size, config.head_dim
    q, kv = (config.heads * head, hidden), (config.kv_heads * head, hidden)
    entries = [_same(f"{ours}.norm.weight", f"{theirs}.norm.weight", (hidden,))]
    for i in range(config.layers):
        to, attention, mlp = f"{ours}.layers.{i}", f"{theirs}.layers.{i}.self_attn", f"{theirs}.layers.{i}.mlp"
        qkv = (
            (f"{attention}.q_proj.weight", q),
            (f"{attention}.k_proj.weight", kv),
            (f"{attention}.v_proj.weight", kv),
        )
        q_norm, k_norm = (f"{attention}.q_norm.weight", (head,)), (f"{attention}.k_norm.weight", (head,))
        qk_norm = (*[q_norm] * config.heads, *[k_norm] * config.kv_heads)
        gate_up = ((f"{mlp}.gate_proj.weight", (inner, hidden)), (f"{mlp}.up_proj.weight", (inner, hidden)))
        entries += [
            Entry(f"{to}.attention.qkv.weight", qkv),
            _same(f"{to}.attention.out.weight", f"{attention}.o_proj.weight", (hidden, config.heads * head)),
            Entry(f"{to}.attention.qk_norm", qk_norm),
            _same(f"{to}.attention_norm.weight", f"{theirs}.layers.{i}.input_layernorm.weight", (hidden,)),
            _same(f"{to}.mlp_norm.weight", f"{theirs}.layers.{i}.post_attention_layernorm.weight", (hidden,)),
            Entry(f"{to}.mlp.gate_up.weight", gate_up),
            _same(f"{to}.mlp.down.weight", f"{mlp}.down_proj.weight", (hidden, inner)),
        ]
    return entries


def _conv(name: str, out: int, into: int, kernel: int, *, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (out, into, kernel)} | ({f"{name}.bias": (out,)} if bias else {})


def speaker_encoder_shapes(config: SpeakerEncoderConfig) -> Shapes:
    """The ECAPA-TDNN of a Base checkpoint."""
    channels, kernels, attention = config.channels, config.kernel_sizes, config.attention_channels
    shapes = _conv("blocks.0.conv", channels[0], config.mel_dim, kernels[0])
    for i in range(1, len(channels) - 1):
        width, block = channels[i], f"blocks.{i}"
        shapes |= _conv(f"{block}.tdnn1.conv", width, channels[i - 1], 1)
        part = width // config.res2net_scale
        for j in range(config.res2net_scale - 1):
            shapes |= _conv(f"{block}.res2net_block.blocks.{j}.conv", part, part, kernels[i])
        shapes |= _conv(f"{block}.tdnn2.conv", width, width, 1)
        shapes |= _conv(f"{block}.se_block.conv1", config.se_channels, width, 1)
        shapes |= _conv(f"{block}.se_block.conv2", width, config.se_channels, 1)
    last = channels[-1]
    shapes |= _conv("mfa.conv", last, sum(channels[1:-1]), kernels[-1])
    shapes |= _conv("asp.tdnn.conv", attention, 3 * last, 1) | _conv("asp.conv", last, attention, 1)
    shapes |= _conv("fc", config.dim, 2 * last, 1)
    return {f"speaker_encoder.{name}": shape for name, shape in shapes.items()}


def codec_shapes(config: CodecConfig) -> Shapes:
    """Every tensor of ``speech_tokenizer/model.safetensors``."""
    return codec_decoder_shapes(config) | codec_encoder_shapes(config)


def codec_decoder_shapes(config: CodecConfig) -> Shapes:
    """The half of the codec that speaks."""
    latent, group = config.latent_dim, config.codebook_dim // 2
    shapes: Shapes = {}
    for name, layers in (("rvq_first", 1), ("rvq_rest", config.num_quantizers - 1)):
        for i in range(layers):
            book = f"quantizer.{name}.vq.layers.{i}._codebook"
            shapes[f"{book}.embedding_sum"] = (config.codebook_size, group)
            shapes[f"{book}.cluster_usage"] = (config.codebook_size,)
        shapes |= _conv(f"quantizer.{name}.input_proj", group, config.codebook_dim, 1, bias=False)
        shapes |= _conv(f"quantizer.{name}.output_proj", config.codebook_dim, group, 1, bias=False)
    shapes |= _conv("pre_conv.conv", latent, config.codebook_dim, 3)
    shapes |= _codec_transformer(config)
    for i, ratio in enumerate(config.upsampling_ratios):
        shapes |= _transposed(f"upsample.{i}.0.conv", latent, latent, ratio)
        block = f"upsample.{i}.1"
        shapes |= _conv(f"{block}.dwconv.conv", latent, 1, 7)
        shapes |= {f"{block}.norm.weight": (latent,), f"{block}.norm.bias": (latent,), f"{block}.gamma": (latent,)}
        shapes |= {f"{block}.pwconv1.weight": (4 * latent, latent), f"{block}.pwconv1.bias": (4 * latent,)}
        shapes |= {f"{block}.pwconv2.weight": (latent, 4 * latent), f"{block}.pwconv2.bias": (latent,)}
    shapes |= _codec_convs(config)
    return {f"decoder.{name}": shape for name, shape in shapes.items()}


def _transposed(name: str, into: int, out: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (into, out, kernel), f"{name}.bias": (out,)}


def _codec_transformer(config: CodecConfig) -> Shapes:
    hidden, latent, inner = config.hidden_size, config.latent_dim, config.intermediate_size
    q, kv = config.heads * config.head_dim, config.kv_heads * config.head_dim
    shapes: Shapes = {
        "input_proj.weight": (hidden, latent),
        "input_proj.bias": (hidden,),
        "output_proj.weight": (latent, hidden),
        "output_proj.bias": (latent,),
        "norm.weight": (hidden,),
    }
    for i in range(config.layers):
        shapes |= {
            f"layers.{i}.self_attn.q_proj.weight": (q, hidden),
            f"layers.{i}.self_attn.k_proj.weight": (kv, hidden),
            f"layers.{i}.self_attn.v_proj.weight": (kv, hidden),
            f"layers.{i}.self_attn.o_proj.weight": (hidden, q),
            f"layers.{i}.mlp.gate_proj.weight": (inner, hidden),
            f"layers.{i}.mlp.up_proj.weight": (inner, hidden),
            f"layers.{i}.mlp.down_proj.weight": (hidden, inner),
            f"layers.{i}.input_layernorm.weight": (hidden,),
            f"layers.{i}.post_attention_layernorm.weight": (hidden,),
            f"layers.{i}.self_attn_layer_scale.scale": (hidden,),
            f"layers.{i}.mlp_layer_scale.scale": (hidden,),
        }
    return {f"pre_transformer.{name}": shape for name, shape in shapes.items()}


def _codec_convs(config: CodecConfig) -> Shapes:
    shapes = _conv("0.conv", config.decoder_dim, config.latent_dim, 7)
    width = config.decoder_dim
    for i, rate in enumerate(config.upsample_rates, start=1):
        half = width // 2
        shapes |= _snake(f"{i}.block.0", width) | _transposed(f"{i}.block.1.conv", width, half, 2 * rate)
        for unit in (2, 3, 4):
            name = f"{i}.block.{unit}"
            shapes |= _snake(f"{name}.act1", half) | _conv(f"{name}.conv1.conv", half, half, 7)
            shapes |= _snake(f"{name}.act2", half) | _conv(f"{name}.conv2.conv", half, half, 1)
        width = half
    last = len(config.upsample_rates) + 1
    shapes |= _snake(f"{last}", width) | _conv(f"{last + 1}.conv", 1, width, 7)
    return {f"decoder.{name}": shape for name, shape in shapes.items()}


def _snake(name: str, width: int) -> Shapes:
    return {f"{name}.alpha": (width,), f"{name}.beta": (width,)}


class _Mimi(NamedTuple):
    """The part of the codec's ``encoder_config`` that shapes depend on."""

    hidden_size: int
    intermediate_size: int
    layers: int
    q_width: int
    kv_width: int
    filters: int
    residual_layers: int
    compress: int
    kernel: int
    last_kernel: int
    residual_kernel: int
    ratios: tuple[int, ...]
    codebook_size: int
    codebook_dim: int
    quantizer_dim: int
    quantizers: int
    semantic: int


def _mimi(config: CodecConfig) -> _Mimi:
    """Read by transformers' own defaults (`MimiConfig`, 4.57.3), since its files may leave them out."""
    section = JsonSection(Path("speech_tokenizer/config.json"), config.encoder, "encoder_config.")
    section.refuse_unless("audio_channels", 1)
    section.refuse_unless("use_conv_shortcut", False)
    section.refuse_unless("attention_bias", False)
    hidden, heads = section.integer("hidden_size", 512), section.integer("num_attention_heads", 8)
    head_dim = section.integer("head_dim", max(1, hidden // heads))
    return _Mimi(
        hidden_size=hidden,
        intermediate_size=section.integer("intermediate_size", 2048),
        layers=section.integer("num_hidden_layers", 8, high=LAYERS_MAX),
        q_width=heads * head_dim,
        kv_width=section.integer("num_key_value_heads", 8) * head_dim,
        filters=section.integer("num_filters", 64),
        residual_layers=section.integer("num_residual_layers", 1, high=LAYERS_MAX),
        compress=section.integer("compress", 2),
        kernel=section.integer("kernel_size", 7),
        last_kernel=section.integer("last_kernel_size", 3),
        residual_kernel=section.integer("residual_kernel_size", 3),
        ratios=section.integers("upsampling_ratios", (8, 6, 5, 4)),
        codebook_size=section.integer("codebook_size", 2048),
        codebook_dim=section.integer("codebook_dim", 256),
        quantizer_dim=section.integer("vector_quantization_hidden_dimension", 256),
        quantizers=section.integer("num_quantizers", 32, high=LAYERS_MAX),
        semantic=section.integer("num_semantic_quantizers", 1, high=LAYERS_MAX),
    )


def codec_encoder_shapes(config: CodecConfig) -> Shapes:
    """The half that encodes reference clips: transformers 4.57.3's Mimi encoder, by the names it had there."""
    mimi = _mimi(config)
    hidden = mimi.hidden_size
    shapes = _mimi_convs(mimi) | _mimi_transformer(mimi) | _conv("downsample.conv", hidden, hidden, 4, bias=False)
    for kind, layers in (("semantic", mimi.semantic), ("acoustic", mimi.quantizers - mimi.semantic)):
        name = f"quantizer.{kind}_residual_vector_quantizer"
        for i in range(layers):
            book = f"{name}.layers.{i}.codebook"
            shapes[f"{book}.embed_sum"] = (mimi.codebook_size, mimi.codebook_dim)
            shapes |= {f"{book}.cluster_usage": (mimi.codebook_size,), f"{book}.initialized": (1,)}
        if mimi.quantizer_dim != hidden:
            shapes |= _conv(f"{name}.input_proj", mimi.quantizer_dim, hidden, 1, bias=False)
            shapes |= _conv(f"{name}.output_proj", hidden, mimi.quantizer_dim, 1, bias=False)
    return {f"encoder.{name}": shape for name, shape in shapes.items()}


def _mimi_convs(mimi: _Mimi) -> Shapes:
    """Numbered as the official module list is, in which activations take a number too."""
    shapes, at, width = _conv("encoder.layers.0.conv", mimi.filters, 1, mimi.kernel), 1, mimi.filters
    for ratio in reversed(mimi.ratios):
        for _ in range(mimi.residual_layers):
            narrow = width // mimi.compress
            shapes |= _conv(f"encoder.layers.{at}.block.1.conv", narrow, width, mimi.residual_kernel)
            shapes |= _conv(f"encoder.layers.{at}.block.3.conv", width, narrow, 1)
            at += 1
        shapes |= _conv(f"encoder.layers.{at + 1}.conv", 2 * width, width, 2 * ratio)
        at, width = at + 2, 2 * width
    return shapes | _conv(f"encoder.layers.{at + 1}.conv", mimi.hidden_size, width, mimi.last_kernel)


def _mimi_transformer(mimi: _Mimi) -> Shapes:
    hidden = mimi.hidden_size
    layer: Shapes = {
        "self_attn.q_proj.weight": (mimi.q_width, hidden),
        "self_attn.k_proj.weight": (mimi.kv_width, hidden),
        "self_attn.v_proj.weight": (mimi.kv_width, hidden),
        "self_attn.o_proj.weight": (hidden, mimi.q_width),
        "mlp.fc1.weight": (mimi.intermediate_size, hidden),
        "mlp.fc2.weight": (hidden, mimi.intermediate_size),
        "self_attn_layer_scale.scale": (hidden,),
        "mlp_layer_scale.scale": (hidden,),
    }
    for norm in ("input_layernorm", "post_attention_layernorm"):
        layer |= {f"{norm}.weight": (hidden,), f"{norm}.bias": (hidden,)}
    return {
        f"encoder_transformer.layers.{i}.{name}": shape for i in range(mimi.layers) for name, shape in layer.items()
    }
