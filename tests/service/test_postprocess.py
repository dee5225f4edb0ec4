"""The reply's sound on its way from the engine to the listener."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import pytest

from tests.audio.sounds import FRAME, RATE, syllables
from tests.harness import TONE, FakeEngine
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.audio.pcm import Samples, from_pcm, to_pcm
from wyoming_qwen3tts.errors import BadRequest, EngineError
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.postprocess import PostProcessor
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Audio, Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.levels import VoiceLevels


class Player(FakeEngine):
    """Plays one sound, a frame at a time, whatever it is asked to say."""

    def __init__(self, sound: Samples, name: str = "qwen3") -> None:
        super().__init__()
        self.name, self.sound = name, sound

    async def _frames(self, request: SpeechRequest) -> Any:
        self.requests.append((request.voice.name, [segment.text async for segment in request.whole_segments()]))
        for start in range(0, len(self.sound), FRAME):
            yield to_pcm(self.sound[start : start + FRAME])


def service_of(engine: FakeEngine, postprocessor: PostProcessor | None = None) -> SpeechService:
    return SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=1, postprocessor=postprocessor)


async def heard(service: SpeechService, **options: Any) -> Samples:
    async with service.speak(service.whole_text("Hello."), SpeechOptions("builtin-en", **options)) as speech:
        return from_pcm(b"".join([pcm async for pcm in speech]))


def lufs(sound: Samples) -> float:
    return float(pyloudnorm.Meter(RATE).integrated_loudness(sound))


async def test_nothing_is_done_to_the_built_in_voice_by_default() -> None:
    service = service_of(Player(syllables(1), "builtin"), PostProcessor(Audio(), VoiceLevels()))

    assert np.array_equal(await heard(service), from_pcm(to_pcm(syllables(1))))


async def test_a_wish_for_speed_volume_and_a_chime_is_heard() -> None:
    service = service_of(Player(syllables(2)))

    plain = await heard(service)
    fast = await heard(service, speed=1.25)
    soft = await heard(service, volume=0.5)
    chimed = await heard(service, chime=True)

    assert len(plain) == 2 * RATE
    assert len(fast) == pytest.approx(len(plain) / 1.25, abs=1)
    assert lufs(soft) == pytest.approx(lufs(plain) - 6, abs=0.1)
    chime_s = (len(chimed) - len(plain)) / RATE
    assert 0.8 < chime_s < 1
    assert np.array_equal(chimed[-len(plain) :], plain)


async def test_silence_is_put_before_and_after_where_the_settings_say_so() -> None:
    service = service_of(Player(syllables(1)), PostProcessor(Audio(lead_in_s=0.5, tail_s=0.25)))

    sound = await heard(service)

    assert len(sound) == 1.75 * RATE
    assert not sound[: RATE // 2].any()
    assert not sound[-RATE // 4 :].any()


@pytest.mark.parametrize("came_at", [-38, -14])
async def test_a_voice_of_unknown_level_is_remembered_over_a_restart(came_at: float, tmp_path: Path) -> None:
    path = tmp_path / "levels.json"
    speech = syllables(10)
    engine = Player(np.clip(speech * np.float32(10 ** ((came_at - lufs(speech)) / 20)), -1, 1))
    service = service_of(engine, PostProcessor(Audio(), VoiceLevels(path)))
    first = await heard(service)
    await service.close()

    again = service_of(engine, PostProcessor(Audio(), VoiceLevels(path)))
    engine.sound = engine.sound[: 2 * RATE]
    sentence = await heard(again)
    await again.close()

    assert lufs(first) == pytest.approx(-16, abs=1.5)
    assert lufs(sentence) == pytest.approx(-16, abs=1.5)


@pytest.mark.parametrize("name", ["qwen3", "builtin"])
@pytest.mark.parametrize("loudness", [-23.0, -14.0])
async def test_the_loudness_of_the_settings_holds_for_every_engine(name: str, loudness: float) -> None:
    speech = syllables(10)
    at_target = speech * np.float32(10 ** ((-16 - lufs(speech)) / 20))
    service = service_of(Player(at_target, name), PostProcessor(Audio(loudness=loudness), VoiceLevels()))

    assert lufs(await heard(service)) == pytest.approx(loudness, abs=1.5)


async def test_who_was_told_how_to_speak_is_no_measure_of_the_voice() -> None:
    levels = VoiceLevels()
    service = service_of(Player(syllables(4)), PostProcessor(Audio(), levels))

    await heard(service, instruct="whisper")

    assert levels.of("builtin-en").seconds == 0


async def test_speech_that_breaks_off_is_heard_to_the_point_where_it_does() -> None:
    class Broken(Player):
        async def _frames(self, request: SpeechRequest) -> Any:
            async for pcm in super()._frames(request):
                yield pcm
            raise EngineError("The scripted fault.")

    service = service_of(Broken(syllables(1)), PostProcessor(Audio(), VoiceLevels()))
    said = []

    async def listen() -> None:
        async with service.speak(service.whole_text("Hello."), SpeechOptions("builtin-en")) as speech:
            async for pcm in speech:
                said.append(pcm)  # noqa: PERF401  what came before the error counts

    with pytest.raises(EngineError):
        await listen()

    assert len(b"".join(said)) == RATE * FORMAT.width


async def test_nothing_longer_than_four_frames_is_handed_on() -> None:
    service = service_of(Player(syllables(3)), PostProcessor(Audio(lead_in_s=2, tail_s=2)))

    async with service.speak(
        service.whole_text("Hello."), SpeechOptions("builtin-en", speed=0.5, chime=True)
    ) as speech:
        assert max([len(pcm) async for pcm in speech]) <= 4 * FORMAT.frame_bytes


@pytest.mark.parametrize("options", [{"speed": float("nan")}, {"speed": 9}, {"volume": 2}])
async def test_a_bad_wish_is_refused_before_anything_is_spoken(options: dict[str, Any]) -> None:
    engine = Player(syllables(1))
    service = service_of(engine)

    with pytest.raises(BadRequest) as refused:
        await heard(service, **options)

    assert refused.value.field == next(iter(options))
    assert not engine.requests
    assert not service.replies


async def test_without_normalizing_only_what_cannot_be_spoken_is_taken_out(tmp_path: Path) -> None:
    engine = FakeEngine()
    service = service_of(engine)
    text = "**Hello**, it is 21 °C 😀 and <b>7:30 PM</b> in the living room."

    async with service.speak(service.whole_text(text), SpeechOptions("builtin-en", normalize=False)) as speech:
        assert b"".join([pcm async for pcm in speech]).startswith(TONE)

    assert engine.requests == [("builtin-en", ["Hello, it is 21 °C and 7:30 PM in the living room."])]


async def test_ssml_without_normalizing_is_not_spoken_either() -> None:
    engine = FakeEngine()
    service = service_of(engine)
    text = '<speak>It is <sub alias="ten">X</sub>, 10 km away.</speak>'

    async with service.speak(
        service.whole_text(text), SpeechOptions("builtin-en", normalize=False, ssml=True)
    ) as speech:
        assert [pcm async for pcm in speech]

    assert engine.requests == [("builtin-en", ["It is ten, 10 km away."])]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', '{"a": ["x", 1, 1]}', '{"a": [NaN, 1, 1]}', "\xff"])
def test_a_damaged_memory_of_levels_is_begun_anew(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "levels.json"
    path.write_bytes(content.encode("latin-1"))

    assert VoiceLevels(path).of("a").seconds == 0
    assert "learned anew" in caplog.text


async def test_levels_that_cannot_be_kept_cost_nothing_but_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    service = service_of(Player(syllables(4)), PostProcessor(Audio(), VoiceLevels(tmp_path / "file" / "levels.json")))

    sound = await heard(service)
    await service.close()

    assert len(sound) == 4 * RATE
    assert "could not be kept" in caplog.text


def test_say_takes_speed_volume_and_chime(tmp_path: Path) -> None:
    def size(*flags: str) -> int:
        file = tmp_path / "out.wav"
        data = ["--data-dir", str(tmp_path), "--engine.kind", "builtin"]
        assert main(["say", "Hello there, how are you?", "-o", str(file), "--language", "en", *data, *flags]) == 0
        return file.stat().st_size

    plain = size()

    assert size("--speed", "2") < 0.6 * plain
    assert size("--chime", "--volume", "0.5") > plain + RATE


def test_say_says_what_is_wrong_with_a_speed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Hi", "-o", str(tmp_path / "x.wav"), "--speed", "nan", "--engine.kind", "builtin"]) == 1
    assert "speed must be a number from 0.25 to 4" in capsys.readouterr().err
    assert not (tmp_path / "x.wav").exists()


def test_say_does_not_quietly_forget_a_speed_that_it_cannot_speak_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Hi", "-o", "-", "--raw", "--speed", "1.2"]) == 1
    assert "--speed" in capsys.readouterr().err


def test_the_settings_take_no_number_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "--audio.speed", "nan"]) == 78
    assert main(["voices", "--audio.loudness", "3"]) == 78
    assert "audio.loudness" in capsys.readouterr().err


def test_at_the_voices_own_speed_the_code_for_others_is_not_even_run() -> None:
    """The chain of the built-in voice has no step at all, so its bytes are handed on untouched."""
    script = (
        "from wyoming_qwen3tts.service.postprocess import PostProcessor;"
        "from wyoming_qwen3tts.service.options import ResolvedOptions;"
        "from wyoming_qwen3tts.voices.levels import VoiceLevels; from wyoming_qwen3tts.settings import Audio;"
        "chain = PostProcessor(Audio(), VoiceLevels()).begin(None, 'builtin', ResolvedOptions());"
        "pcm = b'ab' * 100; assert next(chain.add(pcm)) is not None and b''.join(chain.add(pcm)) == pcm;"
        "import sys; assert 'scipy' not in sys.modules and 'python_stretch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
