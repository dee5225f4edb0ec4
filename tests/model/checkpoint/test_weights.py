"""A file that is not what its config promises is refused in one line that names it, before its bytes are mapped."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest
import torch
from safetensors.torch import load_file, save_file

from wyoming_qwen3tts.model.checkpoint import files
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import HEADER_BYTES_MAX, ModelFileError, load_checkpoint
from wyoming_qwen3tts.model.prompt import PromptVoice

NORM = "talker.model.norm.weight"


@pytest.fixture
def folder(tiny_folders: dict[str, Path], tmp_path: Path) -> Path:
    return copytree(tiny_folders["custom_voice"], tmp_path / "model")


def refusal(folder: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        load_checkpoint(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


def rewrite_header(file: Path, change: Callable[[dict[str, object]], None]) -> None:
    raw = file.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    change(header)
    new = json.dumps(header).encode()
    file.write_bytes(len(new).to_bytes(8, "little") + new + raw[8 + length :])


def rewrite_tensors(file: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    tensors = dict(load_file(file))
    change(tensors)
    save_file(tensors, file)


@pytest.mark.parametrize("name", ["model.safetensors", "speech_tokenizer/model.safetensors"])
@pytest.mark.parametrize("keep", [0, 5, 8, 1000, -1, -100_000])
def test_a_truncated_file_is_refused(folder: Path, name: str, keep: int) -> None:
    file = folder / name
    file.write_bytes(file.read_bytes()[:keep])

    message = refusal(folder)

    assert "truncated" in message
    assert str(file) in message
    assert "download" in message


def test_a_file_with_bytes_left_over_is_refused(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes() + b"more")

    assert "overlap or leave gaps" in refusal(folder)


def test_a_wrong_shape_is_refused_with_both_shapes(folder: Path) -> None:
    rewrite_tensors(folder / "model.safetensors", lambda t: t.update({NORM: torch.ones(63)}))

    assert f"{NORM} has shape [63], but config.json asks for [64]" in refusal(folder)


def test_a_missing_tensor_is_refused(folder: Path) -> None:
    rewrite_tensors(folder / "model.safetensors", lambda t: t.__delitem__(NORM))

    assert f"lacks '{NORM}'" in refusal(folder)


def test_an_unknown_tensor_is_refused(folder: Path) -> None:
    rewrite_tensors(folder / "model.safetensors", lambda t: t.update(spare=torch.ones(2)))

    assert "unknown tensors: 'spare'" in refusal(folder)


@pytest.mark.parametrize("dtype", [torch.int8, torch.float64])
def test_a_wrong_type_is_refused(folder: Path, dtype: torch.dtype) -> None:
    rewrite_tensors(folder / "model.safetensors", lambda t: t.update({NORM: t[NORM].to(dtype)}))

    assert f"{NORM} has type" in refusal(folder)


@pytest.mark.parametrize("offsets", [[0], [-4, 0], ["a", "b"], None, [0, 4], [0, 10**12]])
def test_an_impossible_place_is_refused(folder: Path, offsets: object) -> None:
    file = folder / "model.safetensors"
    rewrite_header(file, lambda header: header[NORM].update(data_offsets=offsets))  # type: ignore[attr-defined]

    assert "is damaged" in refusal(folder)


def test_overlapping_tensors_are_refused(folder: Path) -> None:
    def overlap(header: dict[str, object]) -> None:
        other = "talker.code_predictor.model.layers.0.self_attn.q_norm.weight"
        twin = "talker.code_predictor.model.layers.0.self_attn.k_norm.weight"
        header[other]["data_offsets"] = header[twin]["data_offsets"]  # type: ignore[index]

    rewrite_header(folder / "model.safetensors", overlap)

    assert "overlap or leave gaps" in refusal(folder)


def test_a_header_of_a_hundred_thousand_tensors_is_refused_unread(folder: Path) -> None:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = json.dumps({f"t{i}": entry for i in range(100_000)}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1234")

    assert f"its header claims {len(header)} bytes" in refusal(folder)
    assert len(header) > HEADER_BYTES_MAX


@pytest.mark.parametrize("header", [b"{", b"[]", b"\xff\xfe{}", b"[" * 5000])
def test_a_header_that_is_no_object_is_refused(folder: Path, header: bytes) -> None:
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)

    assert "is damaged: its header" in refusal(folder)


def test_a_header_entry_that_is_no_object_is_refused(folder: Path) -> None:
    rewrite_header(folder / "model.safetensors", lambda header: header.update({NORM: 3}))

    assert f"{NORM} has no description" in refusal(folder)


def test_a_header_that_the_mapper_refuses_is_refused(folder: Path) -> None:
    rewrite_header(folder / "model.safetensors", lambda header: header.update(__metadata__={"a": 1}))

    assert "cannot be mapped" in refusal(folder)


@pytest.mark.parametrize("kind", ["zip", "pickle"])
def test_a_pickle_in_disguise_is_refused_and_never_opened(folder: Path, kind: str) -> None:
    file, trap = folder / "model.safetensors", folder / "sprung"
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("data.pkl", b"")
    else:
        file.write_bytes(pickle.dumps(Trap(trap)))

    assert "is a pickle, which can run code" in refusal(folder)
    assert not trap.exists()


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("leaves", "message"),
    [
        (None, "is missing"),
        ("pytorch_model.bin", "pytorch_model.bin is a pickle"),
        ("model.safetensors.index.json", "weights in several files"),
    ],
)
def test_a_missing_file_is_named_with_what_lies_there_instead(folder: Path, leaves: str | None, message: str) -> None:
    (folder / "model.safetensors").unlink()
    if leaves:
        (folder / leaves).touch()

    assert message in refusal(folder)


def test_a_git_lfs_pointer_is_recognised(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")

    assert "Git LFS pointer" in refusal(folder)


def test_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()

    assert "cannot be read" in refusal(folder)


def test_weights_of_another_size_are_refused(folder: Path, tmp_path: Path) -> None:
    other = write_tiny_checkpoint(tmp_path / "other", "base")
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())

    assert "unknown tensors: 'speaker_encoder." in refusal(folder)


def test_a_checkpoint_loads_the_same_from_bfloat16_and_from_float32_files(tmp_path: Path) -> None:
    wide = write_tiny_checkpoint(tmp_path / "wide", seed=3, dtype=torch.float32)
    narrow = write_tiny_checkpoint(tmp_path / "narrow", seed=3)

    models = [load_checkpoint(folder, dtype=torch.bfloat16).model.state_dict() for folder in (wide, narrow)]

    assert all(torch.equal(models[0][name], models[1][name]) for name in models[0])


def test_a_tiny_checkpoint_is_two_to_three_megabytes_and_the_same_every_time(tmp_path: Path) -> None:
    folders = [write_tiny_checkpoint(tmp_path / name, "base", seed=5) for name in "ab"]
    files = sorted(path.relative_to(folders[0]) for path in folders[0].rglob("*") if path.is_file())

    assert 2e6 < sum((folders[0] / file).stat().st_size for file in files) < 3.1e6
    assert all((folders[0] / file).read_bytes() == (folders[1] / file).read_bytes() for file in files)


@pytest.mark.parametrize(
    ("file", "path", "value", "message"),
    [
        ("config.json", ["talker_config", "hidden_size"], None, "talker_config.hidden_size is missing"),
        ("config.json", ["talker_config", "hidden_size"], "64", "talker_config.hidden_size must be a whole number"),
        ("config.json", ["talker_config", "num_hidden_layers"], 10**9, "num_hidden_layers must be a whole number"),
        ("config.json", ["talker_config", "num_key_value_heads"], 3, "is no multiple of num_key_value_heads"),
        ("config.json", ["talker_config", "head_dim"], 15, "head_dim must be even"),
        ("config.json", ["talker_config", "attention_bias"], True, "only False is supported"),
        ("config.json", ["talker_config", "codec_eos_token_id"], 7, "codec_eos_token_id must be"),
        ("config.json", ["talker_config", "vocab_size"], 1024, "vocab_size must be above"),
        ("config.json", ["talker_config", "vocab_size"], 1300, "leaves no 256 codes"),
        ("config.json", ["talker_config", "spk_id"], None, "spk_id is missing"),
        ("config.json", ["talker_config", "spk_id"], [], "spk_id must be an object"),
        ("config.json", ["talker_config", "spk_is_dialect", "dylan"], "klingon", "spk_is_dialect.dylan must be"),
        ("config.json", ["talker_config", "rope_scaling", "rope_type"], "yarn", "only 'default' is supported"),
        ("config.json", ["talker_config", "code_predictor_config"], 3, "code_predictor_config must be an object"),
        ("config.json", ["talker_config", "code_predictor_config", "num_code_groups"], 8, "differs from talker_config"),
        ("config.json", ["talker_config", "code_predictor_config", "vocab_size"], 99, "differs from the codec's"),
        ("config.json", ["tts_model_type"], "opera", "must be one of custom_voice"),
        ("config.json", ["tts_model_type"], 5, "must be a string"),
        ("config.json", ["tts_pad_token_id"], True, "tts_pad_token_id must be a whole number"),
        ("generation_config.json", ["temperature"], 0, "temperature must be a number above 0"),
        ("generation_config.json", ["do_sample"], 1, "do_sample must be true or false"),
        ("generation_config.json", ["top_k"], None, "top_k is missing"),
        ("speech_tokenizer/config.json", ["decoder_config", "upsample_rates"], [8, 5], "decode_upsample_rate differs"),
        ("speech_tokenizer/config.json", ["decoder_config", "upsample_rates"], 8, "must be a list of whole numbers"),
        ("speech_tokenizer/config.json", ["decoder_config", "codebook_dim"], 31, "codebook_dim must be even"),
        ("speech_tokenizer/config.json", ["decoder_config", "decoder_dim"], 40, "decoder_dim cannot be halved"),
    ],
)
def test_a_config_that_cannot_be_is_refused_by_file_and_key(
    folder: Path, file: str, path: list[str], value: object, message: str
) -> None:
    config = json.loads((folder / file).read_text())
    section = config
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    (folder / file).write_text(json.dumps(config))

    refused = refusal(folder)

    assert message in refused
    assert str(folder / file) in refused


def test_a_codec_of_another_depth_is_refused(folder: Path) -> None:
    file = folder / "speech_tokenizer" / "config.json"
    file.write_text(file.read_text().replace('"num_quantizers": 16', '"num_quantizers": 8'))

    assert "num_code_groups differs from the codec's num_quantizers, 8" in refusal(folder)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("enc_dim", 32, "differs from the talker's hidden_size"), ("enc_channels", [1, 2], "enc_channels needs as many")],
)
def test_a_speaker_encoder_that_does_not_fit_is_refused(
    tiny_folders: dict[str, Path], tmp_path: Path, key: str, value: object, message: str
) -> None:
    folder = copytree(tiny_folders["base"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["speaker_encoder_config"][key] = value
    (folder / "config.json").write_text(json.dumps(config))

    assert message in refusal(folder)


@pytest.mark.parametrize(("content", "message"), [("{", "not valid JSON"), ("[]", "JSON object"), (None, "be read")])
def test_an_unreadable_config_is_refused(folder: Path, content: str | None, message: str) -> None:
    (folder / "config.json").unlink()
    if content is not None:
        (folder / "config.json").write_text(content)

    assert message in refusal(folder)


def test_a_config_too_large_to_be_one_is_refused_unread(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "JSON_BYTES_MAX", 1000)

    assert "too many for a model's JSON file" in refusal(folder)


def test_a_model_without_speakers_may_leave_their_table_out(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copytree(tiny_folders["base"], tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    del config["talker_config"]["spk_id"], config["talker_config"]["spk_is_dialect"]
    (folder / "config.json").write_text(json.dumps(config))

    assert load_config(folder).talker.speakers == {}


def test_a_fine_tuned_voice_needs_no_dialect_table_entry(folder: Path) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    config["talker_config"] |= {"spk_id": {"Nora": 1200}, "spk_is_dialect": {"Nora": False}}
    file.write_text(json.dumps(config))

    prompts = load_checkpoint(folder).prompts

    assert prompts.sentence("Hello", PromptVoice("nora"), "auto").length > 10


def test_unknown_config_keys_are_fine(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"new_in_2027": [1]}))

    assert load_config(folder).type == "custom_voice"
