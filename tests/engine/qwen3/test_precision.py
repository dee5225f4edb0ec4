"""A CPU gets the best path that works, and one line says which and why."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.configs import device_plan, engine_config
from wyoming_qwen3tts.engine.qwen3 import loading, precision
from wyoming_qwen3tts.engine.qwen3.hardware.plan import DevicePlan, cpu_plan
from wyoming_qwen3tts.engine.qwen3.hardware.probe import cpu_has_bfloat16
from wyoming_qwen3tts.engine.qwen3.loading import build_runners, load_models, warm_up
from wyoming_qwen3tts.engine.qwen3.precision import load_language_model, random_models
from wyoming_qwen3tts.engine.qwen3.priming import NullSink
from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Utterance
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import Checkpoint, load_checkpoint
from wyoming_qwen3tts.model.cpu.int8_linear import Int8Linear
from wyoming_qwen3tts.model.cpu.language import CpuTalker
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary
from wyoming_qwen3tts.model.fused import lean
from wyoming_qwen3tts.model.prompt import PromptVoice
from wyoming_qwen3tts.model.rounded import RoundedLinear


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("precision") / "model")


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: Path | None) -> None:
        raise NoLibrary("there is no C++ compiler (install g++)")

    monkeypatch.setattr(precision, "compiled", missing)


def nothing(_: float) -> None: ...


def cpu(quantize: str, dtype: str = "auto") -> DevicePlan:
    """What the server plans for this CPU."""
    return cpu_plan(engine_config(quantize=quantize, dtype=dtype), has_bfloat16=cpu_has_bfloat16())


def frames(folder: Path, plan: DevicePlan, rounded_dir: Path | None = None, count: int = 6) -> list[list[int]]:
    """What the engine's own runner says, frame by frame, with its sound decoded."""
    (runner,) = build_runners(
        load_models([folder], plan, rounded_dir, nothing), slots=2, positions=128, graphs=lambda: None
    )
    warm_up(runner)
    utterance = Utterance(
        EngineRequest(NullSink()), loading._NOBODY, "en", "sentence", 5, text="Hello world.", is_text_over=True, slot=1
    )
    runner.prefill(utterance, PromptVoice(speaker="ryan"))
    made = []
    for _ in range(count):
        (frame,) = runner.frame([utterance], [float("-inf")])
        (samples,) = runner.sound([(utterance, [frame.codes])])
        assert len(samples) == 1920
        made.append(frame.codes)
    return made


@pytest.mark.usefixtures("needs_library")
@pytest.mark.parametrize(("quantize", "word"), [("auto", "int8,"), ("int8", "int8,"), ("int4", "code predictor int4")])
def test_the_compiled_path_speaks_and_is_named(
    folder: Path, quantize: str, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = frames(folder, cpu(quantize))

    assert len(made) == 6
    (said,) = [r.getMessage() for r in caplog.records if r.getMessage().startswith("Qwen3-TTS on the CPU")]
    assert word in said
    assert "compiled code for" in said
    assert " thread" in said


@pytest.mark.usefixtures("no_library")
def test_without_a_library_pytorch_multiplies_int8_and_the_reason_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(frames(folder, cpu("auto", "float32"))) == 6

    (said,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "install g++" in said


@pytest.mark.usefixtures("no_library")
@torch.inference_mode()
def test_int8_in_pytorch_keeps_the_direction_of_logits(folder: Path) -> None:
    x = 0.1 * torch.randn(1, 12, 64, generator=torch.Generator().manual_seed(0))

    def logits(quantize: str) -> torch.Tensor:
        model = load_language_model(folder, cpu(quantize, "float32"), None).model
        assert isinstance(model.talker.head, Int8Linear) == (quantize != "none")
        return model.talker.logits(model.talker.prefill(x, model.talker.init_cache(1, 12))[0])

    assert torch.cosine_similarity(logits("none"), logits("int8"), dim=-1).mean() > 0.999


def test_unquantized_is_plain_pytorch(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        checkpoint = load_language_model(folder, cpu("none", "float32"), None)

    assert not isinstance(checkpoint.model.talker, CpuTalker)
    assert "float32, not quantized" in caplog.text


def test_a_graphics_card_keeps_its_precision(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def load(_: Path, **options: object) -> None:
        asked.append(options)

    monkeypatch.setattr(precision, "load_checkpoint", load)

    load_language_model(folder, device_plan("cuda:0", "bfloat16"), None)

    assert asked == [{"device": "cuda:0", "dtype": torch.bfloat16, "prepare": None}]


def test_a_card_is_given_rounded_weights_where_that_is_planned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(path: Path, *, device: str, **options: Any) -> Checkpoint:
        assert device == "cuda:0"
        return load_checkpoint(path, device="cpu", **options)

    monkeypatch.setattr(precision, "load_checkpoint", load)
    plan = replace(device_plan("cuda:0", "float32"), quantize="int4")

    model = lean(load_language_model(folder, plan, None).model)

    rounded = {name for name, part in model.named_modules() if isinstance(part, RoundedLinear)}
    assert {"talker.stack.layers.0.attention.qkv", "predictor.heads.0"} < rounded
    assert not {"talker.head", "predictor.projection"} & rounded
    assert model.arithmetics() == ("fused", "int4 on a card", "int8 on a card")


@pytest.mark.usefixtures("needs_library")
def test_rounded_weights_are_kept_and_say_the_same(folder: Path, tmp_path: Path) -> None:
    kept_in = cpu("int8"), tmp_path / "cache"

    first = frames(folder, *kept_in)
    (kept,) = (tmp_path / "cache").glob("*.safetensors")
    written = kept.stat().st_mtime_ns
    second = frames(folder, *kept_in)

    assert first == second == frames(folder, cpu("int8"))
    assert kept.stat().st_mtime_ns == written


@pytest.mark.usefixtures("needs_library")
def test_a_damaged_kept_file_is_rounded_anew(folder: Path, tmp_path: Path) -> None:
    kept_in = cpu("int8"), tmp_path / "cache"
    expected = frames(folder, *kept_in)
    (kept,) = (tmp_path / "cache").glob("*.safetensors")

    kept.write_bytes(kept.read_bytes()[:1000])

    assert frames(folder, *kept_in) == expected
    assert not kept.exists()


@pytest.mark.usefixtures("needs_library")
def test_a_folder_that_cannot_be_written_costs_only_time(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")

    assert len(frames(folder, cpu("int8"), tmp_path / "cache", count=1)) == 1


@pytest.mark.usefixtures("needs_library")
def test_a_new_checkpoint_in_the_same_folder_takes_the_place_of_the_old(tmp_path: Path) -> None:
    kept_in = cpu("int8"), tmp_path / "cache"
    folder = write_tiny_checkpoint(tmp_path / "model", seed=1)
    before = frames(folder, *kept_in, count=2)

    write_tiny_checkpoint(folder, seed=2)

    assert frames(folder, *kept_in, count=2) != before
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 1


@pytest.mark.parametrize("quantize", ["none", "int8", "int4"])
def test_random_models_come_in_every_precision(checkpoint_of: Checkpoint, quantize: str) -> None:
    model, decoder = random_models(checkpoint_of.config, cpu(quantize, "float32"), None)

    assert model.dtype == torch.float32
    assert decoder.samples_per_frame == 1920


@pytest.mark.usefixtures("no_library")
def test_random_models_do_without_a_library(checkpoint_of: Checkpoint) -> None:
    model, _ = random_models(checkpoint_of.config, cpu("int8", "float32"), None)

    assert isinstance(model.talker.head, Int8Linear)


@pytest.fixture
def checkpoint_of(folder: Path) -> Checkpoint:
    return load_language_model(folder, cpu("none", "float32"), None)
