"""Text becomes Qwen's ids, and nothing a user types becomes a control token."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.model import tokenizer as tokenizer_module
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.checkpoint.files import ModelFileError
from wyoming_qwen3tts.model.checkpoint.tiny import SPECIAL_TOKENS
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint
from wyoming_qwen3tts.model.tokenizer import Tokenizer, TokenStream


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


PIECES = st.lists(
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(
            [
                "Hello",
                " world",
                "n't",
                "'s",
                "\n",
                ".\n",
                "  ",
                "20",
                "e\u0301",
                "\u0301",
                "\u4f60\u597d",
                "\uff0c",
                "!",
            ]
        ),
        st.sampled_from(
            [
                "\u1100",
                "\u1161",
                "\u11a8",
                "\u0e33",
                "\U0001f44d",
                "\U0001f3fd",
                "\u200d",
                "\t",
                "\u3000",
                "\xa0",
                "\x85",
            ]
        ),
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=PIECES)
def test_a_text_in_pieces_has_the_ids_of_the_whole(tiny: Checkpoint, pieces: list[str]) -> None:
    stream = TokenStream(tiny.prompts.tokenizer)

    ids = [id_ for piece in pieces for id_ in stream.add(piece)] + stream.close()

    assert ids == tiny.prompts.tokenizer.speech("".join(pieces))


@pytest.fixture(scope="session")
def greedy_merger(
    tiny: Checkpoint, tiny_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Tokenizer:
    """A vocabulary that merges any two and three of eight characters, so that a wrong cut cannot go unnoticed."""
    folder = copytree(tiny_folders["custom_voice"], tmp_path_factory.mktemp("merger") / "model")
    characters = ["\u010a", "\u0120", ".", "'", "s", "b", "2", ","]  # byte-level names of newline and space first
    pairs = [(left, right) for left in characters for right in characters]
    triples = [(left + right, third) for left, right in pairs for third in characters]
    vocab = json.loads((folder / "vocab.json").read_text())
    for left, right in [*pairs, *triples]:
        vocab.setdefault(left + right, len(vocab))
    (folder / "vocab.json").write_text(json.dumps(vocab))
    with (folder / "merges.txt").open("a") as merges:
        merges.writelines(f"{left} {right}\n" for left, right in [*pairs, *triples])
    talker = replace(tiny.config.talker, text_vocab_size=len(vocab))
    return Tokenizer.load(folder, replace(tiny.config, talker=talker))


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="\n .'sb2,", max_size=14), cuts=st.lists(st.integers(0, 14), max_size=5))
def test_no_cut_of_a_text_changes_what_merges(greedy_merger: Tokenizer, text: str, cuts: list[int]) -> None:
    stream, ends = TokenStream(greedy_merger), [*sorted(cuts), len(text)]

    ids = [id_ for start, end in pairwise([0, *ends]) for id_ in stream.add(text[start:end])] + stream.close()

    assert ids == greedy_merger.speech(text)


def test_words_are_final_as_soon_as_the_next_begins(tiny: Checkpoint) -> None:
    stream, speech = TokenStream(tiny.prompts.tokenizer), tiny.prompts.tokenizer.speech

    assert stream.add("Hel") == []
    assert stream.add("lo wor") == speech("Hello")
    assert stream.add("ld, and") == speech(" world,")
    assert stream.close() == speech(" and")
    assert stream.add("") == stream.close() == []


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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, my dear world.", ["Hello", "my", "dear", "world"]),
        ("\n Well, it's 42!", ["Well", "it's", "4", "2"]),
        ("Ça va très bien", ["Ça", "va", "très", "bien"]),
        ("今天好", ["今", "天", "好"]),
        ("...", []),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 100])
def test_words_are_told_with_their_first_id_and_place(tiny: Checkpoint, text: str, words: list[str], size: int) -> None:
    stream = TokenStream(tiny.prompts.tokenizer, notes_words=True)
    ids = [id_ for at in range(0, len(text), size) for id_ in stream.add(text[at : at + size])] + stream.close()

    assert len(stream.words) == len(words)
    assert all(text.startswith(word, place) for (_, place), word in zip(stream.words, words, strict=True))
    firsts = [index for index, _ in stream.words]
    assert firsts == sorted(set(firsts))
    assert all(0 <= index < len(ids) for index in firsts)


def test_words_cost_nothing_where_nobody_asks(tiny: Checkpoint) -> None:
    stream = TokenStream(tiny.prompts.tokenizer)
    stream.add("Hello, my dear world.")
    stream.close()
    assert stream.words == []
