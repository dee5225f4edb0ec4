"""What an app with "Natural voice" on has to do, seen from outside: for the test of the process and the image's."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import httpx

from tests.downloads.hub import LoopbackHub
from wyoming_qwen3tts.engine.qwen3.hardware.plan import SMALL
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.settings import Address

OPTIONS = {"engine": {"natural_voice": True}}
#: Not the app's own: machines of tests are busy, and a tiny model's first sound is no measure.
PATIENT = {"QWEN3TTS_ENGINE__PATIENCE_S": "60", "QWEN3TTS_ENGINE__HEAD_START_S": "60"}
DOWNLOAD_S = 3.0  # what the tiny checkpoint takes at first, for the download to be seen


def slow_down(hub: LoopbackHub, checkpoint: Path) -> None:
    """Have ``hub`` need `DOWNLOAD_S` for it."""
    size = sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file())
    hub.faults.bytes_per_s = size / DOWNLOAD_S


async def hear(address: Address, http: int, hub: LoopbackHub) -> dict[str, float]:
    """The download is shown and the built-in voice speaks meanwhile, then the model does; seconds of sound of each."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{http}", trust_env=False, timeout=60) as web:
        shown = await _phase(web, "downloading")
        assert 0 <= shown["progress"] < 1
        assert shown["fallback"] == "builtin"
        builtin_s = await _heard(address)
        hub.faults.bytes_per_s = 0.0
        ready = await _phase(web, "ready")
        assert ready["runs_on"].startswith("cpu")
        return {"builtin_s": builtin_s, "qwen3_s": await _heard(address, voice="ryan-en")}


def check_log(said: str) -> None:
    """The same in the app's log."""
    assert "Traceback" not in said
    assert len(re.findall(rf"{SMALL}: \d+% of", said)) > 3
    assert re.findall(r" by (builtin|qwen3), \d+ characters", said) == ["builtin", "qwen3"]


async def _heard(address: Address, **options: Any) -> float:
    async with connect(address) as client:
        spoken = await client.speak("Hello.", **options)
    assert any(spoken.pcm)
    return round(spoken.audio_s, 2)


async def _phase(web: httpx.AsyncClient, wanted: str, within_s: float = 180.0) -> dict[str, Any]:
    """What the page shows, once it is ``wanted``."""
    until = time.monotonic() + within_s
    while True:
        shown: dict[str, Any] = (await web.get("/health")).json()
        if shown["phase"] == wanted:
            return shown
        assert time.monotonic() < until, shown
        await asyncio.sleep(0.05)
