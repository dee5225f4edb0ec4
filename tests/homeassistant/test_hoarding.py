"""The format that suits Home Assistant's version."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from wyoming.tts import Synthesize, SynthesizeVoice

from tests.faults.test_process import running
from tests.harness import FakeEngine, Server, pcm, until
from tests.homeassistant.fake_supervisor import TOKEN, FakeSupervisor, fake_supervisor
from wyoming_qwen3tts.homeassistant.hoarding import WyomingSound, held_back_s, is_hoarding, version_watched
from wyoming_qwen3tts.homeassistant.supervisor import Supervisor
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.settings.servers import Wyoming
from wyoming_qwen3tts.speech.audio_format import FORMAT, AudioFormat
from wyoming_qwen3tts.util.backoff import Backoff
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

WIDE = AudioFormat(48_000, channels=2)


@pytest.mark.parametrize(
    ("version", "held_s"),
    [("2025.7.0", 4.25), ("2026.8.3", 4.25), ("2026.9.0", 1.37), ("2026.10.2", 1.37), ("2026.10.0b1", 1.37),
     ("2026.11.0", 0.07), ("2026.11.0.dev202610010210", 0.07), ("2026.12", 0.07), ("2027.1.0", 0.07),
     ("landingpage", None), ("", None), ("latest", None), ("2026", None), ("26.9.1", None)],
)  # fmt: skip
def test_how_long_each_version_holds_sound_back(version: str, held_s: float | None) -> None:
    assert held_back_s(version) == held_s
    assert is_hoarding(version) == (held_s is not None and held_s > 1)


@pytest.mark.parametrize(
    ("rate", "channels", "old", "new"),
    [
        ("auto", "auto", WIDE, FORMAT),
        ("48000", "2", WIDE, WIDE),
        ("24000", "1", FORMAT, FORMAT),
        ("auto", "1", AudioFormat(48_000), FORMAT),
        ("24000", "auto", AudioFormat(channels=2), FORMAT),
        ("48000", "auto", WIDE, AudioFormat(48_000)),
    ],
)
def test_what_is_set_holds_and_auto_goes_by_the_version(
    rate: Any, channels: Any, old: AudioFormat, new: AudioFormat
) -> None:
    sound = WyomingSound(Wyoming(rate=rate, channels=channels))
    unknown = sound.format
    sound.learned("2026.10.2")
    before = sound.format
    sound.learned("2026.11.1")

    assert (unknown, before, sound.format) == (new, old, new)
    assert sound.is_automatic == ("auto" in (rate, channels))


def test_what_cannot_be_set_is_refused() -> None:
    for wrong in ({"rate": 44_100}, {"channels": 3}, {"rate": "fast"}):
        with pytest.raises(ValueError, match="Input should be"):
            Wyoming.model_validate(wrong)
    assert Wyoming.model_validate({"rate": 48_000, "channels": 2}) == Wyoming(rate="48000", channels="2")


def test_a_version_that_hoards_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fixed = WyomingSound(Wyoming(rate="24000", channels="1"))
    for _ in range(3):
        fixed.learned("2026.9.1")

    (said,) = caplog.records
    assert said.levelname == "WARNING"
    assert "2026.9.1 holds sound back for up to 1.4 s" in said.message
    assert "--wyoming.rate 48000 --wyoming.channels 2" in said.message


def knows(version: str | None) -> tuple[int, Any]:
    return 200, {"result": "ok", "data": {"homeassistant": version, "supervisor": "2026.10.0"}}


@asynccontextmanager
async def addon(fake: FakeSupervisor, **ask: Any) -> AsyncIterator[tuple[Server, WyomingSound, FakeEngine]]:
    """A Wyoming door that asks the Supervisor for the version."""
    engine, sound = FakeEngine(), WyomingSound(Wyoming())
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=4)
    service.load()
    quickly = Backoff(0.01, 0.02, chance=lambda: 0.0)
    async with (
        WyomingServer(service, Address("127.0.0.1", 0), Limits(), lambda: sound.format) as door,
        version_watched(Supervisor(TOKEN, fake.url), sound.learned, backoff=quickly, **ask),
    ):
        server = Server(engine, service, door)
        yield server, sound, engine
        engine.release.set()
        await server.close_wires()
    await service.close()


async def learned(sound: WyomingSound, version: str) -> None:
    await until(lambda: sound.version == version)


TEXT = "The light in the kitchen is on."


async def test_audio_start_tells_the_truth_for_an_old_and_a_new_version_and_both_last_as_long() -> None:
    seconds, formats = [], []
    for version in ("2026.10.2", "2026.11.0"):
        with fake_supervisor(info=knows(version)) as fake:
            async with addon(fake) as (server, sound, _):
                await learned(sound, version)
                events = await server.speak(TEXT)
        told = AudioFormat(events[0].data["rate"], events[0].data["width"], events[0].data["channels"])
        formats.append(told)
        seconds.append(told.seconds(len(pcm(events))))

    assert formats == [WIDE, FORMAT]
    assert seconds[0] == pytest.approx(seconds[1])


async def test_nothing_waits_for_a_supervisor_that_does_not_know_yet() -> None:
    answers = [(502, {"result": "error", "message": "no"}), knows(None), knows("2026.9.0")]
    with fake_supervisor(info=answers) as fake:
        async with addon(fake) as (_, sound, _):
            first = sound.format
            await until(lambda: sound.format == WIDE)

    assert first == FORMAT
    assert fake.count("/info") == 3


async def test_an_update_is_noticed_but_not_within_a_reply() -> None:
    with fake_supervisor(info=[knows("2026.10.2"), knows("2026.11.0")]) as fake:
        async with addon(fake, every_s=0.2) as (server, sound, engine):
            await until(lambda: sound.format == WIDE)
            engine.release.clear()
            speaking = asyncio.create_task(server.speak(TEXT))
            await until(lambda: engine.speaking)
            await until(lambda: sound.format == FORMAT)
            engine.release.set()
            during, after = await speaking, await server.speak(TEXT)

    assert {event.data["rate"] for event in during if event.type in ("audio-start", "audio-chunk")} == {48_000}
    assert {event.data["rate"] for event in after if event.type in ("audio-start", "audio-chunk")} == {24_000}


async def test_the_server_in_the_addon_asks_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_supervisor(info=knows("2026.9.4")) as fake:
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        log = tmp_path / "log"
        async with running("--engine.kind", "builtin", "--data-dir", str(tmp_path), log=log) as (_, address):
            await until(
                lambda: "Home Assistant 2026.9.4 holds sound back; less of it at 48 kHz stereo" in log.read_text()
            )
            async with connect(address) as client:
                await client.send(Synthesize("Hello.", voice=SynthesizeVoice("builtin-en")).event())
                said = await client.read()

    assert said is not None
    assert (said.type, said.data["rate"], said.data["channels"]) == ("audio-start", 48_000, 2)
