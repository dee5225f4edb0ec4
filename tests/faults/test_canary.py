"""What was to be spoken reaches nobody but its listener: not the log, not /v1/live, not the metrics, not MQTT, not a
file that others may read. The real process, with every way in which its other voice can fail."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect as websocket

from tests.faults.test_process import reachable, running
from tests.mosquitto import Mosquitto, listening, needs_mosquitto
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.settings import Address

CANARY = "Kanarienvogel"
TEXT = f"Der {CANARY} singt ein Lied, das niemand sonst hören soll."
ENGLISH = f"The {CANARY} sings a song that nobody else is to hear."
ESPEAK = {
    "silent": "cat > /dev/null",
    "crashing": "cat >&2; exit 1",
    "talking nonsense": "cat",
    "missing": None,
    "well": f'exec {shutil.which("espeak-ng")} "$@"',
}


async def speak_everywhere(address: Address, web: httpx.AsyncClient) -> None:
    """Over every door but MQTT; whether it is heard does not matter here."""
    for text in (TEXT, ENGLISH, ENGLISH):
        with contextlib.suppress(SpeechError, OSError):
            async with connect(address) as client:
                await client.speak(text)
        await web.post("/v1/audio/speech", json={"input": text, "response_format": "wav"})
        await web.post("/v1/audio/speech", json={"input": text, "speed": text})
        await web.post("/v1/announce", json={"text": text, "target": "nowhere"})
        await web.post("/v1/announce", json={"text": text, text: 1})
        await web.get("/v1/audio/spoken", params={"text": text})
        uri = f"ws{str(web.base_url).removeprefix('http').rstrip('/')}/v1/audio/speech/stream"
        async with websocket(uri) as stream:
            for event in ({"type": "input.text", "text": text}, {"type": "input.done"}):
                await stream.send(json.dumps(event))
            async for message in stream:
                if isinstance(message, str) and json.loads(message)["type"] in ("error", "audio.done", "session.done"):
                    break


async def live(web: httpx.AsyncClient) -> str:
    """The first event."""
    async with web.stream("GET", "/v1/live") as reply:
        async for piece in reply.aiter_text():
            return piece
    return ""


@needs_mosquitto
@pytest.mark.parametrize("kind", ESPEAK)
async def test_spoken_text_stays_with_its_listener(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    if (script := ESPEAK[kind]) is not None:
        (programs / "espeak-ng").write_text(f"#!/bin/sh\nPATH={os.defpath}\n{script}\n")
        (programs / "espeak-ng").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    log, home = tmp_path / "log", tmp_path / "home"
    async with Mosquitto(tmp_path) as broker, listening(broker.port, "qwen3tts/#", "hermes/#") as us:
        flags = ["--mqtt.host", "127.0.0.1", "--mqtt.port", str(broker.port), "--mqtt.hermes", "true"]
        async with running(*flags, "--data-dir", str(home), log=log) as (_, address), reachable(log) as web:
            await us.wait_for("qwen3tts/status", within_s=30)
            await speak_everywhere(address, web)
            await us.publish("qwen3tts/say", {"text": TEXT, "id": "a", "audio": True})
            await us.publish("qwen3tts/say", json.dumps({"text": TEXT, "id": "b"})[:-1])
            await us.publish("hermes/tts/say", {"text": TEXT, "siteId": "kitchen", "id": "c"})
            await us.publish("hermes/tts/say", {"text": [TEXT], "id": "d"})
            await us.wait_for("qwen3tts/result", 2, within_s=30)
            seen = {"live": await live(web), "metrics": (await web.get("/metrics")).text}
    asked = ("qwen3tts/say", "hermes/tts/say")
    seen |= {topic: payload.decode(errors="replace") for topic, payload, _ in us.heard if topic not in asked}
    files = [path for path in home.rglob("*") if path.is_file()]
    seen |= {str(path): path.read_bytes().decode(errors="replace") for path in files}
    seen["log"] = log.read_text()
    assert [name for name, text in seen.items() if CANARY in text] == []
    assert "Traceback" not in seen["log"]
    others = [path for path in home.rglob("*") if path.stat().st_mode & 0o077]  # the folder itself is the user's
    assert not [path for path in others if path.name != "lexicon" and path.parent.name != "lexicon"]
    assert any(path.suffix == ".phrase" for path in files) or kind != "well"
