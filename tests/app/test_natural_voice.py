"""The app's "Natural voice": off, nothing of the model is loaded; on, the processor speaks and the rest stays."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from wyoming_qwen3tts.app.build import build_engine
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.qwen3.config import EngineConfig
from wyoming_qwen3tts.engine.qwen3.hardware.plan import plan
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Hardware
from wyoming_qwen3tts.settings import EngineSettings, Settings

MOST_MB = 350
_BUILTIN = """
import asyncio, sys
from wyoming_qwen3tts.app.build import speech_service
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.util.memory import resident_bytes

async def main(folder):
    async with speech_service(Settings(data_dir=folder)) as service:
        service.load()
        await service.loaded()
        heard = 0
        for text in ("The washing machine is done.", "Die Waschmaschine ist fertig."):
            async with service.speak(service.whole_text(text), SpeechOptions(server="test")) as reply:
                async for pcm in reply:
                    heard += len(pcm)
    assert heard > 48_000, heard

asyncio.run(main(sys.argv[1]))
maps = open("/proc/self/maps").read()
print("torch" in sys.modules, "libtorch" in maps, resident_bytes())
"""


def test_the_builtin_voice_alone_never_loads_torch_and_stays_small(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _BUILTIN, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    imported, mapped, size = done.stdout.split()
    assert (imported, mapped) == ("False", "False")
    assert int(size) < MOST_MB << 20, f"{int(size) >> 20} MB, anonymous and shared"


def test_off_is_the_builtin_voice_and_on_the_model_with_it_behind(tmp_path: Path) -> None:
    off = Settings(data_dir=tmp_path)
    assert not off.engine.natural_voice
    assert isinstance(build_engine(off).engine, BuiltinEngine)
    on = Settings(data_dir=tmp_path, engine=EngineSettings(natural_voice=True))
    engine = build_engine(on).engine
    assert isinstance(engine, FailoverEngine)
    assert engine.primary.name == "qwen3"


def test_on_the_processor_is_planned_for_without_a_card(tmp_path: Path) -> None:
    hardware = Hardware(torch="2.13.0+cpu")
    on = EngineConfig.of(Settings(data_dir=tmp_path, engine=EngineSettings(natural_voice=True)))
    off = EngineConfig.of(Settings(data_dir=tmp_path))
    assert plan(on, lambda: hardware).device == "cpu"
    assert plan(off, lambda: hardware).device is None


def test_a_kind_that_was_named_wins(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, engine=EngineSettings(kind="builtin", natural_voice=True))
    assert isinstance(build_engine(settings).engine, BuiltinEngine)


def test_the_image_without_a_card_brings_torch_for_cpus_and_its_compiled_library() -> None:
    docker = (ROOT / "docker/Dockerfile").read_text()
    assert re.search(r"cpu\) spec=\"torch==[\d.]+\" index=https://download\.pytorch\.org/whl/cpu ;;", docker)
    assert "wyoming_qwen3tts.model.cpu.native.build" in docker
