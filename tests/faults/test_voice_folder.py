"""F35-F37: whatever is done to the folder of voices, whoever is spoken to is not harmed and the list stays bounded."""

from __future__ import annotations

import builtins
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import STOP, FakeEngine, Wire, chunk, pcm, serving, start, until
from tests.studio.own_voices import a_voice
from wyoming_qwen3tts.errors import UnknownVoice
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice
from wyoming_qwen3tts.util.files import read_regular
from wyoming_qwen3tts.voices import folder as folder_module
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.file_format import encode
from wyoming_qwen3tts.voices.folder import VoiceFolder


class Home(FakeEngine):
    """Speaks as everybody in a folder too."""

    def __init__(self, folder: Path, limit: int = 200) -> None:
        super().__init__()
        self.folder = VoiceFolder(folder, limit)
        self._known: tuple[object, tuple[Voice, ...]] = (None, ())

    def clones(self) -> tuple[Voice, ...]:
        cards = self.folder.cards()
        if cards is not self._known[0]:
            made = (Voice(c.name, c.name, tuple(LANGUAGES), self.name, f"clone:{c.name}", kind=c.kind) for c in cards)
            self._known = (cards, tuple(made))
        return self._known[1]


async def describe(wire: Wire) -> list[str]:
    await wire.send("describe")
    (event,) = await wire.until("info")
    return [voice["name"] for voice in event.data["tts"][0]["voices"]]


def fill(folder: Path, count: int) -> None:
    folder.mkdir()
    data = encode(a_voice())
    for number in range(count):
        (folder / f"voice {number:05d}.safetensors").write_bytes(data)


@asynccontextmanager
async def five_hundred(folder: Path) -> AsyncIterator[tuple[Home, Wire]]:
    """A home with 499 voices, and place for one more."""
    fill(folder, 499)
    os.utime(folder, (0, 0))  # as on any later day
    home = Home(folder, limit=500)
    async with serving(home) as server:
        server.service.catalog = VoiceCatalog(home.voices, home.clones)
        yield home, await server.connect()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files that are opened to be read, and of folders that are listed."""
    names: list[str] = []
    opened, listed = read_regular, os.scandir

    def noted_read(path: Path, limit_bytes: int) -> bytes:
        names.append(path.stem)
        return opened(path, limit_bytes)

    def noted_list(path: Any) -> Any:
        names.append(Path(path).name)
        return listed(path)

    monkeypatch.setattr(folder_module, "read_regular", noted_read)
    monkeypatch.setattr(os, "scandir", noted_list)
    return names


async def test_five_hundred_voices_are_described_without_a_look_into_a_file_and_one_more_at_once(
    tmp_path: Path, read: list[str]
) -> None:
    async with five_hundred(tmp_path / "voices") as (home, wire):
        before = await describe(wire)
        assert len(read) == 1 + 499
        read.clear()
        for _ in range(20):
            await describe(wire)
        assert read == []
        home.folder.add(a_voice("the last one"))
        read.clear()
        after = await describe(wire)

    assert [name for name in read if name != "voices"] == ["the last one"]
    assert len(before) == 509
    assert after == [*before[:10], "the last one", *before[10:]]


@pytest.mark.timing
async def test_five_hundred_voices_are_described_within_fifty_milliseconds(tmp_path: Path) -> None:
    """The client's own reading of 300 kB of JSON included."""
    async with five_hundred(tmp_path / "voices") as (_, wire):
        await describe(wire)
        took = []
        for _ in range(20):
            began = time.perf_counter()
            await describe(wire)
            took.append(time.perf_counter() - began)

    assert sorted(took)[len(took) // 2] < 0.05


async def test_ten_thousand_files_are_two_hundred_voices_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, read: list[str]
) -> None:
    """The folder has just changed, so it is listed again, but no file is read again."""
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "voices"
    fill(folder, 200)
    for number in range(9_800):
        os.mknod(folder / f"zz {number}.safetensors")
    home = Home(folder)
    async with serving(home) as server:
        server.service.catalog = VoiceCatalog(home.voices, home.clones)
        wire = await server.connect()
        names = await describe(wire)
        read.clear()
        await describe(wire)

    assert len(names) == 210
    assert set(read) <= {"voices"}
    assert [record.message for record in caplog.records] == [
        f"There are 10000 files in {folder}; only the first 200 are voices. Move some away, or raise limits.voices"
    ]


async def test_a_voice_that_is_deleted_while_it_speaks_speaks_on_and_is_gone_from_the_list(tmp_path: Path) -> None:
    fill(tmp_path / "voices", 1)
    home = Home(tmp_path / "voices")
    async with serving(home) as server:
        server.service.catalog = VoiceCatalog(home.voices, home.clones)
        wire = await server.connect()
        home.release.clear()
        await wire.send(start(voice={"name": "voice 00000"}), chunk("It speaks on to its end."), STOP)
        await until(lambda: home.speaking)
        home.folder.remove("voice 00000")
        home.release.set()
        events = await wire.until("synthesize-stopped", "error")
        other = await server.connect()
        gone = await describe(other)
        await other.send(start(voice={"name": "voice 00000"}), chunk("And now?"), STOP)

        assert len(pcm(events)) > 3_840
        assert not [name for name in gone if name.startswith("voice")]
        assert await other.error() == "unknown-voice"


@pytest.mark.parametrize("what", ["absent", "a file", "unreadable"])
async def test_a_folder_that_cannot_be_read_leaves_everybody_else(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "voices"
    if what == "a file":
        folder.write_text("no folder")
    elif what == "unreadable":
        fill(folder, 2)

        def forbidden(*_: object) -> Any:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr("wyoming_qwen3tts.voices.folder.os.scandir", forbidden)
    home = Home(folder)
    async with serving(home) as server:
        server.service.catalog = VoiceCatalog(home.voices, home.clones)
        wire = await server.connect()
        names = [await describe(wire) for _ in range(3)]

    assert [len(found) for found in names] == [10] * 3
    assert len(caplog.records) == (0 if what == "absent" else 1)


async def test_unreadable_files_and_links_out_are_left_out_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    folder = tmp_path / "voices"
    fill(folder, 2)
    secret = tmp_path / "secret.safetensors"
    secret.write_bytes(encode(a_voice()))
    (folder / "link.safetensors").symlink_to(secret)
    (folder / "dead.safetensors").symlink_to(tmp_path / "nothing")
    (folder / "locked.safetensors").write_bytes(encode(a_voice()))
    (folder / "empty.safetensors").write_bytes(b"")
    plain = read_regular

    def guarded(path: Path, limit_bytes: int) -> bytes:
        if path.stem == "locked":
            raise PermissionError(13, "Permission denied")
        return plain(path, limit_bytes)

    monkeypatch.setattr(folder_module, "read_regular", guarded)
    voices = VoiceFolder(folder)

    found = [[card.name for card in voices.cards()] for _ in range(3)]

    assert found == [["voice 00000", "voice 00001"]] * 3
    assert len(caplog.records) == 2


NAMES = [
    "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "a\0b", "..", ".", "CON:", "x" * 10_000, "\u202enohj",
    "a\u200db", "..\u2215etc", "file:///etc/passwd", "~root", "%2e%2e%2fetc", "\u0430nna", "voices",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_opens_a_file_outside_the_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P11. A spy on every way to open a file."""
    fill(tmp_path / "voices", 1)
    home = Home(tmp_path / "voices")
    opened: list[str] = []
    for module, function in ((builtins, "open"), (os, "open"), (os, "scandir")):
        plain = getattr(module, function)

        def spied(path: Any, *args: Any, _plain: Any = plain, **kwargs: Any) -> Any:
            opened.append(str(path))
            return _plain(path, *args, **kwargs)

        monkeypatch.setattr(module, function, spied)
    catalog = VoiceCatalog(home.voices, home.clones, why_mute=lambda wanted: home.folder.find(wanted))

    with pytest.raises(UnknownVoice):
        catalog.find(name)
    with pytest.raises(UnknownVoice):
        home.folder.read(name)
    with pytest.raises(UnknownVoice):
        home.folder.remove(name)

    assert all(path.startswith(str(tmp_path / "voices")) for path in opened)
