"""The app with "Natural voice" on, as the Supervisor starts it: a process that downloads, tells how far it is, speaks
with the built-in voice meanwhile, and then with Qwen3-TTS."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.addon import natural_voice
from tests.addon.generate import ADDON, CPU
from tests.conftest import ROOT
from tests.downloads.hub import LoopbackHub, loopback_hub
from tests.faults.test_process import answering, listening
from tests.harness import free_port
from tests.homeassistant.fake_supervisor import FakeSupervisor, fake_supervisor
from wyoming_qwen3tts.engine.qwen3.hardware.plan import SMALL
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
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
    options.write_text(json.dumps(config["options"] | natural_voice.OPTIONS))
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ},
        **config["environment"],
        **supervisor.environ,
        "HF_ENDPOINT": hub.url,
        "QWEN3TTS_DATA_DIR": str(folder / "data"),
        **natural_voice.PATIENT,
        "QWEN3TTS_WYOMING__URI": "tcp://127.0.0.1:0",
        "QWEN3TTS_HTTP__URI": f"tcp://127.0.0.1:{http}",
        "QWEN3TTS_ZEROCONF": "off",
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


async def test_the_app_with_the_natural_voice_downloads_it_visibly_and_speaks_with_it(tmp_path: Path) -> None:
    checkpoint, http = write_tiny_checkpoint(tmp_path / "published"), free_port()
    with fake_supervisor() as supervisor, loopback_hub({SMALL: checkpoint}) as hub:
        natural_voice.slow_down(hub, checkpoint)
        async with app(tmp_path, supervisor, hub, http) as (process, address, log):
            seconds = await natural_voice.hear(address, http, hub)
            process.terminate()
            assert await process.wait() == 0
            said = log.read_text()

    assert min(seconds.values()) > 0.05
    natural_voice.check_log(said)
    assert any(path == "/discovery" for _, path, _ in supervisor.asked)
