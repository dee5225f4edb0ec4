"""Where a voice's sound comes from: the same as long as the same text sounds the same."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.configs import engine_config
from tests.engine.qwen3.test_engine import CPU, Shelf, qwen3
from tests.engine.scripted import FALLBACK_VOICES, RYAN, Scripted
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.idle import IdleEngine
from wyoming_qwen3tts.engine.qwen3.engine import _sound_of
from wyoming_qwen3tts.engine.qwen3.feeder import FeedRules
from wyoming_qwen3tts.engine.qwen3.hardware.plan import plan
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.speech.engine import Origin
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.voices.folder import ClonedVoice, VoiceFolder


class Traced(Scripted):
    def origin(self, voice: Voice) -> Origin | None:
        return Origin(self.name, "1")


async def test_of_two_engines_it_is_that_of_the_one_that_ought_to_speak() -> None:
    engine = FailoverEngine(IdleEngine(Traced(), 0), Traced("builtin", FALLBACK_VOICES))
    blank = FailoverEngine(IdleEngine(Scripted(), 0), Scripted("builtin", FALLBACK_VOICES))

    assert engine.origin(RYAN) == Origin("qwen3", "1")
    assert engine.origin(FALLBACK_VOICES[0]) == Origin("builtin", "1")
    assert blank.origin(RYAN) is None
    assert blank.origin(FALLBACK_VOICES[0]) is None


async def test_the_built_in_voice_knows_it_once_it_is_loaded() -> None:
    origins = []
    for pause_s in (0.25, 0.25, 0.5):
        engine = BuiltinEngine(sentence_pause_s=pause_s)
        assert engine.origin(FALLBACK_VOICES[0]) is None
        await engine.start()
        origins.append(engine.origin(FALLBACK_VOICES[0]))
        await engine.close()

    assert origins[0] == origins[1] != origins[2]
    assert origins[0] is not None
    assert origins[0].engine == "builtin"


async def test_a_model_has_one_for_each_of_its_files_and_keeps_it_while_it_is_unloaded(
    tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    folder = tiny_folders["custom_voice"]
    engine = qwen3(Shelf(folder), tmp_path, str(folder))
    engine._fetch.__self__.arrived.set()  # type: ignore[attr-defined]  # the shelf
    before = engine.origin(RYAN)
    await engine.start()
    loaded = engine.origin(RYAN)
    await engine.unload()
    unloaded = engine.origin(RYAN)
    weights = next(folder.rglob("*.safetensors"))
    status = weights.stat()
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    await engine.start()
    changed = engine.origin(RYAN)
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns))
    await engine.close()

    assert before is None
    assert loaded is not None
    assert loaded == unloaded != changed


@pytest.mark.parametrize(
    ("change", "is_heard"),
    [
        ({}, False),
        ({"slots": 2}, False),
        ({"vram_limit_mb": 9_000}, False),
        ({"queue": 1}, False),
        ({"graphs": False}, False),
        ({"quantize": "int8"}, True),
        ({"dtype": "bfloat16"}, True),
        ({"positions": 80}, True),
        ({"feed": FeedRules("live", 0.25)}, True),
        ({"feed": FeedRules("hybrid", 0.5)}, True),
    ],
    ids=str,
)
def test_what_is_set_for_the_model_counts_only_if_it_is_heard(
    change: dict[str, Any], is_heard: bool, tiny_folders: dict[ModelType, Path]
) -> None:
    def sound(**changes: Any) -> str:
        config = engine_config(**{"dtype": "float32", "quantize": "none", "device": "cpu", **changes})
        return _sound_of([tiny_folders["custom_voice"]], plan(config, lambda: CPU), config)

    assert (sound(**change) != sound()) is is_heard


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_clone_has_another_one_when_its_file_is_replaced(
    replaced: bool, tiny_folders: dict[ModelType, Path], tmp_path: Path
) -> None:
    folder = tiny_folders["base"]
    shelf = Shelf(folder)
    shelf.arrived.set()
    engine = qwen3(shelf, tmp_path, str(folder))
    await engine.start()
    path = VoiceFolder(tmp_path).add(ClonedVoice(VoiceName("Anna"), np.ones(4, np.float32), None, None, "tiny"))
    anna = Voice(VoiceName("Anna"), "Anna", ("de",), "qwen3", "clone:Anna")
    before = engine.origin(anna)
    if replaced:
        os.utime(path, (1, 1))

    assert (engine.origin(anna) != before) == replaced
    await engine.close()
