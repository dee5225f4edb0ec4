"""A voice of the home's own starts as fast as a speaker of the model: counted in calls of the networks, not in time."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.configs import device_plan, engine_config
from tests.engine.studio import StudioRunner, segments
from tests.harness import until
from tests.studio.own_voices import a_voice
from wyoming_qwen3tts.engine.qwen3 import precision
from wyoming_qwen3tts.engine.qwen3.loading import load_models
from wyoming_qwen3tts.engine.qwen3.runner.voice_cache import VoiceCache, checkpoint_identity
from wyoming_qwen3tts.engine.qwen3.runtime import Runtime
from wyoming_qwen3tts.engine.qwen3.voice_lookup import ClonedVoices
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary
from wyoming_qwen3tts.model.fused import FusedTransformer, lean
from wyoming_qwen3tts.model.language_model import LanguageModel
from wyoming_qwen3tts.model.layers import KvCache
from wyoming_qwen3tts.model.prompt import PromptVoice as PromptVoice
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.voices.folder import VoiceFolder

Folders = dict[ModelType, Path]
FRAMES = 40  # of the reference: ten codec steps
TEXT = "The light in the kitchen is on."
ANNA = Voice(VoiceName("Anna"), "Anna", ("en",), "qwen3", "clone:Anna", kind="clone")
MIX = Voice(VoiceName("Mix"), "Mix", ("en",), "qwen3", "clone:Mix", kind="blend")
RYAN = Voice(VoiceName("ryan-en"), "Ryan", ("en",), "qwen3", "ryan")


class Calls:
    """How often the networks are called, references and prefixes included."""

    def __init__(self) -> None:
        self.prefills = self.codec_steps = 0

    def watch(self, runner: StudioRunner) -> StudioRunner:
        prefill, step = runner.model.talker.prefill, runner.codec.step

        def counted_prefill(*args: Any) -> Any:
            self.prefills += 1
            return prefill(*args)

        def counted_step(*args: Any) -> Any:
            self.codec_steps += 1
            return step(*args)

        runner.model.talker.prefill, runner.codec.step = counted_prefill, counted_step  # type: ignore[method-assign,assignment]
        return runner


class Desk:
    """An engine with both kinds of models; what its first sound costs."""

    def __init__(self, folders: Folders, data: Path, *, prime: bool = False) -> None:
        self.calls = Calls()

        def build(models: Any) -> list[StudioRunner]:
            pairs = zip(models.checkpoints, models.codecs, strict=True)
            runners = [StudioRunner(*pair, slots=1, positions=512) for pair in pairs]
            return [self.calls.watch(runner) for runner in runners]

        self.engine = Runtime(
            [folders["custom_voice"], folders["base"]],
            engine_config(slots=1, voice_cache_dir=data / "cache"),
            device_plan(),
            resolve=ClonedVoices(VoiceFolder(data / "voices")),
            build_runners=build,
        )
        self._prime = prime

    async def first_sound(self, voice: Voice) -> tuple[int, int]:
        """Prefills and codec steps from the request to the first packet."""
        from wyoming_qwen3tts.speech.request import SpeechRequest

        request = SpeechRequest(segments(TEXT, "en"), voice)
        prefills, steps = self.calls.prefills, self.calls.codec_steps
        async with self.engine.speak(request) as audio:
            await anext(aiter(audio))
            return self.calls.prefills - prefills, self.calls.codec_steps - steps

    async def prime(self, voice: Voice) -> None:
        self.engine.prepare([voice])
        core = self.engine._worker._core
        assert core is not None
        await until(lambda: core.priming.done, within_s=30)

    async def __aenter__(self) -> Desk:
        await self.engine.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    VoiceFolder(tmp_path / "voices").add(a_voice("Anna", frames=FRAMES))
    return tmp_path


async def test_a_prepared_clones_first_sound_costs_no_call_more_than_a_speakers_also_after_a_restart(
    tiny_folders: Folders, data: Path
) -> None:
    async with Desk(tiny_folders, data) as desk:
        await desk.first_sound(RYAN)  # its prefix is read once
        speaker = await desk.first_sound(RYAN)
        await desk.prime(ANNA)
        prepared = await desk.first_sound(ANNA)
    async with Desk(tiny_folders, data) as desk:
        restarted = await desk.first_sound(ANNA)
        again = await desk.first_sound(ANNA)

    assert speaker[0] == 1
    assert prepared[0] == restarted[0] == again[0] == 1
    assert max(prepared[1], restarted[1]) <= speaker[1] + 1  # packets' sizes follow the clock


async def test_a_prepared_blends_first_sound_costs_no_call_more_than_a_speakers(
    tiny_folders: Folders, data: Path
) -> None:
    VoiceFolder(data / "voices").add(replace(a_voice("Mix", model="0b6 custom_voice"), kind="blend"))
    async with Desk(tiny_folders, data) as desk:
        await desk.first_sound(RYAN)  # its prefix is read once
        speaker = await desk.first_sound(RYAN)
        await desk.prime(MIX)
        prepared = await desk.first_sound(MIX)

    assert prepared[0] == speaker[0] == 1
    assert prepared[1] <= speaker[1] + 1  # packets' sizes follow the clock


async def test_without_what_is_kept_the_reference_costs_a_step_for_every_four_frames(
    tiny_folders: Folders, data: Path
) -> None:
    async with Desk(tiny_folders, data) as desk:
        prefills, steps = await desk.first_sound(ANNA)

    assert prefills == 2
    assert steps >= FRAMES // 4 + 1


async def test_what_is_loaded_is_what_was_computed_and_a_replaced_voice_is_computed_anew(
    tiny_folders: Folders, data: Path
) -> None:
    async def spoken(desk: Desk) -> list[list[int]]:
        from wyoming_qwen3tts.speech.request import SpeechRequest

        async with desk.engine.speak(SpeechRequest(segments(TEXT, "en"), ANNA)) as audio:
            assert b"".join([pcm async for pcm in audio])
        core = desk.engine._worker._core
        assert core is not None
        runner: Any = core._runners[1]
        return next(iter(runner.spoken().values()))

    async with Desk(tiny_folders, data) as desk:
        computed = await spoken(desk)
    async with Desk(tiny_folders, data) as desk:
        loaded = await spoken(desk)
        folder = VoiceFolder(data / "voices")
        folder.remove("Anna")
        folder.add(a_voice("Anna", frames=FRAMES + 4))
        prefills, _ = await desk.first_sound(ANNA)

    assert loaded == computed
    assert prefills == 2


# -- the name of a checkpoint's files

WAYS = {
    "float32": ("float32", "none"),
    "bfloat16": ("bfloat16", "none"),
    "int8": ("float32", "int8"),
    "int8 of bfloat16": ("bfloat16", "int8"),
    "int4": ("float32", "int4"),
}


def loaded(folder: Path, dtype: str, quantize: str) -> LanguageModel:
    return load_models([folder], device_plan("cpu", dtype, quantize), None, lambda _: None).checkpoints[0].model


@pytest.fixture
def ways(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, LanguageModel]:
    """The tiny model in every way that it can be computed with here."""

    def missing(_: Path | None) -> None:
        raise NoLibrary("there is no C++ compiler (install g++)")

    models = {name: loaded(folder, *how) for name, how in WAYS.items()}
    with monkeypatch.context() as patched:
        patched.setattr(precision, "compiled", missing)
        models["int8 in torch"] = loaded(folder, "float32", "int8")
    return models | {"fused": lean(loaded(folder, "float32", "none"))}


@pytest.mark.usefixtures("needs_library")
def test_two_kinds_of_layer_never_share_a_key(folder: Path, ways: dict[str, LanguageModel]) -> None:
    keys = {name: checkpoint_identity(folder, model) for name, model in ways.items()}

    assert len(keys) == 7
    assert len(set(keys.values())) == len(keys), keys


@pytest.mark.usefixtures("needs_library")
def test_a_layer_that_takes_anothers_place_has_a_name_for_the_key(ways: dict[str, LanguageModel]) -> None:
    """A new kind without one would read what plain torch computed."""
    plain = {type(part) for part in ways["float32"].modules()}
    others = [part for model in ways.values() for part in model.modules() if type(part) not in plain]

    assert {type(part).__name__ for part in others} == {"Int8Linear", "CpuTalker", "CpuPredictor", "FusedTransformer"}
    assert all(isinstance(part.arithmetic, str) for part in others)


def test_a_class_may_be_renamed_without_computing_every_voice_anew(folder: Path) -> None:
    class AnotherName(FusedTransformer):
        pass

    model = lean(loaded(folder, "float32", "none"))
    before = checkpoint_identity(folder, model)
    for part in model.modules():
        if isinstance(part, FusedTransformer):
            part.__class__ = AnotherName

    assert "AnotherName" in repr(model)
    assert checkpoint_identity(folder, model) == before


# -- the files


VOICE = PromptVoice(vector=torch.ones(4), key="a voice")


def kept(
    folder: Path, identity: str = "one", limit: int = 1 << 20, now: Callable[[], float] = lambda: 0.0
) -> VoiceCache:
    return VoiceCache(folder, identity, torch.device("cpu"), limit, now)


def numbers() -> KvCache:
    return KvCache(torch.arange(8.0, dtype=torch.bfloat16).view(2, 4), torch.ones(3))


def never() -> KvCache:
    raise AssertionError("it was to be loaded")


def test_tensors_come_back_as_they_were(tmp_path: Path) -> None:
    kept(tmp_path).prefix((VOICE, "en", None, "live"), numbers)

    again = kept(tmp_path).prefix((VOICE, "en", None, "live"), never)

    assert isinstance(again, KvCache)
    assert again.keys.dtype == torch.bfloat16
    assert torch.equal(again.keys, numbers().keys)


@pytest.mark.parametrize(
    ("identity", "key"), [("two", (VOICE, "en", None, "live")), ("one", (VOICE, "de", None, "live"))]
)
def test_another_checkpoint_or_language_is_computed_anew(identity: str, key: Any, tmp_path: Path) -> None:
    kept(tmp_path).prefix((VOICE, "en", None, "live"), numbers)
    other = kept(tmp_path, identity)

    other.prefix(key, numbers)

    assert (other.loaded, other.stored) == (0, 1)


@pytest.mark.parametrize("damage", [lambda d: d[:40], lambda d: b"", lambda d: d[:-1] + b"x", lambda d: bytes(len(d))])
def test_a_damaged_file_is_made_anew(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept(tmp_path).primed(VOICE, lambda: (torch.ones(3),))
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))

    (again,) = kept(tmp_path).primed(VOICE, lambda: (torch.zeros(3),))

    assert torch.equal(again, torch.zeros(3))
    assert "is made anew" in caplog.text
    assert torch.equal(kept(tmp_path).primed(VOICE, lambda: (torch.ones(3),))[0], torch.zeros(3))


def test_the_longest_unused_leave_when_the_room_is_taken(tmp_path: Path) -> None:
    voices = [PromptVoice(vector=torch.ones(4), key=f"voice {n}") for n in range(4)]
    cache = kept(tmp_path, limit=3 * 5_000)
    for age, voice in enumerate(voices[:3]):
        cache.primed(voice, lambda: (torch.ones(1_000),))
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_ctime_ns)
        os.utime(newest, ns=(age, age))
    cache.primed(voices[0], lambda: (torch.zeros(1),))  # used
    cache.primed(voices[3], lambda: (torch.ones(1_000),))

    assert len(list(tmp_path.iterdir())) == 3
    assert torch.equal(cache.primed(voices[0], lambda: (torch.zeros(1),))[0], torch.ones(1_000))
    assert torch.equal(cache.primed(voices[1], lambda: (torch.zeros(1),))[0], torch.zeros(1))


def test_a_disk_that_is_full_costs_one_warning_and_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    clock = [0.0]
    cache = kept(tmp_path, now=lambda: clock[0])
    with monkeypatch.context() as patched:
        patched.setattr("wyoming_qwen3tts.util.disk_cache.write_atomic", full)
        for _ in range(3):
            assert torch.equal(cache.primed(VOICE, lambda: (torch.ones(3),))[0], torch.ones(3))
    assert caplog.text.count("No space left") == 1
    assert list(tmp_path.iterdir()) == []

    clock[0] = 601.0
    cache.primed(VOICE, lambda: (torch.ones(3),))

    assert cache.stored == 1


def test_a_speaker_of_the_model_and_what_is_too_large_are_not_kept(tmp_path: Path) -> None:
    cache = kept(tmp_path, limit=100)
    cache.prefix(("ryan", "en", None, "live"), numbers)
    cache.primed(PromptVoice(), lambda: (torch.ones(3),))
    cache.primed(VOICE, lambda: (torch.ones(3_000),))

    assert not list(tmp_path.iterdir())
