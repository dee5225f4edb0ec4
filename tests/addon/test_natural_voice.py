"""The app with "Natural voice" on, as the Supervisor starts it: a process that downloads, tells how far it is, speaks
with the built-in voice meanwhile, and then with Qwen3-TTS."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.addon.generate import ADDON, CPU
from tests.conftest import ROOT
from tests.downloads.hub import LoopbackHub, loopback_hub
from tests.faults.test_process import answering, listening
from tests.harness import free_port
from tests.homeassistant.fake_supervisor import FakeSupervisor, fake_supervisor
from wyoming_qwen3tts.engine.qwen3.hardware.plan import SMALL
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.settings import Address

# The image's command. The Supervisor's file is at a fixed place, which belongs to nobody's test.
_START = """
import sys
from pathlib import Path
from wyoming_qwen3tts.settings import sources
sources.ADDON_OPTIONS = Path(sys.argv.pop(1))
from wyoming_qwen3tts.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@asynccontextmanager
async def app(
    folder: Path, supervisor: FakeSupervisor, hub: LoopbackHub, http: int
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Address, Path]]:
    """The process, where it speaks, and its log."""
    config: dict[str, Any] = yaml.safe_load((ADDON / CPU / "config.yaml").read_text(encoding="utf-8"))
    options, log = folder / "options.json", folder / "log"
    options.write_text(json.dumps(config["options"] | {"engine": {"natural_voice": True}}))
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ},
        **config["environment"],
        **supervisor.environ,
        "HF_ENDPOINT": hub.url,
        "QWEN3TTS_DATA_DIR": str(folder / "data"),
        # Not the app's: a test's ports, and a machine that is busy with other tests.
        "QWEN3TTS_WYOMING__URI": "tcp://127.0.0.1:0",
        "QWEN3TTS_HTTP__URI": f"tcp://127.0.0.1:{http}",
        "QWEN3TTS_ZEROCONF": "off",
        "QWEN3TTS_ENGINE__PATIENCE_S": "60",
        "QWEN3TTS_ENGINE__HEAD_START_S": "60",
        "OMP_NUM_THREADS": "1",
    }
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _START, str(options), "serve", cwd=ROOT, env=environment, stderr=file
        )
    try:
        address = await listening(log)
        await answering(address)
        yield process, address, log
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def heard(address: Address, **options: Any) -> float:
    """Seconds of sound."""
    async with connect(address) as client:
        spoken = await client.speak("Hello.", **options)
    assert any(spoken.pcm)
    return spoken.audio_s


async def phase(web: httpx.AsyncClient, wanted: str, within_s: float = 60.0) -> dict[str, Any]:
    """What the page shows, once it is ``wanted``."""
    until = time.monotonic() + within_s
    while True:
        shown: dict[str, Any] = (await web.get("/health")).json()
        if shown["phase"] == wanted:
            return shown
        assert time.monotonic() < until, shown
        await asyncio.sleep(0.05)


async def test_the_app_with_the_natural_voice_downloads_it_visibly_and_speaks_with_it(tmp_path: Path) -> None:
    checkpoint, http = write_tiny_checkpoint(tmp_path / "published"), free_port()
    size = sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file())
    with fake_supervisor() as supervisor, loopback_hub({SMALL: checkpoint}) as hub:
        hub.faults.bytes_per_s = size / 3
        async with (
            app(tmp_path, supervisor, hub, http) as (process, address, log),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{http}", trust_env=False, timeout=60) as web,
        ):
            shown = await phase(web, "downloading")
            assert 0 <= shown["progress"] < 1
            assert shown["fallback"] == "builtin"
            assert await heard(address) > 0.3
            hub.faults.bytes_per_s = 0.0
            ready = await phase(web, "ready")
            assert ready["runs_on"].startswith("cpu")
            assert await heard(address, voice="ryan-en") > 0.05
            process.terminate()
            assert await process.wait() == 0
            said = log.read_text()

    assert "Traceback" not in said
    assert len(re.findall(rf"{SMALL}: \d+% of", said)) > 3
    spoken = re.findall(r"(\S+) by (builtin|qwen3), \d+ characters", said)
    assert [engine for _, engine in spoken] == ["builtin", "qwen3"]
    assert any(path == "/discovery" for _, path, _ in supervisor.asked)
