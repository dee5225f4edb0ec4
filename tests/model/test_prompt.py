"""Voices, languages and instructions end up where the model expects them, or are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint, load_checkpoint
from wyoming_qwen3tts.model.prompt import PromptVoice, language_id

TEXT = "The light in the kitchen is on."


def test_a_live_prompt_of_a_speaker_is_ten_positions_of_which_nine_are_the_voices(tiny: Checkpoint) -> None:
    prompt = tiny.prompts.live(tiny.prompts.tokenizer.speech(TEXT), PromptVoice("ryan"), "english")

    assert (prompt.prefix.shape[0], prompt.own.shape[0]) == (9, 1)


def test_the_prefix_does_not_depend_on_the_text(tiny_folders: dict[str, Path]) -> None:
    base = load_checkpoint(tiny_folders["base"])
    voice = PromptVoice(None, torch.ones(64), torch.ones(5, 16, dtype=torch.int64), "Your timer is done.")

    for layout in ("sentence", "live"):
        prefixes = []
        for text in (TEXT, "Hello"):
            if layout == "sentence":
                prompt = base.prompts.sentence(text, voice, "german")
            else:
                prompt = base.prompts.live(base.prompts.tokenizer.speech(text), voice, "german")
            prefixes.append(prompt.prefix)
        assert torch.equal(*prefixes)
        assert prefixes[0].shape[0] > 9  # the reference is part of it


@pytest.mark.parametrize(
    ("language", "speaker", "expected"),
    [
        (None, "ryan", None),
        ("auto", "ryan", None),
        ("English", "ryan", "english"),
        ("auto", "Dylan", "beijing_dialect"),
        ("chinese", "eric", "sichuan_dialect"),
        ("english", "dylan", "english"),
        ("chinese", None, "chinese"),
    ],
)
def test_the_language_tag_follows_the_dialect_rule(
    tiny: Checkpoint, language: str | None, speaker: str | None, expected: str | None
) -> None:
    talker = tiny.config.talker

    assert language_id(talker, language, speaker) == (None if expected is None else talker.languages[expected])


@pytest.mark.parametrize("language", ["dutch", "beijing_dialect", ""])
def test_an_unknown_language_is_refused_by_name_except_none(tiny: Checkpoint, language: str) -> None:
    if not language:
        assert language_id(tiny.config.talker, language, None) is None
        return
    with pytest.raises(ValueError, match=f"{language}.*english"):
        tiny.prompts.sentence(TEXT, PromptVoice("ryan"), language)


def test_an_unknown_speaker_is_refused_by_name(tiny: Checkpoint) -> None:
    with pytest.raises(ValueError, match=r"'bob'.*ryan"):
        tiny.prompts.sentence(TEXT, PromptVoice("bob"))


@pytest.mark.parametrize("kind", ["custom_voice", "voice_design", "base"])
def test_a_voice_of_another_kind_than_the_checkpoints_is_refused(tiny_folders: dict[str, Path], kind: str) -> None:
    checkpoint = load_checkpoint(tiny_folders[kind])
    voices = {
        "custom_voice": PromptVoice("ryan"),
        "voice_design": PromptVoice(),
        "base": PromptVoice(vector=torch.zeros(64)),
    }

    for of, voice in voices.items():
        if of == kind:
            assert checkpoint.prompts.sentence(TEXT, voice).length > 10
        else:
            with pytest.raises(ValueError, match=f"type {kind} speaks by"):
                checkpoint.prompts.sentence(TEXT, voice)


def test_an_instruction_reaches_large_models_only(tiny: Checkpoint, tmp_path: Path) -> None:
    large = load_checkpoint(write_tiny_checkpoint(tmp_path, size="1b7"))

    def grown(checkpoint: Checkpoint) -> int:
        plain, told = (checkpoint.prompts.prefix(PromptVoice("ryan"), None, i, "sentence") for i in (None, "warm"))
        return told.shape[0] - plain.shape[0]

    assert grown(tiny) == 0
    assert grown(large) == len(large.prompts.tokenizer.instruct("warm"))


def test_codes_and_transcript_of_a_reference_come_together() -> None:
    with pytest.raises(ValueError, match="come together"):
        PromptVoice(vector=torch.zeros(4), ref_text="Hello")


@pytest.mark.parametrize(
    ("vector", "codes", "message"),
    [
        (torch.zeros(48), None, "another size"),
        (torch.zeros(64), torch.zeros(0, 16), "must be"),
        (torch.zeros(64), torch.zeros(3, 15), "must be"),
        (torch.zeros(64), torch.zeros(16), "must be"),
        (torch.zeros(64), torch.full((3, 16), 256), "outside the codebooks"),
        (torch.zeros(64), torch.full((3, 16), -1), "outside the codebooks"),
    ],
)
def test_a_clone_that_does_not_fit_the_model_is_refused(
    tiny_folders: dict[str, Path], vector: torch.Tensor, codes: torch.Tensor | None, message: str
) -> None:
    base = load_checkpoint(tiny_folders["base"])
    voice = PromptVoice(None, vector, None if codes is None else codes.long(), None if codes is None else "Hello")

    with pytest.raises(ValueError, match=message):
        base.prompts.sentence(TEXT, voice)


def test_nothing_to_speak_is_refused_in_the_live_layout(tiny: Checkpoint) -> None:
    with pytest.raises(ValueError, match="no text"):
        tiny.prompts.live([], PromptVoice("ryan"))


def test_the_projected_table_equals_rows_on_demand(tiny: Checkpoint, tiny_folders: dict[str, Path]) -> None:
    projected = load_checkpoint(tiny_folders["custom_voice"], text_table_on_device=True)

    for text in (TEXT, "Hello Hello, world! " * 3):
        lazy, whole = (c.prompts.sentence(text, PromptVoice("ryan")).own for c in (tiny, projected))
        torch.testing.assert_close(lazy, whole, atol=1e-6, rtol=1e-6)


def test_only_so_many_text_rows_are_kept(tiny_folders: dict[str, Path]) -> None:
    from wyoming_qwen3tts.model.text_table import TextTable

    whole = load_checkpoint(tiny_folders["custom_voice"]).prompts._text
    table = TextTable(whole._table, whole._projection, kept=10)

    first = table.embed(range(20))

    assert len(table._rows) == 10
    assert all(table._rows.get(row) is not None for row in range(10, 20))
    torch.testing.assert_close(table.embed(range(20)), first, atol=1e-6, rtol=1e-6)
    assert table.embed([]).shape == (0, 64)
