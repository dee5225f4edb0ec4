"""Voices on disk: whatever lies in their folder, only a whole voice of ours is read, and it was written whole."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from wyoming_qwen3tts.errors import BadRequest, UnknownVoice
from wyoming_qwen3tts.speech.voice import VoiceName
from wyoming_qwen3tts.voices.file_format import FILE_BYTES_MAX
from wyoming_qwen3tts.voices.folder import VOICES_MAX, ClonedVoice, VoiceFolder

ABOUT = {"format": "wyoming-qwen3tts voice 1", "model": "0b6 base"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "voices").mkdir()
    return tmp_path / "voices"


def a_voice(name: str = "Anna", *, in_context: bool = False) -> ClonedVoice:
    numbers = np.random.RandomState(1)
    codes = numbers.randint(0, 256, (20, 16)).astype(np.int64) if in_context else None
    vector = numbers.standard_normal(64).astype(np.float32)
    return ClonedVoice(VoiceName(name), vector, codes, "Guten Tag, \u4f60\u597d." if in_context else None, "0b6 base")


@pytest.mark.parametrize("in_context", [False, True])
def test_a_voice_is_read_back_as_it_was_written(in_context: bool, folder: Path) -> None:
    voice = a_voice(in_context=in_context)

    path = VoiceFolder(folder).add(voice)
    again = VoiceFolder(folder).read("Anna")

    assert path == folder / "Anna.safetensors"
    assert (again.name, again.text, again.model) == (voice.name, voice.text, voice.model)
    np.testing.assert_array_equal(again.vector, voice.vector)
    if in_context:
        np.testing.assert_array_equal(again.codes, voice.codes)
    else:
        assert again.codes is None


def test_a_folder_that_is_not_there_holds_no_voices_and_is_made_for_the_first(tmp_path: Path) -> None:
    voices = VoiceFolder(tmp_path / "new" / "voices")
    assert voices.names() == []

    voices.add(a_voice())

    assert voices.names() == ["Anna"]


def test_a_name_is_found_exactly_before_in_another_case(folder: Path) -> None:
    voices = VoiceFolder(folder)
    for name in ("ANNA", "Anna"):
        voices.add(a_voice(name))

    assert [voices.find(name) for name in ("Anna", "ANNA", " anna ", "\uff21nna", "Bert", "../Anna")] == [
        "Anna", "ANNA", "ANNA", "Anna", None, None,
    ]  # fmt: skip


def test_what_cannot_be_a_voice_is_not_listed(folder: Path) -> None:
    voices = VoiceFolder(folder)
    voices.add(a_voice())
    (folder / "no$name.safetensors").write_bytes(b"")
    (folder / ".hidden.safetensors").write_bytes(b"")
    (folder / "notes.txt").write_text("hello")
    (folder / "folder.safetensors").mkdir()
    os.mkfifo(folder / "pipe.safetensors")

    assert voices.names() == ["Anna"]


def test_a_link_is_neither_listed_nor_followed(folder: Path, tmp_path: Path) -> None:
    elsewhere = VoiceFolder(tmp_path / "elsewhere")
    (folder / "link.safetensors").symlink_to(elsewhere.add(a_voice("Secret")))

    voices = VoiceFolder(folder)

    assert voices.names() == []
    assert voices.find("link") is None
    with pytest.raises(UnknownVoice):
        voices.read("link")


@pytest.mark.parametrize("name", ["Bert", "../Anna", "/etc/passwd", "", "\U00020000" * 64])
def test_a_name_without_a_file_is_an_unknown_voice(name: str, folder: Path) -> None:
    VoiceFolder(folder).add(a_voice())

    with pytest.raises(UnknownVoice, match="called"):
        VoiceFolder(folder).read(name)


@pytest.mark.parametrize("keep", [0, 7, 8, 40, 200, -1])
def test_a_file_cut_anywhere_is_refused_in_one_line_that_names_it(keep: int, folder: Path) -> None:
    path = VoiceFolder(folder).add(a_voice(in_context=True))
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(BadRequest) as refused:
        VoiceFolder(folder).read("Anna")

    assert str(path) in str(refused.value)
    assert "clone it again" in str(refused.value)
    assert "\n" not in str(refused.value)


VECTOR, CODES = np.ones(64, np.float32), np.ones((20, 16), np.int64)
TOLD = {**ABOUT, "text": "Hello."}


@pytest.mark.parametrize(
    ("tensors", "about"),
    [
        ({"vector": VECTOR}, None),
        ({"vector": VECTOR}, {**ABOUT, "format": "another"}),
        ({"codes": CODES}, TOLD),
        ({"vector": VECTOR[None]}, ABOUT),
        ({"vector": VECTOR * np.float32("nan")}, ABOUT),
        ({"vector": VECTOR.astype(np.float64)}, ABOUT),
        ({"vector": VECTOR.astype(np.int64)}, ABOUT),
        ({"vector": VECTOR, "codes": CODES}, ABOUT),
        ({"vector": VECTOR, "codes": CODES[0]}, TOLD),
        ({"vector": VECTOR, "codes": CODES[:0]}, TOLD),
        ({"vector": VECTOR, "codes": CODES.astype(np.float32)}, TOLD),
    ],
)
def test_tensors_that_are_no_voice_are_refused(
    tensors: dict[str, np.ndarray], about: dict[str, str] | None, folder: Path
) -> None:
    save_file(tensors, folder / "Anna.safetensors", about)

    with pytest.raises(BadRequest, match="clone it again"):
        VoiceFolder(folder).read("Anna")


def test_numbers_of_a_kind_that_numpy_has_not_are_refused(folder: Path) -> None:
    from safetensors.torch import save_file as save_torch

    save_torch({"vector": torch.ones(64, dtype=torch.bfloat16)}, folder / "Anna.safetensors", ABOUT)

    with pytest.raises(BadRequest, match="clone it again"):
        VoiceFolder(folder).read("Anna")


def test_a_file_too_large_for_a_voice_is_not_even_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pathlib.Path.read_bytes", None)
    with (folder / "Anna.safetensors").open("wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)

    with pytest.raises(BadRequest, match="too large"):
        VoiceFolder(folder).read("Anna")


def test_a_write_that_fails_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", disk_full)

    with pytest.raises(OSError, match="No space"):
        VoiceFolder(folder).add(a_voice())

    assert list(folder.iterdir()) == []


def test_nobody_sees_a_voice_before_it_is_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[VoiceName]] = []
    sync = os.fsync

    def look(number: int) -> None:
        seen.append(VoiceFolder(folder).names())
        sync(number)

    monkeypatch.setattr("os.fsync", look)

    VoiceFolder(folder).add(a_voice())

    assert seen == [[]]
    assert VoiceFolder(folder).names() == ["Anna"]
    assert [path.name for path in folder.iterdir()] == ["Anna.safetensors"]


def test_a_voice_is_never_overwritten(folder: Path) -> None:
    voices = VoiceFolder(folder)
    before = voices.add(a_voice()).read_bytes()

    with pytest.raises(BadRequest, match="already"):
        voices.add(a_voice(in_context=True))

    assert (folder / "Anna.safetensors").read_bytes() == before


def test_there_are_at_most_two_hundred(folder: Path) -> None:
    voices = VoiceFolder(folder)
    for number in range(VOICES_MAX - 1):
        (folder / f"v{number}.safetensors").write_bytes(b"")
    voices.add(a_voice("Last"))

    with pytest.raises(BadRequest, match="200"):
        voices.add(a_voice("More"))

    assert voices.find("More") is None
    assert len(voices.names()) == VOICES_MAX == 200
