"""Our own server as the engine of another of ours: real doors and real requests, no torch on the near side."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from tests.conftest import ROOT
from tests.engine.remote.test_engine import asking, speech
from tests.harness import TONE, FakeEngine, Wire, kinds, synthesize
from tests.servers.http.studio import FakeStudio
from tests.servers.http.web import Web, web
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine
from wyoming_qwen3tts.errors import EngineDown, EngineError
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Http, Limits, Settings
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.voices import file_format
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.folder import ClonedVoice, VoiceFolder

KEY = "a-key-of-the-house"


class Speaker(FakeEngine):
    """Has a voice of Qwen3-TTS."""

    def voices(self) -> tuple[Voice, ...]:
        return tuple(Voice(VoiceName(f"ryan-{code}"), "ryan", (code,), self.name, "ryan") for code in LANGUAGES)


class Studio(FakeStudio):
    """Reads what it is given, as the real one does, and counts."""

    restored: list[ClonedVoice]

    async def restore(self, data: bytes, name: str | None = None) -> Voice:
        voice = file_format.decode(data, VoiceName.parse(name or ""), "The file")
        self.restored.append(voice)
        await asyncio.sleep(0)
        return self._voice(voice.name, "clone")


def a_voice(name: str, seed: int = 1) -> ClonedVoice:
    vector = np.random.RandomState(seed).standard_normal(64).astype(np.float32)
    return ClonedVoice(VoiceName(name), vector, None, None, "0b6 base")


@asynccontextmanager
async def far(engine: FakeEngine | None = None) -> AsyncIterator[Web]:
    """The server in the cellar, with the card."""
    settings = Settings(http=Http(api_keys=(SecretStr(f"near:{KEY}"),)))
    settings = settings.model_copy(update={"voices": settings.voices.model_copy(update={"cloning": True})})
    studio = Studio()
    studio.restored = []
    async with web(engine or Speaker(), settings, studio=studio) as it:
        it.studio = studio  # type: ignore[attr-defined]
        yield it


@asynccontextmanager
async def near(url: str, folder: VoiceFolder | None = None) -> AsyncIterator[RemoteEngine]:
    engine = RemoteEngine([url], key=KEY, sentence_pause_s=0, clones=folder)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.close()


async def test_what_a_room_hears_was_spoken_by_the_server_in_the_cellar() -> None:
    """Wyoming at one end, the far engine at the other; in between two whole services."""
    async with far() as cellar, near(cellar.url) as engine:
        service = SpeechService(engine, VoiceCatalog(engine.voices(), engine.clones), Limits(), slots=4)
        async with WyomingServer(service, Address("127.0.0.1", 0), Limits()) as door:
            wire = Wire(*await asyncio.open_connection("127.0.0.1", door.port))
            await wire.send(synthesize("Es sind 21 °C.", voice={"name": "ryan-de"}))
            events = await wire.until("audio-stop", "error")
            await wire.close()
        await service.close()

    assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop"]
    ((voice, texts),) = [request for request in cellar.engine.requests if request[1] != ["Still alive?"]]
    assert voice == "ryan-de"
    assert "°" not in "".join(texts)  # written out here, and not again there


async def test_a_voice_of_this_home_is_taken_there_once_by_its_content(tmp_path: Path) -> None:
    folder = VoiceFolder(tmp_path)
    folder.add(a_voice("Anna"))
    async with far() as cellar:
        async with near(cellar.url, folder) as engine:
            assert [voice.name for voice in engine.clones()] == ["Anna"]
            said = await asyncio.gather(*(speech(engine, asking(engine, name="Anna")) for _ in range(4)))
            assert all(TONE in sound for sound in said)
        async with near(cellar.url, folder) as restarted:
            await speech(restarted, asking(restarted, name="Anna"))
            assert [voice.name for voice in restarted.clones()] == ["Anna"]  # not also by its name there
            assert len(cellar.studio.restored) == 1  # type: ignore[attr-defined]

            folder.remove("Anna")
            folder.add(a_voice("Anna", seed=2))
            await speech(restarted, asking(restarted, name="Anna"))

        first, second = cellar.studio.restored  # type: ignore[attr-defined]
        np.testing.assert_array_equal(first.vector, a_voice("Anna").vector)
        np.testing.assert_array_equal(second.vector, a_voice("Anna", seed=2).vector)
        spoken = {voice for voice, texts in cellar.engine.requests if texts == ["Guten Tag."]}
        assert spoken == {first.name, second.name}


async def test_a_server_that_takes_no_voices_says_why(tmp_path: Path) -> None:
    folder = VoiceFolder(tmp_path)
    folder.add(a_voice("Anna"))
    async with web(Speaker()) as cellar, near(cellar.url, folder) as engine:
        with pytest.raises(EngineError, match="does not take the voice"):
            await speech(engine, asking(engine, name="Anna"))
        assert engine.servers()[0].state == "well"


async def test_its_built_in_voice_is_nobody_to_speak_for_qwen() -> None:
    class Fallen(Speaker):
        name = "builtin"

    async with far(Fallen()) as cellar, near(cellar.url) as engine:
        with pytest.raises(EngineError, match="its built-in voice would speak"):
            await speech(engine, asking(engine))


async def test_a_wrong_key_is_told() -> None:
    async with far() as cellar:
        engine = RemoteEngine([cellar.url], key="another-key")
        await engine.start()
        try:
            with pytest.raises((EngineError, EngineDown), match="401"):
                await speech(engine, asking(engine))
        finally:
            await engine.close()


def test_the_near_side_imports_no_torch() -> None:
    code = (
        "import sys; from wyoming_qwen3tts.app.build import build_engine; "
        "from wyoming_qwen3tts.settings.sources import load; "
        "build_engine(load({'engine.kind': 'remote', 'engine.urls': 'http://a:1'}, {})); "
        "sys.exit('torch' in sys.modules or 'safetensors' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
