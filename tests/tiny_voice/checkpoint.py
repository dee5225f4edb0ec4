"""From what was trained to a checkpoint in the published layout."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from wyoming_qwen3tts.model.checkpoint import tiny
from wyoming_qwen3tts.model.checkpoint.config import CodecConfig, ModelConfig, load_config
from wyoming_qwen3tts.model.checkpoint.shapes import TEXT_TABLE, codec_decoder_shapes, language_model_entries
from wyoming_qwen3tts.model.checkpoint.weights import WEIGHTS
from wyoming_qwen3tts.model.codec import DILATIONS
from wyoming_qwen3tts.model.speaker import PREFIX, SpeakerEncoder

from .codec import Codec
from .language import Teachable
from .sentences import words

CONFIG = "config.json"
ENCODER = "speaker_encoder.safetensors"  # beside the weights of a CustomVoice checkpoint, which has none

Tensors = dict[str, Tensor]

SHAPE = tiny.TinyShape(
    hidden=192,
    layers=5,
    heads=4,
    kv_heads=2,
    head_dim=48,
    inner=3,
    text_hidden=128,
    predictor_hidden=128,
    predictor_layers=3,
    predictor_heads=4,
    predictor_kv_heads=2,
    code_groups=8,
    codebook_size=512,
    codec_code=128,
    codec_latent=160,
    codec_hidden=128,
    codec_heads=4,
    codec_head_dim=32,
    codec_layers=2,
    codec_dim=192,
)


def begin(folder: Path, texts: Iterable[str]) -> ModelConfig:
    """Write everything with random weights, and a vocabulary in which each word of ``texts`` is one token."""
    tiny.write_tiny_checkpoint(folder, shape=SHAPE, words=tuple(words(texts)))
    return load_config(folder)


def write(folder: Path, codec: Codec | None, teachable: Teachable | None) -> None:
    """Put what was trained in the place of the random weights."""
    config = load_config(folder)
    if codec is not None:
        path = folder / "speech_tokenizer" / WEIGHTS
        tensors = load_file(path) | published_codec(codec, config.codec)
        _save({name: tensor.to(torch.float16) for name, tensor in tensors.items()}, path)
    if teachable is not None:
        _save(published_language(teachable, config), folder / WEIGHTS)


def begin_base(folder: Path, base: Path) -> ModelConfig:
    """Make ``base`` a Base checkpoint of the CustomVoice one in ``folder``, but for its weights: links to the other
    files, and a config of its own."""
    base.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        if file.name not in (CONFIG, WEIGHTS, ENCODER) and not (base / file.name).exists():
            (base / file.name).symlink_to(file.resolve())
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    config = tiny.config_json("base", "0b6", len(vocabulary) + len(tiny.SPECIAL_TOKENS), SHAPE)
    (base / CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    return load_config(base)


def write_encoder(folder: Path, encoder: SpeakerEncoder) -> None:
    """Put what was trained beside the weights of the CustomVoice checkpoint in ``folder``."""
    tensors = {PREFIX + name: tensor.detach().to(torch.bfloat16) for name, tensor in encoder.state_dict().items()}
    _save(tensors, folder / ENCODER)


def write_base(folder: Path, base: Path) -> Path:
    """Make ``base`` a Base checkpoint of what is in ``folder``: the CustomVoice one, and its speaker encoder. It speaks
    by an encoder's vector as the other does by a speaker's row."""
    begin_base(folder, base)
    _save(load_file(folder / WEIGHTS) | load_file(folder / ENCODER), base / WEIGHTS)
    return base


def _save(tensors: dict[str, Tensor], path: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


def published_language(teachable: Teachable, config: ModelConfig) -> dict[str, Tensor]:
    """The tensors of ``model.safetensors``, in bfloat16."""
    ours = teachable.model.state_dict()
    found: dict[str, Tensor] = {TEXT_TABLE: teachable.text_table.weight.detach().to(torch.bfloat16)}
    for parameter, sources in language_model_entries(config):
        parts = torch.split(ours[parameter], [shape[0] for _, shape in sources])
        for name in dict.fromkeys(name for name, _ in sources):
            same = [part for part, (source, _) in zip(parts, sources, strict=True) if source == name]
            found[name] = torch.stack(same).mean(0).to(torch.bfloat16)  # norms, which all heads have in common
    return found


def published_codec(codec: Codec, config: CodecConfig) -> dict[str, Tensor]:
    """The decoder's tensors of ``speech_tokenizer/model.safetensors``: what `codec_weights` folds, unfolded with scales
    of one."""
    ours, found = dict(codec.decoder.state_dict()), Tensors()
    for at, rows in enumerate(codec.quantizer.rows):
        part, layer = ("rvq_first", 0) if at == 0 else ("rvq_rest", at - 1)
        name = f"decoder.quantizer.{part}"
        found[f"{name}.vq.layers.{layer}._codebook.embedding_sum"] = rows
        found[f"{name}.vq.layers.{layer}._codebook.cluster_usage"] = torch.ones(len(rows))
        found[f"{name}.output_proj.weight"] = codec.widen.weight.detach()[..., None]
    found |= _unfolded(ours, config)
    wanted = {
        name for name in codec_decoder_shapes(config) if not name.endswith("input_proj.weight") or "pre_tr" in name
    }
    if missing := wanted - found.keys():
        raise AssertionError(f"not written: {sorted(missing)}")
    return {name: tensor.detach().clone() for name, tensor in found.items()}


def _unfolded(ours: Tensors, config: CodecConfig) -> Tensors:
    """`codec_weights`' folding turned round, layer scales of one."""
    place = 2 + 2 * len(config.upsampling_ratios)
    last = len(config.upsample_rates) + 1
    made = _conv(ours, "decoder.pre_conv.conv", "layers.0") | _transformer(ours, config)
    for i in range(len(config.upsampling_ratios)):
        made |= _upsampled(ours, f"decoder.upsample.{i}", 2 + 2 * i)
    made |= _conv(ours, "decoder.decoder.0.conv", f"layers.{place}")
    for i in range(1, last):
        made |= _block(ours, f"decoder.decoder.{i}.block", f"layers.{place + i}")
    made |= _snake(ours, f"decoder.decoder.{last}", f"layers.{place + last}")
    return made | _conv(ours, f"decoder.decoder.{last + 1}.conv", f"layers.{place + last + 1}")


def _conv(ours: Tensors, name: str, own: str) -> Tensors:
    return {f"{name}.weight": ours[f"{own}.weight"].permute(2, 1, 0), f"{name}.bias": ours[f"{own}.bias"]}


def _upsample_conv(ours: Tensors, name: str, own: str) -> Tensors:
    weight, bias = ours[f"{own}.weight"], ours[f"{own}.bias"]
    return {f"{name}.weight": weight.view(len(weight), -1, len(bias)).transpose(1, 2), f"{name}.bias": bias}


def _plain(ours: Tensors, name: str, own: str) -> Tensors:
    return {f"{name}.{kind}": ours[f"{own}.{kind}"] for kind in ("weight", "bias")}


def _snake(ours: Tensors, name: str, own: str) -> Tensors:
    return {f"{name}.alpha": ours[f"{own}.alpha"].log(), f"{name}.beta": -ours[f"{own}.inverse_beta"].log()}


def _transformer(ours: Tensors, config: CodecConfig) -> Tensors:
    stack = "decoder.pre_transformer"
    made = _plain(ours, f"{stack}.input_proj", "layers.1.narrow") | _plain(
        ours, f"{stack}.output_proj", "layers.1.widen"
    )
    made[f"{stack}.norm.weight"] = ours["layers.1.norm.weight"]
    widths = [heads * config.head_dim for heads in (config.heads, config.kv_heads, config.kv_heads)]
    for i in range(config.layers):
        to, own = f"{stack}.layers.{i}", f"layers.1.layers.{i}"
        for part, weight in zip("qkv", torch.split(ours[f"{own}.attention.qkv.weight"], widths), strict=True):
            made[f"{to}.self_attn.{part}_proj.weight"] = weight
        gate, up = ours[f"{own}.gate_up.weight"].chunk(2)
        made |= {
            f"{to}.self_attn.o_proj.weight": ours[f"{own}.attention.out.weight"],
            f"{to}.mlp.gate_proj.weight": gate,
            f"{to}.mlp.up_proj.weight": up,
            f"{to}.mlp.down_proj.weight": ours[f"{own}.down.weight"],
            f"{to}.input_layernorm.weight": ours[f"{own}.attention_norm.weight"],
            f"{to}.post_attention_layernorm.weight": ours[f"{own}.mlp_norm.weight"],
            f"{to}.self_attn_layer_scale.scale": torch.ones(config.hidden_size),
            f"{to}.mlp_layer_scale.scale": torch.ones(config.hidden_size),
        }
    return made


def _upsampled(ours: Tensors, to: str, place: int) -> Tensors:
    own = f"layers.{place + 1}"
    made = _upsample_conv(ours, f"{to}.0.conv", f"layers.{place}")
    made |= _plain(ours, f"{to}.1.norm", f"{own}.1")
    made |= _plain(ours, f"{to}.1.pwconv1", f"{own}.2") | _plain(ours, f"{to}.1.pwconv2", f"{own}.4")
    made[f"{to}.1.dwconv.conv.weight"] = ours[f"{own}.0.weight"][:, None]
    made[f"{to}.1.dwconv.conv.bias"] = ours[f"{own}.0.bias"]
    made[f"{to}.1.gamma"] = torch.ones_like(ours[f"{own}.1.bias"])
    return made


def _block(ours: Tensors, to: str, own: str) -> Tensors:
    made = _snake(ours, f"{to}.0", f"{own}.0") | _upsample_conv(ours, f"{to}.1.conv", f"{own}.1")
    for unit in range(2, 2 + len(DILATIONS)):
        made |= _snake(ours, f"{to}.{unit}.act1", f"{own}.{unit}.0")
        made |= _conv(ours, f"{to}.{unit}.conv1.conv", f"{own}.{unit}.1")
        made |= _snake(ours, f"{to}.{unit}.act2", f"{own}.{unit}.2")
        made[f"{to}.{unit}.conv2.conv.weight"] = ours[f"{own}.{unit}.3.weight"][..., None]
        made[f"{to}.{unit}.conv2.conv.bias"] = ours[f"{own}.{unit}.3.bias"]
    return made
