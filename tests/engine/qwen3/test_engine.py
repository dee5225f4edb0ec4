"""Qwen3-TTS as the server knows it: fetched, loaded, unloaded, watched; on tiny checkpoints."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engine.configs import engine_config
from tests.harness import until
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.qwen3.engine import Progress, Qwen3Engine
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Hardware, may_have_card
from wyoming_qwen3tts.errors import EngineDown, StoreError
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.util.backoff import Backoff
from wyoming_qwen3tts.voices.folder import ClonedVoice, VoiceFolder
from wyoming_qwen3tts.voices.speakers import QWEN_SPEAKERS

CPU = Hardware(torch="2.13.0+cpu")
HUB_ID = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"


class Shelf:
    """A store whose model arrives when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.arrived = folder, 0, threading.Event()
        self.is_here = False
        self.away: Exception | None = None

    def find(self, model: str) -> Path | None:
        return self.folder if self.is_here or Path(model).is_dir() else None

    def fetch(
        self, model: str, *, report: Callable[[Progress], None] | None = None, stop: threading.Event | None = None
    ) -> Path:
        self.asked += 1
        if self.away is not None:
            raise self.away
        if report is not None and not self.is_here:
            report(Part())
        self.arrived.wait(5)
        self.is_here = True
        return self.folder


class Part:
    fraction = 0.434


def qwen3(shelf: Shelf, clones: Path, *models: str, hardware: Hardware = CPU) -> Qwen3Engine:
    return Qwen3Engine(
        engine_config(
            kind="qwen3", dtype="float32", quantize="none", models=models or (HUB_ID,), slots=1, positions=64
        ),
        find=shelf.find,
        fetch=shelf.fetch,
        clones=VoiceFolder(clones),
        probe=lambda: hardware,
        backoff=Backoff(0.01, 0.02),
    )


async def first_sound(engine: Qwen3Engine, voice: Voice) -> bytes:
    async def segments() -> AsyncIterator[Segment]:
        yield Segment("A short line.", "en")

    async with asyncio.timeout(30), engine.speak(SpeechRequest(segments(), voice)) as audio:
        return await anext(aiter(audio))


async def test_a_model_that_is_being_fetched_says_how_far_it_is_and_speaks_once_it_is_here(
    tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    shelf = Shelf(tiny_folders["custom_voice"])
    engine = qwen3(shelf, tmp_path)
    advertised = engine.voices()
    starting = asyncio.create_task(engine.start())
    await until(lambda: str(engine.status) == "downloading 43 %")
    with pytest.raises(EngineDown, match="downloading 43 %"):
        await first_sound(engine, advertised[0])
    shelf.arrived.set()
    await starting

    assert engine.status.phase is Phase.READY
    assert len(await first_sound(engine, engine.voices()[0])) == 3840
    await engine.close()
    assert len(advertised) == len(QWEN_SPEAKERS) * len(LANGUAGES)  # the published ones, also while it is fetched
    assert {voice.speaker for voice in advertised} == set(QWEN_SPEAKERS)


async def test_a_network_that_is_away_is_tried_again_until_it_is_back(
    tiny_folders: dict[ModelType, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(tiny_folders["custom_voice"])
    shelf.away = StoreError("There is no network")
    shelf.arrived.set()
    engine = qwen3(shelf, tmp_path)
    starting = asyncio.create_task(engine.start())
    await until(lambda: shelf.asked >= 3)
    waiting = engine.status
    shelf.away = None
    await starting
    await engine.close()

    assert waiting == EngineStatus(Phase.WAITING, HUB_ID)
    assert "There is no network. Trying again in" in caplog.text


async def test_closing_does_not_wait_for_a_download(tiny_folders: dict[ModelType, Path], tmp_path: Path) -> None:
    shelf = Shelf(tiny_folders["custom_voice"])
    engine = qwen3(shelf, tmp_path)
    starting = asyncio.create_task(engine.start())
    await until(lambda: shelf.asked)
    starting.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(starting, return_exceptions=True)
        await engine.close()
    shelf.arrived.set()


async def test_a_machine_that_cannot_says_why_and_what_to_do(
    tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    engine = qwen3(Shelf(tiny_folders["custom_voice"]), tmp_path, hardware=Hardware())

    with pytest.raises(EngineDown, match="torch is not installed"):
        await engine.start()

    assert engine.status.phase is Phase.FAILED
    assert "script/run" in engine.status.reason
    await engine.close()


async def test_a_damaged_checkpoint_fails_with_its_own_words(
    tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    shelf = Shelf(folder)
    shelf.arrived.set()
    engine = qwen3(shelf, tmp_path)

    with pytest.raises(EngineDown, match=r"config\.json"):
        await engine.start()
    await engine.close()


async def test_it_can_leave_the_memory_and_come_back(tiny_folders: dict[ModelType, Path], tmp_path: Path) -> None:
    shelf = Shelf(tiny_folders["custom_voice"])
    shelf.arrived.set()
    engine = qwen3(shelf, tmp_path)
    await engine.start()
    voice = engine.voices()[0]
    before = await first_sound(engine, voice)
    await engine.unload()
    unloaded = engine.status
    await engine.start()

    assert unloaded == EngineStatus(Phase.UNLOADED)
    assert await first_sound(engine, voice) == before
    await engine.close()


async def test_a_voice_cloned_while_it_runs_is_advertised_and_speaks(
    tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    folder = tiny_folders["base"]
    shelf = Shelf(folder)
    shelf.is_here = True
    shelf.arrived.set()
    engine = qwen3(shelf, tmp_path, str(folder))
    joined = FailoverEngine(engine, engine)
    await engine.start()
    before = joined.clones()
    hidden = engine.checkpoints.all()[0][1].talker.stack.hidden_size
    vector = np.linspace(-1, 1, hidden, dtype=np.float32)
    VoiceFolder(tmp_path).add(ClonedVoice(VoiceName("Grandma"), vector, None, None, "tiny"))

    assert before == ()
    (grandma,) = joined.clones()
    assert (grandma.name, grandma.languages) == ("Grandma", tuple(LANGUAGES))
    assert len(await first_sound(engine, grandma)) == 3840
    await engine.close()


def test_without_a_driver_nobody_imports_torch_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _: False)

    assert not may_have_card()
