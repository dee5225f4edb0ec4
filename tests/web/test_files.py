"""The page's files: small, complete in ten languages, safe, and kept by browsers for as long as they stay the same."""

from __future__ import annotations

import json
import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

import wyoming_qwen3tts
from tests.harness import FakeEngine
from tests.servers.http.web import Web
from tests.servers.http.web import web as plain_web
from wyoming_qwen3tts.app import web as app_web
from wyoming_qwen3tts.app.build import build_studio
from wyoming_qwen3tts.servers.http.routers import page
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.moods import MOOD_OF, MOODS
from wyoming_qwen3tts.text.spoken import explain
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

WEB = Path(wyoming_qwen3tts.__file__).parent / "web"
FILES = sorted(path for path in WEB.rglob("*") if path.is_file())
REFUSAL = WEB.parent / "servers" / "http" / "foreign_name.py"  # a page without scripts, in the same words
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
WORDS = {code: json.loads((WEB / "i18n" / f"{code}.json").read_text(encoding="utf-8")) for code in LANGUAGES}


def web(**more: Any) -> AbstractAsyncContextManager[Web]:
    """A web door with the page."""
    return plain_web(routers=(page.routes(),), **more)


def test_all_that_a_browser_fetches_is_smaller_than_300_kb() -> None:
    """Unpacked, in the language with the most bytes; `test_house` has a browser fetch it."""
    sizes = {path: path.stat().st_size for path in FILES}
    languages = [size for path, size in sizes.items() if path.parent.name == "i18n"]

    assert len(languages) == len(LANGUAGES)
    assert sum(sizes.values()) - sum(languages) + max(languages) < 300_000


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_what_it_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("// ")


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_language_has_every_text_and_every_hole_in_it(code: str) -> None:
    def holes(text: str) -> list[str]:
        return sorted(re.findall(r"\{\w+\}", text))

    assert WORDS[code].keys() == WORDS["en"].keys()
    assert {key: holes(text) for key, text in WORDS[code].items()} == {
        key: holes(text) for key, text in WORDS["en"].items()
    }
    assert all(text.strip() for text in WORDS[code].values())


def test_every_text_that_is_asked_for_exists_and_none_is_left_over() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in [*SCRIPTS, WEB / "index.html", REFUSAL])
    asked = set(re.findall(r"""["'`]([a-z]+(?:\.[a-z0-9-]+)+)["'`]""", source))
    built = set(re.findall(r"`([a-z.]+\.)\$\{", source))  # `state.${state}`

    missing = set(re.findall(r"""\bt\(["']([^"']+)["']""", source)) - WORDS["en"].keys()
    unused = {
        key
        for key in WORDS["en"].keys() - asked
        if not any(key.startswith(stem) for stem in built) and f'"{key}"' not in source
    }

    assert not missing
    assert not unused


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_names_of_moods_are_marks_and_the_dialogue_is_spoken_without_its_own(code: str) -> None:
    names = {key.removeprefix("mood."): name for key, name in WORDS[code].items() if key.startswith("mood.")}
    assert {mood: MOOD_OF[name.casefold()] for mood, name in names.items()} == {mood: mood for mood in MOODS}

    said = explain(WORDS[code]["marks.dialogue"], code, is_voice={"ryan", "vivian"}.__contains__)
    assert [(turn["voice"], turn["mood"], turn["pause_s"]) for turn in said["turns"]] == [
        ("ryan", None, 0.0),
        ("vivian", "happy", 1.0),
    ]
    assert not set("[]:") & set(said["spoken"])


def test_no_script_or_style_is_inline_and_no_other_host_is_named() -> None:
    html = (WEB / "index.html").read_text(encoding="utf-8")

    assert not re.findall(r"<style|<script>|\sstyle=|\son[a-z]+=|javascript:", html)
    for path in FILES:
        hosts = re.findall(r"https?://([\w.-]+)", path.read_text(encoding="utf-8"))
        assert set(hosts) <= {"www.w3.org", "SERVER", "192.168.1.20"}, path


def test_scripts_make_no_markup_from_text() -> None:
    for path in SCRIPTS:
        found = re.findall(
            r"\.(?:innerHTML|outerHTML|insertAdjacentHTML|write)\b|\beval\b|new Function",
            path.read_text(encoding="utf-8"),
        )
        assert not found, path


async def test_the_page_needs_no_key_and_names_all_its_files_relative_to_itself() -> None:
    async with web(settings=Settings.model_validate({"http": {"api_keys": "secret-word"}})) as server:
        index = await server.client.get("/", headers={"Authorization": ""})
        named = re.findall(r'(?:href|src)="([^"#{]+)', index.text)

        assert index.status_code == 200
        assert index.headers["content-type"] == "text/html; charset=utf-8"
        assert all(name.startswith("assets/") for name in named)
        for name in dict.fromkeys(named):
            file = await server.client.get(f"/{name}", headers={"Authorization": ""})
            assert file.status_code == 200, name
        modules = {
            str(path.relative_to(WEB)) for path in SCRIPTS if path.name not in ("theme.js", "recorder-worklet.js")
        }
        assert {name.split("/", 2)[2] for name in named if name.endswith(".js")} == modules | {"theme.js"}


async def test_the_page_forbids_whatever_it_does_not_need() -> None:
    async with web() as server:
        headers = (await server.client.get("/")).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))

        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'self'"
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_browsers_keep_a_file_for_as_long_as_it_stays_the_same() -> None:
    async with web() as server:
        index = await server.client.get("/")
        again = await server.client.get("/", headers={"If-None-Match": index.headers["etag"]})
        css = re.search(r"assets/(\w+)/css/base.css", index.text)
        assert css
        kept = await server.client.get(f"/{css[0]}")
        old = await server.client.get("/assets/0123456789ab/css/base.css")

        assert index.headers["cache-control"] == "no-cache"
        assert (again.status_code, again.content) == (304, b"")
        assert "immutable" in kept.headers["cache-control"]
        assert kept.headers["content-encoding"] == "gzip"
        assert old.headers["cache-control"] == "no-cache"
        assert old.text == kept.text
        plain = await server.client.get(f"/{css[0]}", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        assert plain.text == kept.text


@pytest.mark.parametrize("name", ["x.js", "../app.py", "%2e%2e/app.py", "index.html", "js/../../page.py"])
async def test_only_the_files_of_the_page_are_served(name: str) -> None:
    async with web() as server:
        answer = await server.client.get(f"/assets/1/{name}")

        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not-found"


async def test_who_only_claims_to_come_through_home_assistant_gets_no_page() -> None:
    async with web() as server:
        answer = await server.client.get("/", headers={"X-Ingress-Path": "/api/hassio_ingress/x"})

        assert answer.status_code == 403


async def test_head_and_the_icon_that_browsers_ask_for_by_themselves() -> None:
    async with web() as server:
        head = await server.client.head("/")
        icon = await server.client.get("/favicon.ico")

        assert (head.status_code, head.content) == (200, b"")
        assert icon.headers["content-type"] == "image/svg+xml"


async def test_the_server_has_the_page_at_its_door(tmp_path: Path) -> None:
    """As the program puts it together."""
    settings = Settings.model_validate({"data_dir": tmp_path, "http": {"uri": "tcp://127.0.0.1:0"}})
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), settings.limits, slots=1)
    studio = build_studio(settings, None, service.catalog)
    sockets = app_web.web_listener(settings)
    assert sockets is not None
    address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    async with app_web.web_server(settings, service, sockets, studio), httpx.AsyncClient(base_url=address) as client:
        found = [(await client.get(path)).status_code for path in ("/", "/v1/lexicon/all", "/v1/about")]
    await service.close()
    studio.close()

    assert found == [200, 200, 200]
