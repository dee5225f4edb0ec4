"""By which names the web door is called: a home gets in, a stranger's name that points into it does not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.harness import until
from tests.servers.http.web import web
from wyoming_qwen3tts.servers.http.hosts import HostNames, host_name, own_names
from wyoming_qwen3tts.settings import Http, Settings

HOME = (
    "192.168.1.20", "[fd00::20]", "127.0.0.1:8880", "localhost", "127.0.0.1.", "nas", "nas:8880", "NAS.Local",
    "voice.local.", "a.b.localhost", "tts.home.arpa", "tts.internal", "tts.lan", "server.home", "tts.localdomain",
    "tts.intranet", "tts.private", "tts.corp", "addon.local.hass.io", "server.fritz.box:8880", "SERVER.FRITZ.BOX.",
    "nas.speedport.ip", "tts.example.org", "base.example.org",
)  # fmt: skip
STRANGERS = (
    "evil.example", "127.0.0.1.nip.io", "192-168-1-20.sslip.io", "localhost.evil.example", "nas.local.evil.example",
    "fritz.box.evil.example", "evil.box", "server.evil.box", "evil-fritz.box", "server.evil-fritz.box", "evil.ip",
    "server.evil.ip", "evilhome.arpa", "x.arpa", "notlan.example", "a.homelan.example", "fritz.box", "hass.io",
    "tts.example.org.evil.example", "x.tts.example.org", "example.org", "a..local", "1.2.3.4.5",
    "evil.example:80", "ev\u0131l.l\u00e4n.example",
)  # fmt: skip


@pytest.mark.parametrize(("name", "passes"), [*((n, True) for n in HOME), *((n, False) for n in STRANGERS)])
def test_a_name_passes_if_no_stranger_can_own_it(name: str, passes: bool) -> None:
    names = HostNames(("tts.example.org", "base.example.org"))

    assert names.include(host_name(name)) is passes


def test_no_name_passes_because_of_where_it_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding is nothing else than that."""

    def asked(*_: object, **__: object) -> object:
        raise AssertionError("the resolver was asked about a stranger's name")

    names = HostNames()
    for function in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getfqdn"):
        monkeypatch.setattr(f"socket.{function}", asked)

    assert not names.include("rebound.evil.example")


def test_this_machines_own_names_are_its_name_in_full_and_below_what_its_resolver_searches(tmp_path: Path) -> None:
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(
        "# made by hand\nnameserver 192.168.1.1\nsearch Example.org  lab.example.org.\ndomain old.example\noptions x\n"
    )

    names = own_names(resolver, lambda: "Tower", lambda: "tower.example.net")

    assert names == {
        "tower", "tower.example.net", "tower.example.org", "tower.lab.example.org", "tower.old.example",
    }  # fmt: skip
    assert own_names(tmp_path / "none", lambda: "tower", lambda: "tower") == {"tower"}


async def test_names_are_learned_beside_and_let_nobody_else_in() -> None:
    slow = threading.Event()

    def names() -> set[str]:
        slow.wait(5)
        return {"tower.example.org"}

    async with web(own_names=names) as it:

        async def status(host: str) -> int:
            return (await it.client.get("/health/live", headers={"Host": host})).status_code

        assert await status("tower.example.org") == 403
        slow.set()
        await until(lambda: not [one for one in threading.enumerate() if one.name == "own names"])

        assert await status("tower.example.org:8880") == 200
        assert await status("other.example.org") == 403


async def test_a_browser_gets_a_page_that_says_what_to_do_and_a_program_gets_json() -> None:
    async with web(settings=Settings(http=Http(base_url="http://192.168.1.20:8880"))) as it:
        named = {"Host": "voice.example.org:8880"}
        eyes = named | {"Accept": "text/html,application/xhtml+xml", "Accept-Language": "sv, de-AT;q=0.9, en;q=0.8"}
        seen = await it.client.get("/", headers=eyes)
        program = await it.client.get("/v1/models", headers=named)

    assert (seen.status_code, program.status_code) == (403, 403)
    assert seen.headers["content-type"].startswith("text/html")
    assert 'lang="de"' in seen.text
    assert "--http.hosts voice.example.org" in seen.text
    assert 'href="http://192.168.1.20:8880"' in seen.text
    assert program.json()["error"]["code"] == "foreign-name"
    assert "--http.hosts voice.example.org" in program.json()["error"]["message"]


async def test_the_page_names_the_address_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    contained = False
    monkeypatch.setattr("wyoming_qwen3tts.servers.http.foreign_name.in_container", lambda: contained)
    async with web() as it:
        headers = {"Host": "voice.example.org", "Accept": "text/html"}
        on_this_machine = await it.client.get("/", headers=headers)
        contained = True
        in_a_container = await it.client.get("/", headers=headers)

        assert f'href="http://127.0.0.1:{it.door.port}"' in on_this_machine.text
        assert "href" not in in_a_container.text


@pytest.mark.parametrize("name", ["<script>alert(1)</script>.example", 'x".example', "a&b.example", "a<b.example"])
async def test_a_name_is_text_and_never_markup(name: str) -> None:
    async with web() as it:
        wire = await it.wire()
        await wire.send(f"GET / HTTP/1.1\r\nHost: {name}\r\nAccept: text/html\r\nConnection: close\r\n\r\n".encode())
        answer = (await wire.reader.read()).decode()

    assert answer.startswith("HTTP/1.1 403")
    assert name not in answer


@pytest.mark.parametrize(
    ("uri", "only_here"),
    [
        ("tcp://127.0.0.1:8880", True),
        ("tcp://localhost:8880", True),
        ("tcp://[::1]:8880", True),
        ("tcp://0.0.0.0:8880", False),
        ("tcp://192.168.1.20:8880", False),
    ],
)
async def test_it_is_told_whether_other_devices_get_in(uri: str, only_here: bool) -> None:
    async with web(settings=Settings(http=Http(uri=uri))) as it:
        assert (await it.client.get("/v1/about")).json()["only_here"] is only_here
