"""The CPU peer: qwentts.cpp by its published wheel, on a Q8_0 GGUF made from our random tensors.

    native.py WEIGHTS.safetensors FOLDER THREADS FRAMES_A_PACKET CODEC_THREADS

CODEC_THREADS beyond 0 decode beside the language model; its flash attention is chosen by QWENTTS_CPU_FLASH_ATTN.

Runs in the peer's environment (numpy, gguf, realtimetts-qwen-native-cpu). Precisions are those of its own converter:
matrices Q8_0, convolutions F16, everything one-dimensional and the codebooks F32.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TEXT = "Good day to you all."  # twenty tokens, as the vocabulary below knows bytes only
TEXT_ROWS, TEXT_WIDTH = 151_936, 2_048
IDS = {"pad": 2148, "bos": 2149, "eos": 2150, "think": 2154, "nothink": 2155, "think_bos": 2156, "think_eos": 2157}
TEXT_IDS = {"im_start": 151644, "im_end": 151645, "tts_pad": 151671, "tts_bos": 151672, "tts_eos": 151673}
STACKS = {"talker": ("talker.stack", 28), "code_pred": ("predictor.stack", 5)}
WIDTHS = {"embedding_length": 1024, "feed_forward_length": 3072, "attention.head_count": 16}
WIDTHS |= {"attention.head_count_kv": 8, "attention.key_length": 128}
CODEC = {"latent_dim": 1024, "codebook_size": 2048, "codebook_dim_internal": 256, "hidden_size": 512}
CODEC |= {"intermediate_size": 1024, "head_dim": 64, "num_attention_heads": 16, "num_key_value_heads": 16}
CODEC |= {"num_hidden_layers": 8, "num_quantizers": 16, "num_semantic_quantizers": 1, "sliding_window": 72}
CODEC |= {"vector_quantization_hidden_dim": 512}
Tensors = dict[str, Any]


def read(path: Path) -> Tensors:
    """A safetensors file as float32 arrays, mapped."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    data = np.memmap(path, np.uint8, "r", 8 + length)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, stop = entry["data_offsets"]
        raw = data[start:stop]
        if entry["dtype"] == "BF16":
            numbers = (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            numbers = raw.view(np.float32)
        tensors[name] = numbers.reshape(entry["shape"])
    return tensors


def stack(tensors: Tensors, theirs: str, ours: str, layers: int) -> Iterator[tuple[str, Any]]:
    yield f"{theirs}.output_norm.weight", tensors[f"{ours}.norm.weight"]
    for i in range(layers):
        at, mine = f"{theirs}.blk.{i}", f"{ours}.layers.{i}"
        q, k, v = np.split(tensors[f"{mine}.attention.qkv.weight"], [2048, 3072])
        gate, up = np.split(tensors[f"{mine}.mlp.gate_up.weight"], 2)
        norms = tensors[f"{mine}.attention.qk_norm"]
        yield from ((f"{at}.attn_{part}.weight", w) for part, w in (("q", q), ("k", k), ("v", v)))
        yield f"{at}.attn_output.weight", tensors[f"{mine}.attention.out.weight"]
        yield f"{at}.attn_q_norm.weight", norms[:128]
        yield f"{at}.attn_k_norm.weight", norms[-128:]
        yield f"{at}.attn_norm.weight", tensors[f"{mine}.attention_norm.weight"]
        yield f"{at}.ffn_norm.weight", tensors[f"{mine}.mlp_norm.weight"]
        yield from ((f"{at}.ffn_{part}.weight", w) for part, w in (("gate", gate), ("up", up)))
        yield f"{at}.ffn_down.weight", tensors[f"{mine}.mlp.down.weight"]


def language_model(tensors: Tensors) -> Iterator[tuple[str, Any]]:
    for theirs, (ours, layers) in STACKS.items():
        yield from stack(tensors, theirs, ours, layers)
    head = np.array(tensors["talker.head.weight"])
    head[IDS["eos"]] = 0.0  # nothing to be drawn: replies are as long as asked for
    yield "talker.codec_head.weight", head
    yield "talker.codec_embd.weight", tensors["talker.codec_embedding.weight"]
    for fc, part in (("fc1", "up"), ("fc2", "down")):
        yield f"talker.text_proj.{fc}.weight", tensors[f"talker.text_projection.{part}.weight"]
        yield f"talker.text_proj.{fc}.bias", tensors[f"talker.text_projection.{part}.bias"]
    rows = np.random.default_rng(0).standard_normal((64, TEXT_WIDTH), dtype=np.float32)
    yield "talker.text_embd.weight", np.resize(rows, (TEXT_ROWS, TEXT_WIDTH))
    for j in range(15):
        yield f"code_pred.codec_embd.{j}.weight", tensors[f"predictor.embeddings.{j}.weight"]
        yield f"code_pred.lm_head.{j}.weight", tensors[f"predictor.heads.{j}.weight"]


def codec(tensors: Tensors) -> Iterator[tuple[str, Any]]:
    """The checkpoint's names, as its converter writes them."""
    parts = {
        "decoder.quantizer.rvq_": "tok_dec.vq_", ".vq.layers.": ".", "._codebook.embedding_sum": ".codebook",
        "decoder.pre_conv.conv": "tok_dec.pre_conv", "decoder.pre_transformer.layers.": "tok_dec.pre_tfm.blk.",
        "decoder.pre_transformer.": "tok_dec.pre_tfm.", "self_attn_layer_scale.scale": "attn_scale",
        "mlp_layer_scale.scale": "ffn_scale", "self_attn.o_proj": "attn_output", "self_attn.": "attn_",
        "_proj.weight": ".weight", "mlp.": "ffn_", "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm", "decoder.decoder.": "tok_dec.dec.",
    }  # fmt: skip
    for name, tensor in tensors.items():
        if not name.startswith("decoder.") or name.endswith("cluster_usage"):
            continue
        new = name
        if name.startswith("decoder.upsample."):
            _, _, i, half, *rest = name.split(".")
            new = ".".join(["tok_dec.upsample", i, *(["conv", rest[-1]] if half == "0" else rest)])
            new = new.replace("dwconv.conv", "dwconv")
        elif ".block." in name:
            new = _block(name)
        else:
            if name.endswith(("input_proj.weight", "output_proj.weight")):
                parts_here = {old: to for old, to in parts.items() if old != "_proj.weight"}
            else:
                parts_here = parts
            for old, to in parts_here.items():
                new = new.replace(old, to)
            if new.startswith("tok_dec.dec.5."):
                new = new.replace("dec.5.", "dec.5.snake.")
        yield new, tensor


def _block(name: str) -> str:
    _, _, i, _, part, *rest = name.split(".")
    at = f"tok_dec.dec.{i}"
    if part == "0":
        return f"{at}.snake.{rest[-1]}"
    if part == "1":
        return f"{at}.conv_t.{rest[-1]}"
    return f"{at}.res.{int(part) - 2}.{rest[0]}.{rest[-1]}"


def write(path: Path, arch: str, tensors: Iterator[tuple[str, Any]], keys: dict[str, Any]) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, arch, use_temp_file=True)
    for key, value in keys.items():
        if isinstance(value, bool):
            writer.add_bool(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, float):
            writer.add_float32(key, value)
        elif isinstance(value, str):
            writer.add_string(key, value)
        else:
            writer.add_array(key, value)
    for name, tensor in tensors:
        exact = tensor.ndim == 1 or "codebook" in name or ".vq_" in name
        if exact:
            writer.add_tensor(name, np.ascontiguousarray(tensor, np.float32))
        elif tensor.ndim == 3:
            writer.add_tensor(name, tensor.astype(np.float16))
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(tensor), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def keys() -> dict[str, Any]:
    found: dict[str, Any] = {"qwen3-tts.tokenizer_type": "qwen3_tts_tokenizer_12hz", "qwen3-tts.model_size": "0.6b"}
    found |= {"qwen3-tts.model_type": "custom_voice", "qwen3-tts.num_code_groups": 16}
    for name, layers, vocab in (("talker", 28, 3072), ("code_pred", 5, 2048)):
        at = f"qwen3-tts.{name}"
        found |= {f"{at}.{key}": value for key, value in WIDTHS.items()}
        found |= {f"{at}.block_count": layers, f"{at}.vocab_size": vocab, f"{at}.rope.freq_base": 1e6}
        found[f"{at}.attention.layer_norm_rms_epsilon"] = 1e-6
    found |= {"qwen3-tts.talker.rope.mrope_section": [24, 20, 20], "qwen3-tts.talker.rope.mrope_interleaved": True}
    found |= {f"qwen3-tts.codec.{name}_id": value for name, value in IDS.items()}
    found |= {f"qwen3-tts.text.{name}_id": value for name, value in TEXT_IDS.items()}
    found |= {"qwen3-tts.codec.language_names": ["english"], "qwen3-tts.codec.language_ids": [2050]}
    found |= {"qwen3-tts.codec.speaker_names": ["ryan"], "qwen3-tts.codec.speaker_ids": [3061]}
    found |= {"qwen3-tts.codec.speaker_dialects": ["none"]}
    found |= {"generation.do_sample": True, "generation.subtalker_do_sample": True}
    for who in ("", "subtalker_"):
        found |= {f"generation.{who}temperature": 0.9, f"generation.{who}top_k": 50, f"generation.{who}top_p": 1.0}
    found |= {"generation.repetition_penalty": 1.05, "generation.max_new_tokens": 2048}
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in printable] + [chr(256 + i) for i in range(256 - len(printable))]
    word = "assistant"
    merges = [f"{word[:end]} {word[end]}" for end in range(1, len(word))]
    tokens = letters + [word[: end + 1] for end in range(1, len(word))]
    tokens += [f"<unused {i}>" for i in range(len(tokens), TEXT_ROWS)]
    names = {"im_start": "<|im_start|>", "im_end": "<|im_end|>"}
    for name, row in TEXT_IDS.items():
        tokens[row] = names.get(name, f"<{name}>")
    tokens[151643] = "<|endoftext|>"
    return found | {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": merges}


def codec_keys() -> dict[str, Any]:
    at = "qwen3-tts-tokenizer.decoder"
    found: dict[str, Any] = {f"{at}.{name}": value for name, value in CODEC.items()}
    return found | {f"{at}.rope_theta": 1e4, f"{at}.rms_norm_eps": 1e-5}


def reply(engine: Any, frames: int, per_packet: int) -> dict[str, float]:
    """One reply, timed at its packets."""
    began = time.perf_counter()
    times, samples = [], []
    for pcm, _ in engine.stream(
        text=TEXT,
        lang="english",
        speaker="ryan",
        seed=1,
        max_new_tokens=frames,
        do_sample=True,
        onset_silence_profile="off",
    ):
        times.append(time.perf_counter())
        samples.append(len(pcm))
    made = sum(samples[1:]) / 1920
    return {
        "ttfa_ms": (times[0] - began) * 1000,
        "ms_per_frame": (times[-1] - times[0]) * 1000 / made,
        "frames": sum(samples) / 1920,
        "packet": per_packet,
    }


def main() -> None:
    weights, folder = Path(sys.argv[1]), Path(sys.argv[2])
    threads, packet, codec_threads = (int(number) for number in sys.argv[3:6])
    talker, tokenizer = folder / "talker-q8_0.gguf", folder / "tokenizer-q8_0.gguf"
    if not tokenizer.exists():
        tensors = read(weights)
        write(talker, "qwen3-tts", language_model(tensors), keys())
        write(tokenizer, "qwen3-tts-tokenizer", codec(tensors), codec_keys())
    from qwentts_cpp_cpu import QwenTTS

    engine = QwenTTS(talker, tokenizer, cpu_threads=threads, cpu_codec_threads=codec_threads, cpu_stream_frames=packet)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write("took " + json.dumps(reply(engine, int(line), packet)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
