"""Qwen3-TTS as the server knows it: fetched, loaded, unloaded, watched; on tiny checkpoints."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.configs import engine_config
from tests.harness import quick_collections, until
from wyoming_qwen3tts.downloads.progress import Progress
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.idle import IdleEngine
from wyoming_qwen3tts.engine.qwen3 import engine as engine_module
from wyoming_qwen3tts.engine.qwen3 import loading
from wyoming_qwen3tts.engine.qwen3.engine import Qwen3Engine
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Card, Hardware, may_have_card
from wyoming_qwen3tts.errors import EngineDown, NotFetched, NotNow, StoreError, Unsuitable
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.speech.engine import Engine, EngineStatus, Phase
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
            report(Progress(model, 434, 1000))
        self.arrived.wait(5)
        self.is_here = True
        return self.folder


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


async def first_sound(engine: Engine, voice: Voice) -> bytes:
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
    shelf.away = NotFetched("There is no network")
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


async def test_what_no_network_can_mend_is_said_once_and_not_tried_again(
    tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    shelf = Shelf(tiny_folders["custom_voice"])
    shelf.away = StoreError("It is not here, and downloads are off")
    shelf.arrived.set()
    engine = qwen3(shelf, tmp_path)

    with pytest.raises(Unsuitable, match="downloads are off"):
        await engine.start()

    assert (engine.status.phase, shelf.asked) == (Phase.FAILED, 1)
    await engine.close()


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

    with pytest.raises(Unsuitable, match="torch is not installed"):
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


@pytest.fixture
def least(tmp_path: Path) -> Iterator[Path]:
    """A model that loads fast, in a test that collects garbage often."""
    shape = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=2)
    with quick_collections():
        yield write_tiny_checkpoint(tmp_path / "least", shape=shape)


STEPS = ("plan", "fetch", "load_models", "build_runners", "warm_up")


class Faults:
    """Lets one step of a load fail, as long as it is told to, and sees what the load makes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, shelf: Shelf) -> None:
        self.step: str | None = None
        self.made: list[weakref.ref[Any]] = []
        self._wrap(monkeypatch, engine_module, "plan")
        for name in ("load_models", "build_runners", "warm_up"):
            self._wrap(monkeypatch, loading, name)
        self._wrap(monkeypatch, shelf, "fetch")

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        plain = getattr(owner, name)

        def step(*args: Any, **kwargs: Any) -> Any:
            result = plain(*args, **kwargs)
            if isinstance(result, loading.Models):
                self.made += [weakref.ref(checkpoint.model) for checkpoint in result.checkpoints]
            elif name == "build_runners":
                self.made += [weakref.ref(runner) for runner in result]
            if name == self.step:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            return result

        monkeypatch.setattr(owner, name, step)

    @property
    def alive(self) -> int:
        gc.collect()
        return sum(ref() is not None for ref in self.made)


@pytest.mark.parametrize("at", ["first start", "reload", "second reload"])
@pytest.mark.parametrize("step", STEPS)
async def test_whatever_step_of_a_load_fails_the_next_attempt_begins_from_nothing(
    least: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, at: str
) -> None:
    shelf = Shelf(least)
    shelf.arrived.set()
    faults = Faults(monkeypatch, shelf)
    engine = qwen3(shelf, tmp_path)
    for _ in range(("first start", "reload", "second reload").index(at)):
        await engine.start()
        await engine.unload()
    faults.step = step
    for _ in range(2):
        with pytest.raises((EngineDown, torch.OutOfMemoryError), match="out of memory"):
            await engine.start()
        assert (engine.status.phase, faults.alive) == (Phase.FAILED, 0)
        assert not [thread for thread in threading.enumerate() if thread.name == "qwen3-engine"]
    failed = engine.status
    faults.step = None
    await engine.start()

    assert "out of memory" in failed.reason
    assert engine.status.phase is Phase.READY
    assert len(await first_sound(engine, engine.voices()[0])) == 3840
    await engine.close()


async def test_a_load_that_is_given_up_leaves_nothing(
    least: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf(least)
    shelf.arrived.set()
    faults = Faults(monkeypatch, shelf)
    may_go_on, build = threading.Event(), loading.build_runners
    monkeypatch.setattr(loading, "build_runners", lambda *a, **k: (may_go_on.wait(5), build(*a, **k))[1])
    engine = qwen3(shelf, tmp_path)
    starting = asyncio.create_task(engine.start())
    await until(lambda: faults.made)
    starting.cancel()
    may_go_on.set()
    await asyncio.gather(starting, return_exceptions=True)

    assert (engine.status.phase, faults.alive) == (Phase.FAILED, 0)
    await engine.start()
    assert engine.status.phase is Phase.READY
    await engine.close()


@pytest.mark.parametrize("step", ["load_models", "build_runners", "warm_up"])
async def test_a_card_that_was_full_is_tried_again_by_itself_and_speaks(
    tiny_folders: dict[ModelType, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    shelf = Shelf(tiny_folders["custom_voice"])
    shelf.arrived.set()
    faults = Faults(monkeypatch, shelf)
    faults.step = step
    engine = IdleEngine(qwen3(shelf, tmp_path), 0, look_again=Backoff(0.01, 0.02))
    with pytest.raises(NotNow, match="out of memory"):
        await engine.start()
    failed = engine.status
    faults.step = None
    await until(lambda: engine.status.phase is Phase.READY, within_s=30)

    assert "CUDA out of memory. Tried to allocate 20.00 MiB. It looks again at " in failed.reason
    assert len(await first_sound(engine, engine.voices()[0])) == 3840
    await engine.close()


async def test_a_card_without_room_says_what_it_needs_and_is_looked_at_again(
    tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    card = Card(0, "NVIDIA GeForce RTX 3060", (8, 6), total_mb=12_000, free_mb=900)
    hardware = Hardware(
        torch="2.13.0+cu130", wheel_cuda=(13, 0), arch_list=("sm_86",), driver="580.1", driver_cuda=(13, 0),
        cards=(card,),
    )  # fmt: skip
    engine = qwen3(Shelf(tiny_folders["custom_voice"]), tmp_path, HUB_ID, hardware=hardware)

    with pytest.raises(NotNow, match=r"it needs .* and 900 of 12,000 MiB are free"):
        await engine.start()
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
