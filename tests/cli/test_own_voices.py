"""``design``, ``clone``'s notes, and ``voices export``, ``import``, ``remove``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.studio.own_voices import a_voice
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.voices.folder import VoiceFolder

Folders = dict[ModelType, Path]
SAID = "It is twelve degrees outside, and it will rain tonight."


@pytest.fixture
def voices(tmp_path: Path) -> VoiceFolder:
    return VoiceFolder(tmp_path / "home" / "voices")


def flags(tmp_path: Path, *models: Path) -> list[str]:
    listed = ",".join(map(str, models))
    more = ["--engine.dtype", "float32", "--engine.slots", "1", "--data-dir", str(tmp_path / "home")]
    return ["--engine.kind", "qwen3", "--engine.model", listed, *more]


def test_a_design_is_a_voice_and_variants_are_files_to_choose_from(
    tiny: Folders, voices: VoiceFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    home = flags(tmp_path, tiny["voice_design"], tiny["base"])
    words = ["design", "Walter", "A calm old man.", "--text", SAID, "--seed", "5"]

    assert main([*words, "--variants", "2", *home]) == 0
    assert voices.names() == []
    assert [path.name for path in sorted(tmp_path.glob("*.wav"))] == ["Walter-5.wav", "Walter-6.wav"]
    assert "--variants 1 --seed 6" in capsys.readouterr().out

    assert main([*words, *home]) == 0
    made = voices.read("Walter")
    assert (made.kind, made.description, made.text) == ("design", "A calm old man.", SAID)


def test_a_design_without_its_models_names_them_in_one_line(
    tiny: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["design", "Walter", "A calm old man.", *flags(tmp_path, tiny["base"])]) == 1

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "needs a VoiceDesign checkpoint: --engine.model" in told


def test_a_clone_keeps_note_and_clip_where_asked_and_warns_of_a_short_one(
    tiny: Folders, voices: VoiceFolder, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["clone", "Anna", str(clip), "--consent", "Anna, by phone", "--keep-clip"]

    assert main([*words, *flags(tmp_path, tiny["base"])]) == 0

    made = voices.read("Anna")
    assert made.consent == "Anna, by phone"
    assert made.clip is not None
    assert "3 to 15 are best" in capsys.readouterr().err


def test_a_voice_moves_to_another_home_as_one_file(
    tiny: Folders, voices: VoiceFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "anna.voice"
    home = flags(tmp_path, tiny["base"])
    before = a_voice(frames=20)
    voices.add(before)

    assert main(["voices", "export", "anna", str(file), *home]) == 0
    assert file.stat().st_mode & 0o077 == 0
    assert main(["voices", "remove", "Anna", *home]) == 0
    assert voices.names() == []
    assert main(["voices", "import", str(file), "--name", "Berta", *home]) == 0
    np.testing.assert_array_equal(voices.read("Berta").codes, before.codes)

    capsys.readouterr()
    assert main(["voices", "--json", *home]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["Berta"]["kind"] == "clone"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["export", "Anna", "taken"], "is there already"),
        (["export", "nobody", "new"], "no cloned or designed voice"),
        (["import", "taken"], "is damaged"),
        (["import", "absent"], "No such file"),
        (["remove", "builtin-de"], "comes with a model"),
        (["remove", "../x"], "no cloned or designed voice"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    words: list[str], why: str, tiny: Folders, voices: VoiceFolder, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    voices.add(a_voice())
    (tmp_path / "taken").write_text("something else")

    assert main(["voices", *words, *flags(tmp_path, tiny["base"])]) == 1

    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert why in told
    assert (tmp_path / "taken").read_text() == "something else"
    assert voices.names() == ["Anna"]
