"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from wyoming_qwen3tts.util.files import atomic_file, read_regular, sweep, write_atomic


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_and_its_folders_are_their_owners_alone(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "private", b"x")
    write_atomic(tmp_path / "c" / "d" / "shared", b"x", is_shared=True)

    assert mode(tmp_path / "a" / "b" / "private") == 0o600
    assert mode(tmp_path / "a") == mode(tmp_path / "a" / "b") == 0o700
    assert mode(tmp_path / "c" / "d" / "shared") == 0o644
    assert mode(tmp_path / "c") == mode(tmp_path / "c" / "d") == 0o755


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir(mode=0o750)

    write_atomic(tmp_path / "folder" / "file", b"x")

    assert mode(tmp_path / "folder") == 0o750


@pytest.mark.parametrize("fault", ["fsync", "rename"])
def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_atomic(tmp_path / "file", b"old")
    monkeypatch.setattr(os if fault == "fsync" else Path, fault, full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(tmp_path / "file", b"new")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_what_fails_while_it_is_written_leaves_the_old_file(tmp_path: Path) -> None:
    def half() -> None:
        with atomic_file(tmp_path / "file") as file:
            file.write(b"half")
            raise ValueError

    write_atomic(tmp_path / "file", b"old")
    with pytest.raises(ValueError):  # noqa: PT011  its own
        half()

    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_only_what_must_not_be_lost_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)

    write_atomic(tmp_path / "cache", b"x", is_synced=False)
    assert not synced
    write_atomic(tmp_path / "voice", b"x")
    assert synced


def test_a_writer_who_was_killed_leaves_a_file_that_the_next_start_removes(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from wyoming_qwen3tts.util.files import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])) as file: file.write(b'half'); os.kill(os.getpid(), 9)"
    )
    path = tmp_path / "lexicon" / "en.txt"
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert len(list(path.parent.iterdir())) == 1

    sweep(tmp_path)

    assert list(path.parent.iterdir()) == []


def test_the_sweep_takes_nobodys_work_and_nothing_that_is_not_ours(tmp_path: Path) -> None:
    others = tmp_path / f".model.{os.getppid()}-1.unfinished"  # it is alive
    own = tmp_path / f".model.{os.getpid()}-1.unfinished"  # of a container that had our number before us
    mine = [tmp_path / name for name in (".hidden", "unfinished", f"model.{os.getpid()}-1.unfinished", ".a.unfinished")]
    for path in (others, own, *mine):
        path.write_bytes(b"x")

    sweep(tmp_path)
    assert set(tmp_path.iterdir()) == {others, *mine}

    os.utime(others, (time.time() - 7200,) * 2)
    sweep(tmp_path)
    assert set(tmp_path.iterdir()) == set(mine)


def test_a_folder_that_is_not_there_is_swept_already(tmp_path: Path) -> None:
    sweep(tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "missing"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = {"device": Path("/dev/zero"), "folder": tmp_path}.get(kind, tmp_path / "x")
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(OSError, match=r"regular|No such"):
        read_regular(path, 10)


def test_no_more_of_a_file_is_read_than_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    assert read_regular(tmp_path / "x", 4) == b"0123"
    assert read_regular(tmp_path / "x", 40) == b"0123456789"


#: Programs of the data folder's readers. Who opens a file there in another way is to say why it cannot hang.
ALONE = {
    "util/files.py",  # the function itself, and its writers
    "audio/reference/reader.py",
    "cli/spoken.py",
    "cli/say.py",
    "cli/say_model.py",
    "cli/design.py",
    "cli/clone.py",  # files that a person names in a command
    "util/memory.py",  # the kernel's
    "servers/http/hosts.py",  # the resolver's
    "settings/sources.py",  # before anything is served
    "servers/http/routers/page.py",
    "servers/http/foreign_name.py",
    "voices/file_format.py",
    "studio/sample_texts.py",
    "text/language/word_table.py",  # files of the package
}


def test_files_of_the_data_folder_are_opened_by_one_function() -> None:
    package = ROOT / "wyoming_qwen3tts"
    layers = ("announcements", "audio", "service", "servers", "settings", "studio", "text", "util", "voices")
    others = [
        str(path.relative_to(package))
        for layer in layers
        for path in (package / layer).rglob("*.py")
        if re.search(r"\.open\(\"r|\.read_bytes\(|\.read_text\(", path.read_text())
    ]
    assert set(others) - ALONE == set()
