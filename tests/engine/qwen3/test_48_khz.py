"""A decoder of 48 kHz is spoken at its pitch and length, whatever a door promises."""

from __future__ import annotations

import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from tests.engine.studio import Studio, after, studio
from tests.harness import Server, pcm
from tests.servers.http.web import web
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.app.build import build_qwen3
from wyoming_qwen3tts.cli.say import _encoded, _write_file
from wyoming_qwen3tts.engine.qwen3.core import JOINT_FADE_S, TAIL_S
from wyoming_qwen3tts.errors import SettingsError
from wyoming_qwen3tts.model.checkpoint.config import load_config
from wyoming_qwen3tts.model.checkpoint.files import UnfitCodec
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.phrase_cache import PhraseCache
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.speech.audio_format import AudioFormat
from wyoming_qwen3tts.speech.engine import Origin
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

LINE = "The light in the kitchen is on."
SECONDS = 20 * 0.08 + JOINT_FADE_S + TAIL_S


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose codec has one block more, as takuma104's drop-in (QwenLM/Qwen3-TTS discussion 255)."""
    shape = TinyShape(codec_dim=64, upsample_rates=(8, 5, 4, 3, 2))
    return write_tiny_checkpoint(tmp_path_factory.mktemp("wide") / "model", shape=shape)


@pytest.fixture
def other_rate(wide: Path, tmp_path: Path) -> Path:
    folder = copytree(wide, tmp_path / "model")
    set_rate(folder, 44_100)
    return folder


def set_rate(folder: Path, rate: int) -> None:
    file = folder / "speech_tokenizer" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"output_sample_rate": rate}))


@asynccontextmanager
async def home(folder: Path, phrases: PhraseCache | None = None) -> AsyncIterator[tuple[Studio, SpeechService]]:
    async with studio(folder, ends=after(20)) as room:
        engine: Any = room.engine
        service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=4, phrases=phrases)
        yield room, service
        await service.close()


async def heard(service: SpeechService, rate: int | None) -> tuple[AudioFormat, np.ndarray]:
    async with service.speak(service.whole_text(LINE), SpeechOptions("ryan-en", rate=rate)) as reply:
        sound = b"".join([piece async for piece in reply])
    return reply.stats.format, np.frombuffer(sound, "<i2").astype(float)


async def test_twenty_frames_last_as_long_at_each_rate_and_the_stats_say_so(wide: Path) -> None:
    async with home(wide) as (room, service):
        async with room.engine.speak(room.request(LINE)) as audio:
            raw = b"".join([piece async for piece in audio])
        assert audio.format == AudioFormat(48_000)
        assert audio.format.seconds(len(raw)) == pytest.approx(SECONDS)

        sounds = {rate: await heard(service, rate) for rate in (24_000, 48_000, None)}

    assert {rate: made.rate for rate, (made, _) in sounds.items()} == {24_000: 24_000, 48_000: 48_000, None: 48_000}
    for made, samples in sounds.values():
        assert len(samples) / made.rate == pytest.approx(SECONDS)
    for rate in (48_000, None):  # nothing was resampled; but for one step, see `are_the_same_sound` in test_runtime
        np.testing.assert_allclose(sounds[rate][1], np.frombuffer(raw, "<i2"), atol=1)


async def test_the_same_sound_comes_out_at_half_the_rate(wide: Path) -> None:
    """What both can hold is equal: the lower half of the spectrum."""
    async with home(wide) as (_, service):
        full, half = [(await heard(service, rate))[1] for rate in (48_000, 24_000)]

    low = np.abs(np.fft.rfft(full))[: int(0.4 * len(half))]
    same = 2 * np.abs(np.fft.rfft(half, len(half)))[: int(0.4 * len(half))]
    assert np.linalg.norm(low - same) < 0.05 * np.linalg.norm(low)


async def test_a_recording_keeps_its_rate(wide: Path, tmp_path: Path) -> None:
    phrases = PhraseCache(tmp_path / "phrases", 10_000_000)
    await phrases.load()
    async with home(wide, phrases) as (room, service):
        room.engine.origin = lambda voice: Origin("qwen3", voice.name)  # type: ignore[method-assign]
        made = await heard(service, 24_000)
        await phrases.close()
        frames = room.engine.counters.frames
        again, unchanged = await heard(service, 24_000), await heard(service, 48_000)

        assert room.engine.counters.frames == frames
    assert phrases.hits == 2
    np.testing.assert_array_equal(made[1], again[1])
    assert len(unchanged[1]) / 48_000 == pytest.approx(SECONDS)


@pytest.mark.parametrize("audio", [AudioFormat(), AudioFormat(48_000), AudioFormat(48_000, channels=2)], ids=str)
async def test_over_wyoming_it_is_what_audio_start_says(wide: Path, audio: AudioFormat) -> None:
    async with home(wide) as (room, service):
        engine: Any = room.engine
        async with WyomingServer(service, Address("127.0.0.1", 0), Limits(), lambda: audio) as door:
            server = Server(engine, service, door)
            events = await server.speak(LINE, voice={"name": "ryan-en"})
            await server.close_wires()

    told = {"rate": audio.rate, "width": 2, "channels": audio.channels}
    assert events[0].data == told | {"timestamp": None}
    assert all(event.data["rate"] == audio.rate for event in events if event.type == "audio-chunk")
    assert audio.seconds(len(pcm(events))) == pytest.approx(SECONDS)
    samples = np.frombuffer(pcm(events), "<i2").reshape(-1, audio.channels)
    assert (samples == samples[:, :1]).all()
    assert np.abs(samples).max() > 100


async def test_over_http_pcm_is_24_khz(wide: Path) -> None:
    async with studio(wide, ends=after(20)) as room, web(room.engine) as door:
        answer = await door.post(input=LINE, voice="ryan-en", response_format="pcm")

    assert answer.status_code == 200
    assert AudioFormat().seconds(len(answer.content)) == pytest.approx(SECONDS)


async def test_say_writes_a_file_of_the_engines_rate(wide: Path, tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    async with home(wide) as (_, service):
        await _write_file(_encoded(service, LINE, SpeechOptions("ryan-en", rate=None), "wav"), file)

    with wave.open(str(file)) as wav:
        assert wav.getframerate() == 48_000
        assert wav.getnframes() / 48_000 == pytest.approx(SECONDS)


def test_say_raw_does_too(wide: Path, tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    flags = ["--engine.kind", "qwen3", "--engine.model", str(wide), "--raw", "--greedy", "--max-frames", "20"]

    assert main(["say", LINE, "-o", str(file), "--voice", "ryan", *flags]) == 0

    with wave.open(str(file)) as wav:
        assert (wav.getframerate(), wav.getnframes()) == (48_000, 20 * 3840)


def test_a_rate_that_cannot_be_spoken_is_refused_with_78(
    other_rate: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--engine.kind", "qwen3", "--engine.model", str(other_rate), "--data-dir", str(tmp_path)]
    for command in (["serve"], ["say", LINE, "-o", "x.wav"], ["say", LINE, "-o", "x.wav", "--raw"]):
        assert main([*command, *flags]) == 78
        told = capsys.readouterr().err.splitlines()[-1]
        assert str(other_rate / "speech_tokenizer" / "config.json") in told
        assert "output_sample_rate is 44,100 Hz" in told
        assert "48,000 Hz" in told


@pytest.mark.parametrize(
    ("rates", "told", "why"),
    [
        ((8, 5, 4, 3), 48_000, "makes 1,920 samples a frame of 80 ms, which is 24,000 Hz"),
        ((8, 5, 4, 3, 2), 24_000, "makes 3,840 samples a frame of 80 ms, which is 48,000 Hz"),
        ((8, 5, 4, 2), 16_000, "only 24,000 and 48,000 Hz can be spoken"),
        ((8, 5, 4, 3, 2, 2), 96_000, "only 24,000 and 48,000 Hz can be spoken"),
    ],
)
def test_file_field_and_numbers_are_named(rates: tuple[int, ...], told: int, why: str, tmp_path: Path) -> None:
    good = write_tiny_checkpoint(tmp_path / "model", shape=TinyShape(codec_dim=64))
    file = good / "speech_tokenizer" / "config.json"
    config = json.loads(file.read_text())
    config["decoder_config"]["upsample_rates"] = list(rates)
    samples = int(4 * np.prod(rates))
    file.write_text(json.dumps(config | {"decode_upsample_rate": samples, "output_sample_rate": told}))
    settings = load({"engine.kind": "qwen3", "engine.model": str(good), "data_dir": str(tmp_path)}, {})

    with pytest.raises(SettingsError, match=why) as refused:
        build_qwen3(settings)
    assert str(file) in str(refused.value)
    assert f"{told:,}" in str(refused.value)


def test_a_codec_that_hears_at_another_rate_is_refused(wide: Path, tmp_path: Path) -> None:
    """Clones and references stay 24 kHz."""
    folder = copytree(wide, tmp_path / "model")
    file = folder / "speech_tokenizer" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"input_sample_rate": 48_000}))

    with pytest.raises(UnfitCodec, match="input_sample_rate is 48,000 Hz"):
        load_config(folder)
