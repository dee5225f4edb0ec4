"""``doctor``: each line is fine, or says what to do."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.engine.remote.speech_server import speech_server
from tests.harness import FakeEngine, free_port, serving
from tests.homeassistant.fake_supervisor import fake_supervisor
from tests.mosquitto import certificates
from wyoming_qwen3tts import doctor
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.doctor import report
from wyoming_qwen3tts.doctor import (
    Check,
    CheckContext,
    card,
    disk,
    homeassistant,
    memory,
    models,
    mqtt,
    ports,
    remote,
    voice,
)
from wyoming_qwen3tts.downloads.hub import is_offline
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Card, Hardware, nvidia_on_bus
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.util import installation

RTX = Card(0, "NVIDIA GeForce RTX 5090", (12, 0), 32_607, 30_000)
ABLE = Hardware(
    torch="2.11.0+cu128", wheel_cuda=(12, 8), arch_list=("sm_75", "sm_86", "sm_120"), driver="580.95.05",
    driver_cuda=(13, 0), cards=(RTX,),
)  # fmt: skip
SMALL = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"


def place(hardware: Hardware | None = None, environ: dict[str, str] | None = None, **settings: str) -> CheckContext:
    chosen = {name.replace("__", "."): value for name, value in settings.items()}
    return CheckContext(load(chosen, {}), environ or {}, probe=lambda: hardware or Hardware())


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.check: check for check in checks}


def test_a_check_that_fails_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="nothing to do about it"):
        Check("disk", False, "full")


# The card


def test_a_machine_without_a_card_is_fine_unless_one_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "nvidia_on_bus", lambda: False)

    assert all(check.ok for check in card.check(place()))
    asked = by_name(card.check(place(engine__device="cuda")))
    assert not asked["driver"].ok
    assert "--gpus all" in asked["driver"].fix


def test_a_card_without_a_driver_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, vendor, kind in (("0000:00:02.0", "0x8086", "0x030000"), ("0000:01:00.0", "0x10de", "0x030000")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(vendor + "\n")
        (tmp_path / name / "class").write_text(kind + "\n")
    (tmp_path / "0000:02:00.0").mkdir()  # gone while we look
    assert nvidia_on_bus(tmp_path)
    assert not nvidia_on_bus(tmp_path / "0000:00:02.0")
    monkeypatch.setattr(card, "nvidia_on_bus", lambda: True)

    found = by_name(card.check(place()))["driver"]

    assert not found.ok
    assert "NVIDIA container toolkit" in found.fix


def test_a_card_that_torch_has_code_for_is_fine() -> None:
    checks = by_name(card.check(place(ABLE)))

    assert all(check.ok for check in checks.values())
    assert "RTX 5090, compute capability 12.0" in checks["card"].detail
    assert "sm_120" in checks["code for the card"].detail
    assert "Qwen3-TTS on cuda:0" in checks["engine"].detail


@pytest.mark.parametrize(
    ("hardware", "check", "fix"),
    [
        (Hardware(driver="580.1", driver_cuda=(13, 0)), "code for the card", "script/run --engine.kind qwen3"),
        (Hardware(torch="2.13.0+cpu", driver="580.1", driver_cuda=(13, 0)), "code for the card", "script/run --engine"),
        (
            Hardware(torch="2.11.0+cu128", wheel_cuda=(12, 8), driver="580.1", driver_cuda=(13, 0), cuda_error="busy"),
            "card",
            "nvidia-smi",
        ),
        (
            Hardware(
                torch="2.9.0+cu126", wheel_cuda=(12, 6), arch_list=("sm_50", "sm_90"), driver="580.1",
                driver_cuda=(13, 0), cards=(RTX,),
            ),
            "code for the card",
            "Install a newer one, cu128 or cu130",
        ),
        (
            Hardware(torch="2.12.0+cu130", wheel_cuda=(13, 0), driver="550.1", driver_cuda=(12, 4)),
            "engine",
            "Update the driver to 580",
        ),
    ],
)  # fmt: skip
def test_what_is_between_a_driver_and_speech_is_said(hardware: Hardware, check: str, fix: str) -> None:
    found = by_name(card.check(place(hardware)))

    assert not found[check].ok
    assert fix in found[check].fix
    assert not found["engine"].ok


def test_the_cpu_is_called_slow_where_it_was_not_chosen() -> None:
    hardware = Hardware(torch="2.13.0+cpu", cpu_bfloat16=True)

    assert "slower than speech" in by_name(card.check(place(hardware, engine__kind="qwen3")))["engine"].detail


def test_the_built_in_voice_needs_no_card() -> None:
    def nobody_asks() -> Hardware:
        raise AssertionError("torch was imported")

    checks = card.check(CheckContext(load({"engine.kind": "builtin"}, {}), {}, probe=nobody_asks))

    assert [check.ok for check in checks] == [True]


# Memory, disk, models


def test_a_model_on_the_cpu_needs_more_memory_than_one_on_a_card() -> None:
    on_cpu = memory.needed(place(Hardware(torch="2.13.0+cpu", cpu_bfloat16=True), engine__kind="qwen3"))

    assert memory.needed(place()) < memory.needed(place(ABLE)) < on_cpu
    assert 2_500 < on_cpu < 5_000


def test_too_little_memory_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 900 << 20)

    assert memory.check(place())[0].ok
    [found] = memory.check(place(Hardware(torch="2.13.0+cpu"), engine__kind="qwen3"))
    assert not found.ok
    assert "0.6B" in found.fix


def test_the_disk_must_hold_what_is_still_to_come(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = type("Usage", (), {"free": 2_000_000_000})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)

    assert disk.check(place(data_dir=str(tmp_path)))[0].ok
    [found] = disk.check(place(ABLE, data_dir=str(tmp_path), engine__model=SMALL))
    assert not found.ok
    assert "2.5 GB still to download" in found.detail


def test_a_data_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    [found] = disk.check(place(data_dir=str(tmp_path / "file" / "data")))

    assert not found.ok
    assert f"sudo chown -R {os.getuid()}:{os.getgid()} {tmp_path}" in found.fix


def test_models_are_complete_or_will_come_or_cannot(tmp_path: Path) -> None:
    complete = models.check(place(ABLE, engine__model=str(tmp_path)))
    coming = models.check(place(ABLE, engine__model=SMALL, data_dir=str(tmp_path)))
    offline = models.check(place(ABLE, engine__model=SMALL, data_dir=str(tmp_path), models__offline="on"))
    typo = models.check(place(ABLE, engine__model="qwen/0.6B CustomVoice", data_dir=str(tmp_path)))

    assert complete[0].ok
    assert coming[0].ok
    assert "about 2.5 GB" in coming[0].detail
    assert not offline[0].ok
    assert "models.offline" in offline[0].fix
    assert not typo[0].ok
    assert models.missing_bytes(place(ABLE, engine__model="no such model/x")) == 0


@pytest.mark.parametrize(
    ("switch", "is_off"), [("1", True), ("true", True), ("false", False), ("0", False), ("", False)]
)
def test_downloads_are_off_for_doctor_when_they_are_off_for_the_store(
    switch: str, is_off: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B2: ``HF_HUB_OFFLINE=false`` was offline to doctor alone."""
    monkeypatch.setenv("HF_HUB_OFFLINE", switch)

    [found] = models.check(place(ABLE, engine__model=SMALL, data_dir=str(tmp_path)))

    assert found.ok is not is_off
    assert is_offline() is is_off


def test_the_built_in_voice_needs_no_model_files() -> None:
    assert models.check(place())[0].detail == "none are needed"


def test_an_installation_without_the_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "_PACKAGES", ("no_such_package",))

    assert models.check(place(ABLE))[0].fix == installation.qwen3_advice()


# The built-in voice


def test_the_programs_of_the_built_in_voice_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    espeak = tmp_path / "espeak-ng"
    espeak.write_text("#!/bin/sh\necho 'eSpeak NG text-to-speech: 1.52  Data at: /usr'\n")
    espeak.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    english, others, kanji = voice.check(place())

    assert english.ok
    assert others == Check(others.check, True, "by eSpeak NG text-to-speech: 1.52")
    assert not kanji.ok


def test_an_espeak_that_is_missing_or_broken_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not installed" in voice.check(place())[1].detail
    broken = tmp_path / "espeak-ng"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)

    assert "does not run" in voice.check(place())[1].detail


def test_a_missing_english_voice_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    assert not voice.check(place())[0].ok


# Ports


def test_free_ports_are_fine() -> None:
    checks = ports.check(place(wyoming__uri=f"tcp://127.0.0.1:{free_port()}", http__uri="off"))

    assert [check.ok for check in checks] == [True]


async def test_a_port_that_is_ours_already_is_fine() -> None:
    async with serving(FakeEngine()) as server:
        uri = f"tcp://127.0.0.1:{server.door.port}"
        [found] = await asyncio.to_thread(ports.check, place(wyoming__uri=uri, http__uri="off"))

    assert found.ok
    assert "this server" in found.detail


def test_a_port_of_somebody_else_is_said() -> None:
    with _web_server(404) as port:
        uri = f"tcp://127.0.0.1:{port}"
        checks = ports.check(place(wyoming__uri=uri, http__uri=uri))

    assert [check.ok for check in checks] == [False, False]
    assert "--wyoming.uri tcp://127.0.0.1:" in checks[0].fix
    assert "--http.uri" in checks[1].fix


def test_an_address_that_is_not_this_machines_is_said() -> None:
    [found, _] = ports.check(place(wyoming__uri="tcp://192.0.2.7:10200"))

    assert not found.ok
    assert "address of this machine" in found.fix


@pytest.mark.parametrize(
    ("said", "is_ours"),
    [
        ('{"status": "live", "program": "qwen3-tts"}', True),
        ('{"status": "live"}', False),
        ('["live"]', False),
        ("OK", False),
        ("", False),
    ],
)
def test_a_web_door_that_is_ours_already_is_fine_and_another_that_is_alive_is_not(said: str, *, is_ours: bool) -> None:
    with _web_server(200, said) as port:
        checks = ports.check(place(wyoming__uri=f"tcp://127.0.0.1:{free_port()}", http__uri=f"tcp://127.0.0.1:{port}"))

    assert checks[1].ok is is_ours


class _web_server:  # noqa: N801  reads like a function
    """Answers every GET with ``status`` and ``said``."""

    def __init__(self, status: int, said: str = "") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(self.headers.get("Authorization"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

            def log_message(self, *_: object) -> None:
                """Quiet."""

        heard = self.heard = list[Any]()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> int:
        self._thread.start()
        return int(self._server.server_address[1])

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


# Neighbours


def test_without_mqtt_and_home_assistant_all_is_fine() -> None:
    assert mqtt.check(place())[0].ok
    assert homeassistant.check(place())[0].ok


def test_a_broker_that_is_not_there_is_said() -> None:
    [found] = mqtt.check(place(mqtt__host="127.0.0.1", mqtt__port=str(free_port())))

    assert not found.ok
    assert "Start the broker" in found.fix


@contextmanager
def broker(folder: Path, *lines: str) -> Iterator[int]:
    """A real mosquitto."""
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text("\n".join([f"listener {port} 127.0.0.1", *lines]) + "\n")
    process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.mark.skipif(not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"), reason="needs mosquitto")
def test_a_broker_lets_us_in_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    with broker(tmp_path, "allow_anonymous true") as port:
        [welcome] = mqtt.check(place(mqtt__host="127.0.0.1", mqtt__port=str(port)))
    with broker(tmp_path, "allow_anonymous false") as port:
        refused = mqtt.check(place(mqtt__host="127.0.0.1", mqtt__port=str(port), mqtt__password="hunter2"))[0]

    assert welcome.ok
    assert "lets us in" in welcome.detail
    assert not refused.ok
    assert "mqtt.password" in refused.fix
    assert "hunter2" not in f"{refused}"


@pytest.mark.skipif(not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"), reason="needs mosquitto")
def test_a_broker_that_wants_our_certificate_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """B5: the server speaks to such a broker, and doctor said that it cannot be reached."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/sbin")
    certificates(tmp_path)
    files = {name: str(tmp_path / name) for name in ("ca.pem", "server.pem", "server.key", "client.pem", "client.key")}
    tls = [f"cafile {files['ca.pem']}", f"certfile {files['server.pem']}", f"keyfile {files['server.key']}"]
    ours: dict[str, Any] = {"mqtt__certificate": files["client.pem"], "mqtt__key": files["client.key"]}
    lines = [*tls, "require_certificate true", "use_identity_as_username true", "user root"]
    with broker(tmp_path, *lines) as port:
        here: dict[str, Any] = {
            "mqtt__host": "localhost",
            "mqtt__port": str(port),
            "mqtt__tls": "on",
            "mqtt__ca": files["ca.pem"],
        }
        [welcome] = mqtt.check(place(**here, **ours))
        [stranger] = mqtt.check(place(**here))
        [nobody] = mqtt.check(place(**here, mqtt__certificate=str(tmp_path / "nothing.pem")))

    assert welcome.ok
    assert "lets us in, encrypted" in welcome.detail
    assert not stranger.ok
    assert "mqtt.certificate" in stranger.fix
    assert not nobody.ok
    assert "nothing.pem" in nobody.detail


def test_in_the_addon_the_broker_is_the_supervisors() -> None:
    data = {"host": "127.0.0.1", "port": free_port()}
    with fake_supervisor(services_mqtt=(200, {"result": "ok", "data": data})) as fake:
        [unreachable] = mqtt.check(place(environ=fake.environ))
    with fake_supervisor(services_mqtt=(400, {"result": "error", "message": "Service not enabled"})) as fake:
        [none] = mqtt.check(place(environ=fake.environ))
    with fake_supervisor(services_mqtt=(403, {"result": "error", "message": "no"})) as fake:
        [refused] = mqtt.check(place(environ=fake.environ))

    assert f"127.0.0.1:{data['port']}" in unreachable.detail
    assert none.ok
    assert "Mosquitto" in none.detail
    assert not refused.ok


def test_in_the_addon_the_supervisor_and_home_assistant_answer() -> None:
    info = {"result": "ok", "data": {"slug": "local_qwen3_tts", "version": "0.1.0"}}
    with fake_supervisor(addons_self_info=(200, info)) as fake:
        checks = homeassistant.check(place(environ=fake.environ))

    assert [check.ok for check in checks] == [True, True, True]
    assert "local_qwen3_tts 0.1.0" in checks[0].detail
    assert "not known" in checks[1].detail


@pytest.mark.parametrize(
    ("version", "settings", "ok", "words"),
    [
        ("2026.9.3", {}, True, "up to 0.3 s as it is sent (1.4 s at 24 kHz mono)"),
        ("2026.9.3", {"wyoming__rate": "24000", "wyoming__channels": "1"}, False, "up to 1.4 s"),
        ("2025.7.0", {"wyoming__rate": "24000", "wyoming__channels": "1"}, False, "up to 4.2 s"),
        ("2026.8.1", {"wyoming__channels": "1"}, True, "up to 2.1 s"),
        ("2026.11.0b3", {}, True, "passes sound on at once"),
        ("2027.1.0", {}, True, "passes sound on at once"),
        ("landingpage", {}, True, "landingpage"),
    ],
)
def test_in_the_addon_what_home_assistants_version_means_is_said(
    version: str, settings: dict[str, Any], ok: bool, words: str
) -> None:
    told = (200, {"result": "ok", "data": {"homeassistant": version}})
    with fake_supervisor(info=told) as fake:
        found = by_name(homeassistant.check(place(environ=fake.environ, **settings)))["Home Assistant's version"]

    assert found.ok is ok
    assert words in found.detail
    assert ok or ("2026.11" in found.fix and "--wyoming.rate 48000 --wyoming.channels 2" in found.fix)


def test_in_the_addon_a_supervisor_that_refuses_is_said() -> None:
    with fake_supervisor() as fake:
        checks = homeassistant.check(place(environ={**fake.environ, "SUPERVISOR_TOKEN": "old"}))

    assert [check.ok for check in checks] == [False, False]


@pytest.mark.parametrize(("status", "fix"), [(401, "long-lived access token"), (502, "Wait until"), (200, "")])
def test_home_assistant_lets_us_in_or_why_not(status: int, fix: str) -> None:
    server = _web_server(status)
    with server as port:
        [found] = homeassistant.check(place(homeassistant__url=f"http://127.0.0.1:{port}", homeassistant__token="abc"))

    assert found.ok is (status == 200)
    assert fix in found.fix
    assert server.heard == ["Bearer abc"]


def test_a_home_assistant_that_is_not_there_is_said() -> None:
    [found] = homeassistant.check(place(homeassistant__url=f"http://127.0.0.1:{free_port()}"))

    assert "correct homeassistant.url" in found.fix


async def test_remote_engines_are_asked_how_they_are() -> None:
    away = f"http://127.0.0.1:{free_port()}"
    async with speech_server() as well, speech_server() as ill:
        ill.health = "503 Service Unavailable"
        asked = place(engine__kind="remote", engine__urls=f"{well.url},{ill.url},{away}", engine__api_key="k")
        checks = await asyncio.to_thread(remote.check, asked)
        seen = well.headers[0]

    assert [check.ok for check in checks] == [True, False, False]
    assert "Wait until" in checks[1].fix
    assert "open its port" in checks[2].fix
    assert b"Bearer k" in seen
    assert not remote.check(place(engine__kind="remote"))[0].ok
    assert remote.check(place()) == []


@pytest.mark.parametrize(("status", "fix"), [(401, "engine.api_key"), (404, "vllm serve")])
async def test_a_remote_engine_that_is_none_of_ours_is_said(status: int, fix: str) -> None:
    async with speech_server() as server:
        server.voices_status = f"{status} x"
        [found] = await asyncio.to_thread(remote.check, place(engine__kind="remote", engine__urls=server.url))

    assert fix in found.fix


# The command


def test_the_exit_code_is_1_if_anything_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = Check("disk", False, "full", "Make room")

    assert report([Check("card", True, "fine")], as_json=False) == 0
    assert report([Check("card", True, "fine"), wrong], as_json=False) == 1
    assert "WRONG disk: full\n      -> Make room\n" in capsys.readouterr().out


def test_the_command_prints_one_json_list(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wyoming_qwen3tts.doctor.checks.probe", Hardware)
    port = free_port()

    code = main(["doctor", "--json", "--engine.kind", "builtin", "--wyoming.uri", f"tcp://127.0.0.1:{port}"])

    checks = json.loads(capsys.readouterr().out)
    assert code == (0 if all(check["ok"] for check in checks) else 1)
    assert {frozenset(check) for check in checks} == {frozenset({"check", "ok", "detail", "fix"})}
    assert {"card", "memory", "disk", "model files", "MQTT", "Home Assistant"} <= {check["check"] for check in checks}


def test_the_log_of_a_start_warns_of_each_thing_that_is_not_well(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(doctor, "probe_driver", Hardware)
    monkeypatch.setattr(memory, "available_bytes", lambda: 20 << 20)

    doctor.warn_at_start(load({"engine.kind": "builtin", "mqtt.host": "127.0.0.1", "mqtt.port": "1"}, {}), {})

    told = [record.message for record in caplog.records]
    assert [record.levelname for record in caplog.records] == ["WARNING"] * len(caplog.records)
    assert [message for message in told if "give the machine or container more" in message]
    assert "MQTT" not in caplog.text, "the broker is told of by who connects to it"


def test_what_needs_torch_is_left_to_the_engine_that_loads_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(memory, "available_bytes", lambda: 20 << 20)

    doctor.warn_at_start(load({"engine.kind": "qwen3"}, {}), {})

    assert "memory" not in caplog.text
