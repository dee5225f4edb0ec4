"""The five lines of a start: the same with every engine, and true wherever it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.test_process import listening, running
from tests.harness import until
from wyoming_qwen3tts.app import start_lines
from wyoming_qwen3tts.doctor import card
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Hardware
from wyoming_qwen3tts.settings import Address, sources

ADD_ON = {"SUPERVISOR_TOKEN": "x"}
IMAGE = {"IMAGE_USER": "1000"}
HOUSE = "192.168.1.20"
LINES = ("wyoming-qwen3tts ", "Voice: ", "Home Assistant: ", "Page: ", "Ready after ")


@pytest.fixture(autouse=True)
def in_a_house(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a card, whose one address is `HOUSE`."""
    monkeypatch.setattr(start_lines, "probe_driver", Hardware)
    monkeypatch.setattr(card, "nvidia_on_bus", lambda: False)
    monkeypatch.setattr(start_lines, "usable_addresses", lambda host: [HOUSE] if host in ("0.0.0.0", "::") else [host])


@pytest.mark.parametrize(
    ("flags", "environ", "line"),
    [
        ({}, {}, "built-in, as there is no NVIDIA card. Natural voices: .*script/run --engine.kind qwen3, or docs/"),
        ({}, IMAGE, "built-in, as there is no .* Natural voices: QWEN3TTS_ENGINE__NATURAL_VOICE=on, or docs/"),
        (
            {}, ADD_ON,
            "Piper, where that app runs; built-in where that cannot, as there is no NVIDIA card. "
            "Natural voices: turn on Natural voice in this app's configuration$",
        ),
        ({"engine.kind": "builtin"}, {}, "built-in, as engine.kind says$"),
        ({"engine.kind": "remote", "engine.urls": "http://h:1"}, {}, "Qwen3-TTS by http://h:1; while"),
        (
            {"engine.kind": "wyoming", "engine.stand_in": "tcp://h:10200"},
            {},
            "tcp://h:10200; built-in where that cannot$",
        ),
        ({"engine.stand_in": "tcp://h:10200"}, {}, "tcp://h:10200; built-in where that cannot, as there is no NVIDIA"),
    ],
)  # fmt: skip
def test_who_speaks_and_how_to_get_another_voice(flags: dict[str, str], environ: dict[str, str], line: str) -> None:
    assert re.match(line, start_lines.voice(sources.load(flags, {}), environ))


def test_a_card_without_its_driver_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "nvidia_on_bus", lambda: True)

    line = start_lines.voice(sources.load({}, {}), {})

    assert line.startswith("built-in, as an NVIDIA card is in this machine, but no driver for it is in reach. Install")


@pytest.mark.parametrize(
    ("flags", "host", "name", "environ", "line"),
    [
        ({}, "0.0.0.0", "qwen3-tts", {}, f'add "Wyoming Protocol", host {HOUSE}, port 10200 (announced as qwen3-tts)'),
        ({"zeroconf": "off"}, "0.0.0.0", None, {}, f'add "Wyoming Protocol", host {HOUSE}, port 10200 (not announced)'),
        (
            {}, "127.0.0.1", "qwen3-tts", {},
            "on this machine only, host 127.0.0.1, port 10200; for the house: --wyoming.uri tcp://0.0.0.0:10200",
        ),
        (
            {"zeroconf_address": "10.0.0.5"}, "0.0.0.0", "hall", {},
            'add "Wyoming Protocol", host 10.0.0.5, port 10200 (announced as hall)',
        ),
        ({}, "0.0.0.0", None, ADD_ON, "it is offered there, Settings > Devices & services, Discovered (port 10200)"),
    ],
)  # fmt: skip
def test_how_home_assistant_gets_here(
    flags: dict[str, str], host: str, name: str | None, environ: dict[str, str], line: str
) -> None:
    assert start_lines.home_assistant(sources.load(flags, {}), Address(host, 10200), name, environ) == line


def test_the_address_of_a_container_is_proposed_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_lines, "usable_addresses", lambda _: ["172.17.0.3"])
    monkeypatch.setattr(start_lines, "in_container", lambda _: True)
    settings = sources.load({"http.uri": "tcp://0.0.0.0:8880"}, {})

    for line in (
        start_lines.home_assistant(settings, Address("0.0.0.0", 10200), "qwen3-tts", {}),
        start_lines.page(settings, 8880, {}),
    ):
        assert "172.17.0.3" not in line
        assert "the address of this machine" in line


@pytest.mark.parametrize(
    ("flags", "environ", "line"),
    [
        ({}, {}, "http://127.0.0.1:8880, from this machine only; for the house: --http.uri tcp://0.0.0.0:8880"),
        ({"http.uri": "tcp://0.0.0.0:8880"}, {}, f"http://{HOUSE}:8880"),
        ({"http.uri": "tcp://[::1]:8880"}, {}, "http://[::1]:8880, from this machine only; for the house: --http.uri"),
        ({"http.base_url": "https://voice.example.org"}, {}, "https://voice.example.org"),
        ({"http.uri": "tcp://0.0.0.0:8880"}, ADD_ON, "Open Web UI, on this app's page in Home Assistant"),
    ],
)
def test_where_the_page_is_and_for_whom(flags: dict[str, str], environ: dict[str, str], line: str) -> None:
    assert start_lines.page(sources.load(flags, {}), 8880, environ).startswith(line)


@pytest.mark.parametrize(
    ("flags", "environ", "line"),
    [
        ({}, {}, "off (mqtt.host)"),
        ({"mqtt.host": "10.0.0.9"}, {}, "by MQTT, 10.0.0.9, topic qwen3tts/say"),
        ({"mqtt.base_topic": "hall"}, ADD_ON, "by MQTT, where Home Assistant has a broker, topic hall/say"),
        ({"homeassistant.url": "http://h:8123"}, {}, "by HTTP; MQTT is off (mqtt.host)"),
    ],
)
def test_how_announcements_come_in(flags: dict[str, str], environ: dict[str, str], line: str) -> None:
    assert start_lines.announcements(sources.load(flags, {}), has_page=True, environ=environ) == line


@pytest.mark.parametrize(
    "flags",
    [
        ("--engine.kind", "builtin"),
        ("--engine.kind", "auto", "--http.uri", "off"),
        ("--engine.kind", "remote", "--engine.urls", "http://127.0.0.1:9"),
        ("--engine.kind", "wyoming", "--engine.stand-in", "tcp://127.0.0.1:9"),
        ("--engine.kind", "qwen3", "--models.endpoint", "http://127.0.0.1:9"),
        ("--engine.kind", "qwen3", "--engine.device", "cuda"),
        ("--engine.kind", "builtin", "--mqtt.host", "127.0.0.1", "--mqtt.port", "9"),
    ],
    ids=lambda flags: " ".join(flags),
)
async def test_a_start_has_the_same_five_lines_and_warnings_once(flags: tuple[str, ...], tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with running("--data-dir", str(tmp_path / "data"), *flags, log=log, within_s=60):
        await listening(log)
        await until(lambda: "Ready after" in log.read_text() and "Voice: " in log.read_text(), within_s=60)
        await until(lambda: "mqtt.host" not in flags or "mqtt: no connection" in log.read_text(), within_s=60)
        text = log.read_text()

    said = [line.split(None, 3)[2:] for line in text.splitlines()]
    told = [" ".join(words) for _, *words in said for words in [words]]
    lines = [line for (level, *_), line in zip(said, told, strict=True) if level == "INFO"]
    others = [line for (level, *_), line in zip(said, told, strict=True) if level != "INFO"]
    assert sorted(line for line in lines if line.startswith(LINES)) == sorted(lines), text
    assert [sum(line.startswith(start) for line in lines) for start in LINES] == [1] * 5, text
    assert len(set(others)) == len(others), text
    assert not re.search(r"web door|Room:|see below|Steps down|SecretStr|\('|RTF|Traceback", text), text
    assert text.count("Connection refused") <= 1, text
