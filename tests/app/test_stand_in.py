"""Other Wyoming servers that stand in, through the whole server: who is heard, who is named, and no circle."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.engine.wyoming.voice_server import voice_server, voices
from tests.harness import FakeEngine, until
from wyoming_qwen3tts.app.build import build_engine
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.wyoming.engine import WyomingEngine
from wyoming_qwen3tts.errors import SettingsError
from wyoming_qwen3tts.homeassistant.piper_app import PIPER_APP, stand_in_addresses
from wyoming_qwen3tts.homeassistant.supervisor import TOKEN
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits, Settings
from wyoming_qwen3tts.speech.engine import Engine, EngineStatus, Phase
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

TEXT = "The washing machine is done."


class Loading(FakeEngine):
    """A model that is still being loaded."""

    name = "model"
    status = EngineStatus(Phase.LOADING)

    def voices(self) -> tuple[Voice, ...]:
        return tuple(Voice(VoiceName(f"ryan-{code}"), "Ryan", (code,), self.name, "ryan") for code in LANGUAGES)


@asynccontextmanager
async def door(engine: Engine) -> AsyncIterator[WyomingServer]:
    service = SpeechService(engine, VoiceCatalog(engine.voices), Limits(), slots=4)
    service.load()
    async with WyomingServer(service, Address("127.0.0.1", 0), Limits()) as listening:
        await until(lambda: engine.status.is_answered)
        yield listening
    await service.close()


def with_stand_in(*addresses: tuple[str, int], instance: str = "ours") -> FailoverEngine:
    theirs = WyomingEngine(addresses, instance=instance, is_stand_in=True)
    return FailoverEngine(Loading(), FailoverEngine(theirs, FakeEngine()))


async def test_while_the_model_loads_the_stand_in_is_heard_and_named(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with (
        voice_server(info=voices(("en_US-joe-medium", ["en_US"]))) as server,
        door(with_stand_in(server.address)) as listening,
        connect(listening_at(listening)) as wire,
    ):
        english = await wire.speak(TEXT, voice="ryan-en")
        german = await wire.speak("Die Waschmaschine ist fertig.", voice="ryan-de")

    assert min(english.audio_s, german.audio_s) > 0.2
    assert "en_US-joe-medium-en instead of ryan-en by wyoming" in caplog.text
    assert "builtin-de instead of ryan-de by fake" in caplog.text


async def test_two_who_stand_in_for_each_other_end_at_the_second() -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(door(with_stand_in(instance="one")))
        two = await stack.enter_async_context(door(with_stand_in(("127.0.0.1", one.port), instance="two")))
        first = WyomingEngine([("127.0.0.1", two.port)], instance="one", is_stand_in=True)
        builtin = FakeEngine()
        three = await stack.enter_async_context(door(FailoverEngine(Loading(), FailoverEngine(first, builtin))))
        wire = await stack.enter_async_context(connect(listening_at(three)))
        assert (await wire.speak(TEXT, voice="ryan-en")).audio_s > 0


def listening_at(server: WyomingServer) -> Address:
    return Address("127.0.0.1", server.port)


@pytest.mark.parametrize(
    ("named", "environ", "addresses"),
    [
        ("auto", {}, ()),
        ("auto", {TOKEN: "x"}, (PIPER_APP,)),
        ("builtin", {TOKEN: "x"}, ()),
        ("tcp://10.0.0.2:10200, 10.0.0.3:10201", {}, (Address("10.0.0.2", 10200), Address("10.0.0.3", 10201))),
    ],
)
def test_who_stands_in(named: str, environ: dict[str, str], addresses: tuple[Address, ...]) -> None:
    settings = Settings.model_validate({"engine": {"stand_in": named}})

    assert stand_in_addresses(settings.engine, environ) == addresses


@pytest.mark.parametrize("named", ["auto, builtin", "http://x:1", "tcp://x", "tcp://x:1, builtin"])
def test_what_cannot_stand_in_is_refused_in_words(named: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Settings.model_validate({"engine": {"stand_in": named}})


def test_the_engine_of_no_server_is_refused_in_words() -> None:
    with pytest.raises(SettingsError, match="names no server"):
        build_engine(Settings.model_validate({"engine": {"kind": "wyoming", "stand_in": "builtin"}}))
