"""The real server, a real broker, and `mosquitto_pub` as people type it."""

from __future__ import annotations

import asyncio
import io
import signal
import subprocess
import sys
import wave
from pathlib import Path

import httpx
import pytest

from tests.faults.test_process import COMMAND, running
from tests.mosquitto import Mosquitto, listening, needs_mosquitto


@needs_mosquitto
async def test_mosquitto_pub_makes_the_server_speak(tmp_path: Path) -> None:
    """The acceptance of this door, in one test."""
    log = tmp_path / "log"
    async with Mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        flags = ("--mqtt.host", "127.0.0.1", "--mqtt.port", str(broker.port), "--engine.kind", "builtin")
        async with running(*flags, "--http.uri", "tcp://127.0.0.1:0", "--http.api-keys", "secret-word", log=log) as (
            process,
            _,
        ):
            await listener.wait_for("homeassistant/device/qwen3tts/config", within_s=20)
            say = ("mosquitto_pub", "-p", str(broker.port), "-t", "qwen3tts/say", "-m", "The washing machine is done")
            publisher = await asyncio.create_subprocess_exec(*say)
            assert await publisher.wait() == 0
            answer = await listener.answer()
            done = (await listener.event("done"))[0]
            async with httpx.AsyncClient() as web:
                sound = await web.get(answer["url"])  # without a key: the address is the secret

            with wave.open(io.BytesIO(sound.content)) as file:
                assert file.getnframes() / file.getframerate() == pytest.approx(done["duration"], abs=0.001)
            assert 1 < done["duration"] < 5
            assert answer["voice"] == "builtin-en"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
        await listener.wait_for("qwen3tts/status", 2)
        assert listener.on("qwen3tts/status") == [b"online", b"offline"]
    text = log.read_text()
    assert "Traceback" not in text
    assert "no loudspeaker reaches them" in text
    assert "mqtt: connected to 127.0.0.1" in text


@needs_mosquitto
async def test_after_a_kill_the_will_says_offline(tmp_path: Path) -> None:
    async with Mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        flags = ("--mqtt.host", "127.0.0.1", "--mqtt.port", str(broker.port), "--engine.kind", "builtin")
        async with running(*flags, "--http.uri", "off", log=tmp_path / "log") as (process, _):
            await listener.wait_for("qwen3tts/status", within_s=20)
            process.kill()
            await listener.wait_for("qwen3tts/status", 2)

        assert listener.on("qwen3tts/status") == [b"online", b"offline"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--mqtt.ca", "/nowhere/ca.pem"], "mqtt.ca: cannot use /nowhere/ca.pem"),
        (["--mqtt.tls", "on", "--mqtt.certificate", "/nowhere/c.pem"], "mqtt.certificate: cannot use /nowhere/c.pem"),
    ],
)
def test_a_certificate_that_cannot_be_used_stops_the_start(tmp_path: Path, flags: list[str], said: str) -> None:
    """F43."""
    fixed = ("--wyoming.uri", "tcp://127.0.0.1:0", "--zeroconf", "off", "--mqtt.host", "127.0.0.1")
    done = subprocess.run([*COMMAND, "serve", *fixed, *flags], capture_output=True, text=True, timeout=20)

    assert done.returncode == 78
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_broker_nothing_of_this_is_imported() -> None:
    script = (
        "import sys; from wyoming_qwen3tts.app.serve import Settings, is_wanted; assert not is_wanted(Settings(), {}); "
        "print([m for m in ('aiomqtt', 'paho', 'httpx', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
