"""The lexicon over HTTP: read, replaced as a whole, refused line by line."""

from __future__ import annotations

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.servers.http.web import Web
from tests.servers.http.web import web as plain_web
from wyoming_qwen3tts.servers.http.routers import lexicon
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.text.lexicon import FILES


def web(settings: Settings) -> AbstractAsyncContextManager[Web]:
    return plain_web(settings=settings, routers=(lexicon.routes(settings),))


def here(tmp_path: Path, **http: object) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "http": http})


async def put(server: Web, name: str, text: str, **more: str) -> tuple[int, dict]:  # type: ignore[type-arg]
    answer = await server.client.put(f"/v1/lexicon/{name}", json={"text": text, **more})
    return answer.status_code, answer.json()


async def test_a_written_lexicon_is_read_back_and_used_at_once(tmp_path: Path) -> None:
    async with web(here(tmp_path)) as server:
        status, written = await put(server, "en", "# ours\nSonos = Sohnoss\n")
        read = (await server.client.get("/v1/lexicon/en")).json()
        spoken = (await server.client.get("/v1/audio/spoken", params={"text": "Sonos plays.", "language": "en"})).json()

    assert status == 200
    assert read == written
    assert (read["text"], read["entries"], read["errors"]) == ("# ours\nSonos = Sohnoss\n", 1, [])
    assert spoken["spoken"] == "Sohnoss plays."


async def test_the_overview_counts_the_words_of_every_file(tmp_path: Path) -> None:
    async with web(here(tmp_path)) as server:
        await put(server, "all", "a = b\nc = d\n")
        listed = (await server.client.get("/v1/lexicon")).json()["data"]

    assert [one["name"] for one in listed] == list(FILES)
    assert listed[0]["entries"] == 2


async def test_a_wrong_line_refuses_the_file_and_is_named(tmp_path: Path) -> None:
    async with web(here(tmp_path)) as server:
        await put(server, "all", "a = b\n")
        status, refused = await put(server, "all", "a = b\nno equals sign\n= nothing\n")
        kept = (await server.client.get("/v1/lexicon/all")).json()["text"]

    error = refused["error"]
    assert status == 400
    assert (error["param"], error["code"]) == ("text", "bad-lexicon")
    assert error["message"] == "Line 2: no '=' between word and respelling."
    assert [one["line"] for one in error["lines"]] == [2, 3]
    assert kept == "a = b\n"


async def test_who_saves_an_old_version_overwrites_nothing(tmp_path: Path) -> None:
    async with web(here(tmp_path)) as server:
        version = (await server.client.get("/v1/lexicon/de")).json()["version"]
        first, second = await asyncio.gather(*(put(server, "de", f"a = {x}\n", version=version) for x in "bc"))
        text = (await server.client.get("/v1/lexicon/de")).json()["text"]

    assert sorted([first[0], second[0]]) == [200, 409]
    winner, loser = (first, second) if first[0] == 200 else (second, first)
    assert text == winner[1]["text"]
    assert loser[1]["error"]["code"] == "lexicon-changed"


@pytest.mark.parametrize("name", ["xx", "..", "..%2fen", "all.txt", "EN"])
async def test_only_the_eleven_files_exist(tmp_path: Path, name: str) -> None:
    async with web(here(tmp_path)) as server:
        answer = await server.client.put(f"/v1/lexicon/{name}", json={"text": "a = b"})

    assert answer.status_code in (400, 404, 405)
    assert not (tmp_path / "lexicon").exists()


async def test_the_lexicon_is_behind_the_key(tmp_path: Path) -> None:
    async with web(here(tmp_path, api_keys="secret-word")) as server:
        answer = await server.client.put("/v1/lexicon/en", json={"text": ""}, headers={"Authorization": "Bearer x"})

    assert answer.status_code == 401


async def test_a_disk_that_is_full_says_so_and_keeps_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with web(here(tmp_path)) as server:
        await put(server, "en", "a = b\n")

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.fsync", full)
        status, refused = await put(server, "en", "a = c\n")

    assert status == 507
    assert "The disk is full" in refused["error"]["message"]
    assert [path.name for path in (tmp_path / "lexicon").iterdir()] == ["en.txt"]
    assert (tmp_path / "lexicon" / "en.txt").read_text() == "a = b\n"


async def test_a_file_that_cannot_be_read_whole_is_not_offered_for_editing(tmp_path: Path) -> None:
    folder = tmp_path / "lexicon"
    (folder / "de.txt").mkdir(parents=True)
    (folder / "en.txt").write_text("a = b\n" * 200_000)
    async with web(here(tmp_path)) as server:
        answers = [await server.client.get(f"/v1/lexicon/{name}") for name in ("de", "en")]

    assert [answer.status_code for answer in answers] == [507, 507]
    assert "cannot be read" in answers[0].json()["error"]["message"]
    assert "smaller" in answers[1].json()["error"]["message"]


async def test_a_body_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    async with web(here(tmp_path)) as server:
        status, refused = await put(server, "en", "a = b\n" * 20_000)

    assert status == 413
    assert refused["error"]["code"] == "too-large"


@pytest.mark.parametrize("body", [{"text": "\ud800 = b"}, {"text": 7}, {}, {"text": "", "x": 1}, [], {"text": None}])
async def test_what_is_no_lexicon_is_refused_in_words(tmp_path: Path, body: object) -> None:
    async with web(here(tmp_path)) as server:
        answer = await server.client.put(
            "/v1/lexicon/en", content=json.dumps(body), headers={"Content-Type": "application/json"}
        )

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


async def test_lines_that_end_in_any_way_are_kept_as_lines(tmp_path: Path) -> None:
    async with web(here(tmp_path)) as server:
        _, written = await put(server, "ja", "a = b\r\nc = d\u2028e = f")

    assert (tmp_path / "lexicon" / "ja.txt").read_bytes() == b"a = b\nc = d\ne = f\n"
    assert written["entries"] == 3
