"""Things on disk that are found again, never wrong, and never in the way."""

from __future__ import annotations

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from wyoming_qwen3tts.util import disk_cache
from wyoming_qwen3tts.util.disk_cache import OFF_S, DiskCache

FILE = 132  # bytes of one with 100


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def cache(folder: Path, size: int = 1_000, clock: Clock | None = None) -> DiskCache:
    return DiskCache(folder, size, ".thing", clock=clock or Clock())


def test_what_was_put_is_there_after_a_restart_and_nobody_elses_to_read(tmp_path: Path) -> None:
    assert cache(tmp_path / "kept").put("a", b"content")

    again = cache(tmp_path / "kept")
    assert again.load(3) == {"a": b"con"}
    assert again.get("a") == b"content"
    assert ("a" in again, len(again), again.used_bytes) == (True, 1, 39)
    assert stat.S_IMODE((tmp_path / "kept" / "a.thing").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_what_is_not_there_is_a_miss(tmp_path: Path) -> None:
    assert cache(tmp_path).get("a") is None


@pytest.mark.parametrize("damage", [b"", b"x" * 10, b"x" * 40, b"x" * 5_000])
def test_what_is_damaged_is_dropped(damage: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    it = cache(tmp_path)
    it.put("a", b"content")
    (tmp_path / "a.thing").write_bytes(damage)

    assert it.get("a") is None
    assert "a" not in it
    assert not (tmp_path / "a.thing").exists()
    assert "a.thing is damaged" in caplog.text


def test_the_one_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    it = cache(tmp_path, 3 * FILE)
    for key in "abc":
        it.put(key, bytes(100))
    it.get("a")
    it.put("d", bytes(100))

    assert [key for key in "abcd" if key in it] == ["a", "c", "d"]
    assert it.used_bytes == 3 * FILE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.thing", "c.thing", "d.thing"]


def test_putting_anew_takes_no_room_of_others(tmp_path: Path) -> None:
    it = cache(tmp_path, 2 * FILE)
    it.put("a", bytes(100))
    it.put("b", bytes(100))
    it.put("a", bytes(99))

    assert (it.get("a"), it.get("b")) == (bytes(99), bytes(100))


def test_what_another_has_put_counts_and_may_go(tmp_path: Path) -> None:
    """Two checkpoints share a folder."""
    cache(tmp_path).put("other", bytes(100))
    it = cache(tmp_path, 2 * FILE)
    it.put("a", bytes(100))
    assert it.get("other") == bytes(100)
    it.put("b", bytes(100))

    assert sorted(path.stem for path in tmp_path.iterdir()) == ["b", "other"]


def test_what_is_larger_than_all_room_is_not_kept_and_costs_nobody_his(tmp_path: Path) -> None:
    it = cache(tmp_path, 2 * FILE)
    it.put("a", bytes(100))

    assert not it.put("b", bytes(1_000))
    assert it.get("a") == bytes(100)


def test_with_no_room_at_all_the_disk_is_not_touched(tmp_path: Path) -> None:
    it = cache(tmp_path / "kept", 0)

    assert not it.put("a", b"")
    assert (it.get("a"), it.load(), it.is_on) == (None, {}, False)
    assert not (tmp_path / "kept").exists()


def test_strange_files_are_let_be_and_half_written_ones_go(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "link.thing").symlink_to("/etc/hostname")
    (tmp_path / f".a.thing.{os.getpid()}-1.unfinished").write_bytes(b"half")

    assert cache(tmp_path).load() == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.thing", "notes.md"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing_is_left_alone_for_ten_minutes_but_read(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def refuse(path: Path, content: bytes, **_: object) -> None:
        tries.append(path)
        raise OSError(code, os.strerror(code))

    clock = Clock()
    it = cache(tmp_path, clock=clock)
    it.put("a", b"content")
    with monkeypatch.context() as patched:
        patched.setattr(disk_cache, "write_atomic", refuse)
        assert [it.put(key, b"content") for key in "bcd"] == [False] * 3
    assert (len(tries), it.is_on, it.get("a")) == (1, False, b"content")
    assert caplog.text.count("off for 10 minutes") == 1

    clock.now = OFF_S
    assert it.put("b", b"content")


def test_a_disk_that_cannot_be_read_is_left_alone_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    it = cache(tmp_path, clock=clock)
    it.put("a", b"content")
    opened = []

    def broken(path: Path, *_: object) -> None:
        opened.append(path)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(disk_cache, "read_regular", broken)
        assert [it.get("a"), it.get("a")] == [None, None]
        assert cache(tmp_path).load() == {}
    assert len(opened) == 2
    assert not it.is_on
    assert caplog.text.count("off for 10 minutes") == 2

    clock.now = OFF_S
    assert it.get("a") == b"content"


def test_many_threads_at_once_keep_the_limit(tmp_path: Path) -> None:
    it, wrong = cache(tmp_path, 5 * FILE), []

    def work(name: str) -> None:
        for number in range(10):
            it.put(f"{name}{number}", bytes(100))
            if it.get(f"{name}{number}") not in (None, bytes(100)):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not wrong
    assert len(list(tmp_path.iterdir())) == len(it) == 5
    assert it.used_bytes == 5 * FILE
