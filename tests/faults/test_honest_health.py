"""Health says per language what cannot be spoken now, and a child that nobody waits for is ended."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.harness import FakeEngine, until
from tests.servers.http.web import Web, web
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.builtin.espeak import Espeak
from wyoming_qwen3tts.engine.builtin.hibari import HibariVoice
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.errors import EngineDown, EngineError, NoSound
from wyoming_qwen3tts.monitoring.health import LanguageHealth
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.util import processes


class Broken(FakeEngine):
    """Fails as it is told to, in German only."""

    def __init__(self, error: EngineError) -> None:
        super().__init__()
        self.error: EngineError | None = error

    async def _frames(self, request: Any) -> Any:
        if self.error is not None and request.voice.name == "builtin-de":
            raise self.error
        async for pcm in super()._frames(request):
            yield pcm


async def ready(it: Web) -> dict[str, Any]:
    reply = await it.client.get("/health/ready")
    assert reply.status_code == 200
    found: dict[str, str] = reply.json()["cannot_speak"]
    numbers = (await it.client.get("/metrics")).text
    assert [f'mute{{language="{code}"}} 1.0' in numbers for code in found] == [True] * len(found)
    return found


async def test_a_language_that_fails_each_time_is_named_until_it_is_spoken_again() -> None:
    engine = Broken(EngineError("espeak-ng is broken."))
    async with web(engine) as it:
        assert await ready(it) == {}
        for _ in range(LanguageHealth.TRIES):
            await it.post(input="Guten Tag.", voice="builtin-de")
            await it.post(input="Hello.", voice="builtin-en")
        assert await ready(it) == {"de": "engine-failed"}
        engine.error = None
        await it.post(input="Guten Tag.", voice="builtin-de")
        assert await ready(it) == {}


async def test_an_engine_that_says_that_it_is_down_is_believed_at_once() -> None:
    async with web(Broken(EngineDown("No sound for 60 s."))) as it:
        await it.post(input="Guten Tag.", voice="builtin-de")
        assert await ready(it) == {"de": "engine-down"}


async def test_texts_that_nobody_can_speak_say_nothing_of_their_language() -> None:
    async with web(Broken(NoSound("No sound for a text of 3 characters."))) as it:
        for _ in range(5):
            await it.post(input="Guten Tag.", voice="builtin-de")
        assert await ready(it) == {}


def test_what_failed_long_ago_is_not_known_any_more() -> None:
    health = LanguageHealth()
    health.failed("de", "engine-failed", 0.0, is_sure=True)
    assert health.mute(599.0) == {"de": "engine-failed"}
    assert health.mute(601.0) == {}


async def test_the_languages_of_a_program_that_is_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    engine = BuiltinEngine()
    assert engine.mute_languages() == {}  # not known yet
    await engine.start()
    missing = dict.fromkeys(("ja", "ko", "ru", "zh"), "espeak-ng is not installed")
    assert engine.mute_languages() == missing

    model = FakeEngine()
    both = FailoverEngine(model, engine)
    assert both.mute_languages() == {}  # the model speaks them
    model.status = EngineStatus(Phase.LOADING)
    assert both.mute_languages() == missing
    await engine.close()


def espeak(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, the only one there is."""
    program = folder / "espeak-ng"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return program


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("#!/bin/sh\necho 'no voice data' >&2\nexit 1\n", "espeak-ng failed: no voice data"),
        ("#!/bin/sh\n", "espeak-ng makes no sound"),
        ("#!/bin/nowhere\n", "espeak-ng cannot be started: No such file or directory"),
    ],
)
async def test_a_program_that_does_not_work_is_found_at_the_start(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    espeak(tmp_path, script, monkeypatch)
    program = Espeak(1)
    await program.try_out()
    assert (program.trouble, program.is_left_alone) == (why, True)


async def test_the_languages_of_a_program_that_does_not_work_are_named_and_german_is_heard_with_an_accent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    espeak(tmp_path, "#!/bin/sh\n", monkeypatch)
    engine = BuiltinEngine(added=("nl",))
    async with web(engine) as it:
        await engine.start()
        assert await ready(it) == dict.fromkeys(("ja", "ko", "ru", "zh", "nl"), "espeak-ng makes no sound")
        assert (await it.post(input="Guten Tag.", voice="builtin-de")).status_code == 200


async def test_a_program_that_is_removed_while_we_run_is_found_with_the_next_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("espeak-ng")
    if real is None:
        pytest.skip("espeak-ng is not installed")
    program = espeak(tmp_path, f'#!/bin/sh\nexec {real} "$@"\n', monkeypatch)
    monkeypatch.setattr(HibariVoice, "load", _no_hibari)
    engine = BuiltinEngine()
    async with web(engine) as it:
        await engine.start()
        assert await ready(it) == {}
        kept = program.read_text()
        program.unlink()
        await it.post(input="Привет.", voice="builtin-ru")
        assert (await it.client.get("/health/ready")).json()["cannot_speak"].keys() == LANGUAGES.keys()

        espeak(tmp_path, kept, monkeypatch)
        await it.post(input="Привет.", voice="builtin-ru")
        assert await ready(it) == {}


async def _no_hibari(_: HibariVoice) -> None:
    raise EngineError("It is not here.")


class Foreign(FakeEngine):
    """A stand-in for one language of its own, that can be away."""

    name = "wyoming"

    def voices(self) -> tuple[Voice, ...]:
        return (Voice(VoiceName("Jan"), "Jan (gv)", ("gv",), self.name, "jan"),)


async def test_what_only_a_stand_in_speaks_is_named_while_that_is_away() -> None:
    model, stand_in, builtin = FakeEngine(), Foreign(), FakeEngine()
    model.status = EngineStatus(Phase.FAILED, "no card")
    both = FailoverEngine(model, FailoverEngine(stand_in, builtin))
    assert both.mute_languages() == {}
    stand_in.status = EngineStatus(Phase.FAILED, "it cannot be reached")
    assert both.mute_languages() == {"gv": "failed: it cannot be reached"}


async def test_a_language_that_the_home_wants_and_nobody_speaks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with web() as it:
        monkeypatch.setattr(it.service.catalog, "_wanted", (*it.service.catalog._wanted, "gv"))
        assert await ready(it) == {"gv": "no voice speaks it"}
        it.service.catalog.fallback_language = "gv"
        assert (await it.client.get("/health/ready")).status_code == 503


async def test_not_ready_if_the_language_of_the_home_cannot_be_spoken() -> None:
    class Mute(FakeEngine):
        def mute_languages(self) -> dict[str, str]:
            return {"en": "its voice is missing"}

    async with web(Mute()) as it:
        reply = await it.client.get("/health/ready")

    assert (reply.status_code, reply.json()["status"]) == (503, "not ready")
    assert reply.json()["cannot_speak"] == {"en": "its voice is missing"}


async def test_a_child_whose_task_is_over_is_ended_counted_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "forgotten"
    program.write_text("#!/bin/sh\nsleep 60 & echo $! && wait\n")
    program.chmod(0o755)
    async with web() as it:
        child = await asyncio.create_task(processes.Child.start([str(program)], environment={"PATH": os.defpath}))
        said = b""
        while b"\n" not in said:
            await asyncio.sleep(0.01)
            said += child.take()
        async with it.service.speak(it.service.whole_text("Hello."), SpeechOptions("builtin-en")):
            await until(lambda: not processes.running(), within_s=3)  # the watchdog is awake: it looks by itself
        await until(lambda: not Path(f"/proc/{child.pid}").exists() if child.pid else True)
        await until(lambda: not _lives(int(said)))

        assert it.service.watchdog.freed["child"] == 1
        assert 'freed_total{what="child"} 1.0' in (await it.client.get("/metrics")).text
    assert "Ended a child process that nobody waited for: forgotten" in caplog.text


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
