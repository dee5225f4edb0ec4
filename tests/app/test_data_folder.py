"""What lies in the data folder is spoken: one that somebody else made first is not used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wyoming_qwen3tts.app.data_folder import claim_data_folder
from wyoming_qwen3tts.errors import SettingsError
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.settings.sources import load

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
NOBODY = 65_534


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that is chosen where nobody names one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    (tmp_path / "share").mkdir()
    return tmp_path / "share" / "wyoming-qwen3tts"


def test_ours_is_made_for_its_owner_alone(chosen: Path) -> None:
    before = os.umask(0)
    try:
        claim_data_folder(load({}, os.environ))
        claim_data_folder(load({}, os.environ))
    finally:
        os.umask(before)

    assert chosen.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755, 0o775])
def test_one_that_was_ours_before_is_used(chosen: Path, mode: int) -> None:
    chosen.mkdir()
    chosen.chmod(mode)

    claim_data_folder(load({}, os.environ))


@pytest.mark.parametrize("mode", [0o777, 0o707])
def test_one_that_others_can_write_is_refused(chosen: Path, mode: int) -> None:
    chosen.mkdir()
    chosen.chmod(mode)

    with pytest.raises(SettingsError, match=r"can be written by other users.*--data-dir"):
        claim_data_folder(load({}, os.environ))


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_refused(chosen: Path, tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "elsewhere").mkdir()
    chosen.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SettingsError, match="--data-dir"):
        claim_data_folder(load({}, os.environ))
    assert (tmp_path / "elsewhere").exists() == exists


@as_root
@pytest.mark.parametrize("command", [["spoken", "Sonos is on."], ["serve"], ["say", "Sonos is on.", "-o", "-"]])
def test_nothing_of_another_users_folder_is_spoken_and_nothing_is_written(chosen: Path, command: list[str]) -> None:
    (chosen / "lexicon").mkdir(parents=True)
    (chosen / "lexicon" / "all.txt").write_text("Sonos = planted\n")
    for path in (chosen, chosen / "lexicon", chosen / "lexicon" / "all.txt"):
        os.chown(path, NOBODY, NOBODY)
    before = sorted(chosen.rglob("*"))

    done = subprocess.run(
        [sys.executable, "-m", "wyoming_qwen3tts", *command], capture_output=True, cwd=ROOT, timeout=60, check=False
    )

    assert done.returncode == 78
    assert done.stdout == b""
    assert b"belongs to the user with the id 65534" in done.stderr
    assert b"--data-dir" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert sorted(chosen.rglob("*")) == before


@as_root
def test_a_folder_of_another_user_that_was_named_is_the_operators_wish(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    claim_data_folder(load({"data_dir": str(folder)}, {}))
    assert not caplog.records

    folder.chmod(0o777)
    claim_data_folder(load({"data_dir": str(folder)}, {}))
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_one_that_was_named_is_not_made_before_it_is_needed(tmp_path: Path) -> None:
    claim_data_folder(load({"data_dir": str(tmp_path / "data")}, {}))

    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_is_unset(text: str) -> None:
    settings = load({}, {"QWEN3TTS_DATA_DIR": text})

    assert "data_dir" not in settings.model_fields_set
    assert settings.data_dir == Settings().data_dir
