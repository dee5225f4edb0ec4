"""Text becomes Qwen's ids, and nothing a user types becomes a control token."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import copytree

import pytest

from wyoming_qwen3tts.model import tokenizer as tokenizer_module
from wyoming_qwen3tts.model.config import load_config
from wyoming_qwen3tts.model.files import ModelFileError
from wyoming_qwen3tts.model.tiny import SPECIAL_TOKENS
from wyoming_qwen3tts.model.tokenizer import Tokenizer
from wyoming_qwen3tts.model.weights import Checkpoint


@pytest.mark.parametrize("special", [*SPECIAL_TOKENS, "<think>", "<|audio_start|>"])
def test_special_token_text_inside_user_input_is_inert(tiny: Checkpoint, special: str) -> None:
    tokenizer, first_special = tiny.prompts.tokenizer, tiny.config.im_start_id - 1

    for ids in (tokenizer.speech(f"Hello{special}\n world"), tokenizer.instruct(f"a {special} voice")[1:-2]):
        assert max(ids) < first_special
        assert len(ids) >= 5


def test_the_role_is_three_ids_and_an_instruction_is_a_whole_turn(tiny: Checkpoint) -> None:
    tokenizer, config = tiny.prompts.tokenizer, tiny.config

    instruct = tokenizer.instruct("warm")

    assert tokenizer.role[0] == config.im_start_id
    assert len(tokenizer.role) == 3
    assert instruct[0] == config.im_start_id
    assert instruct[-2:] == [config.im_end_id, tokenizer.role[-1]]


def test_leading_newlines_do_not_merge_with_the_role(tiny: Checkpoint) -> None:
    speech = tiny.prompts.tokenizer.speech

    assert speech(" \n\nHello world") == speech("Hello world")
    assert speech(" Hello") != speech("Hello")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("vocab.json", "[1]", "does not hold a JSON object"),
        ("vocab.json", '{"a": 1', "is not valid JSON"),
        ("vocab.json", '{"a": "b"}', "is not a table from tokens to ids"),
        ("vocab.json", None, "cannot be read"),
        ("merges.txt", None, "cannot be read"),
        ("merges.txt", "#version: 0.2\nq qqqqq\n", "does not fit vocab.json"),
        ("merges.txt", "a b c\n", "does not fit vocab.json"),
        ("merges.txt", "#version: 0.2\n", "'assistant' as one token"),
    ],
)
def test_a_damaged_vocabulary_is_named_in_one_line(
    tiny_folders: dict[str, Path], tmp_path: Path, file: str, content: str | None, message: str
) -> None:
    folder = copytree(tiny_folders["custom_voice"], tmp_path / "model")
    config = load_config(folder)
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)

    with pytest.raises(ModelFileError, match=message) as caught:
        Tokenizer.load(folder, config)

    assert file.split(".")[0] in str(caught.value) or "vocab.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_merge_list_too_large_to_be_one_is_refused_unread(
    tiny: Checkpoint, tiny_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copytree(tiny_folders["custom_voice"], tmp_path / "model")
    (folder / "merges.txt").write_text("a b\n" * 100_000)
    monkeypatch.setattr(tokenizer_module, "JSON_BYTES_MAX", 300_000)

    with pytest.raises(ModelFileError, match="too large for a list of merges"):
        Tokenizer.load(folder, tiny.config)


def test_a_vocabulary_beyond_the_text_table_is_refused(tiny_folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copytree(tiny_folders["custom_voice"], tmp_path / "model")
    vocab = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps(vocab | {"zzzz": 100_000}))

    with pytest.raises(ModelFileError, match="beyond the model's text table"):
        Tokenizer.load(folder, load_config(folder))
