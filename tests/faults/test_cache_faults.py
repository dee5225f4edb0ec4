"""F35 for the phrase cache: a full, read-only or broken disk, and files that are not what they were."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.service.phrases import caching
from wyoming_qwen3tts.util import disk_cache
from wyoming_qwen3tts.util.disk_cache import OFF_S


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EACCES])
async def test_a_disk_that_takes_nothing_costs_no_reply_and_is_left_alone_for_ten_minutes(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now, tries = [1000.0], []

    def refuse(path: Path, content: bytes, **_: object) -> None:
        tries.append(path)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(disk_cache, "write_atomic", refuse)
    async with caching(tmp_path, clock=lambda: now[0]) as it:
        replies = [await it.say() for _ in range(3)]
        assert len(set(replies)) == 1
        assert len(tries) == 1
        assert not it.cache.is_on

        now[0] += OFF_S
        monkeypatch.undo()
        await it.say()
        await it.say()

        assert it.was_cached == [False, False, False, False, True]
    assert [record.levelname for record in caplog.records if "off for 10 minutes" in record.message] == ["WARNING"]


async def test_a_write_that_fails_half_way_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "rename", full)
    async with caching(tmp_path) as it:
        await it.say()

        assert not list((tmp_path / "phrases").iterdir())
        assert not len(it.cache)


@pytest.mark.parametrize("damage", ["empty", "cut", "bit", "other", "gone", "longer"])
async def test_a_damaged_recording_is_dropped_and_spoken_anew(damage: str, tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        good = await it.say()
        (file,) = (tmp_path / "phrases").iterdir()
        content = file.read_bytes()
        flipped = bytearray(content)
        flipped[len(content) // 2] ^= 1
        match damage:
            case "gone":
                file.unlink()
            case _:
                broken = {
                    "empty": b"",
                    "cut": content[:-9],
                    "bit": bytes(flipped),
                    "other": b"RIFF",
                    "longer": content * 2,
                }
                file.write_bytes(broken[damage])

        assert await it.say() == good
        assert await it.say() == good
        assert it.was_cached == [False, False, True]
        assert it.cache.dropped == 1


async def test_what_a_crash_left_half_written_is_cleared_away_and_strange_files_are_let_be(tmp_path: Path) -> None:
    folder = tmp_path / "phrases"
    folder.mkdir()
    (folder / f".abc.phrase.{os.getpid()}-456.unfinished").write_bytes(b"half")
    (folder / "notes.md").write_text("mine")
    (folder / "link.phrase").symlink_to("/etc/hostname")

    async with caching(tmp_path) as it:
        assert not len(it.cache)

    assert sorted(file.name for file in folder.iterdir()) == ["link.phrase", "notes.md"]


async def test_a_folder_that_cannot_be_made_or_read_costs_no_reply(tmp_path: Path) -> None:
    (tmp_path / "phrases").write_text("a file, no folder")

    async with caching(tmp_path) as it:
        assert await it.say() == await it.say()
        assert it.was_cached == [False, False]
