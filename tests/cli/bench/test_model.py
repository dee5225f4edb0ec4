"""``bench`` of a model: what it prints is a contract, and its numbers are measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.bench import model
from wyoming_qwen3tts.engine.qwen3.hardware.plan import DevicePlan
from wyoming_qwen3tts.model.checkpoint.config import ModelType

Folders = dict[ModelType, Path]


def bench(folder: Path, *flags: str) -> int:
    small = ["--streams", "1,2", "--frames", "4", "--rounds", "2"]
    return main(["bench", "--engine.kind", "qwen3", "--engine.model", str(folder), *small, *flags])


def measured(folder: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, Any]:
    assert bench(folder, "--json", *flags) == 0
    return json.loads(capsys.readouterr().out)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["custom_voice", "voice_design", "base"])
def test_json_has_the_contracts_keys_for_each_number_of_streams(
    kind: ModelType, tiny: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    result = measured(tiny[kind], capsys)

    assert set(result) == {"machine", "model", "runs"}
    assert result["model"] == str(tiny[kind])
    assert [run["streams"] for run in result["runs"]] == [1, 2]
    for run in result["runs"]:
        assert set(run) == {"engine", "streams", "ttfa_ms", "ms_per_frame", "stages_ms", "rtf", "memory_mb"}
        assert set(run["stages_ms"]) == {"talker", "predictor", "codec"}
        assert min(run["stages_ms"].values()) > 0
        assert run["ms_per_frame"] == pytest.approx(sum(run["stages_ms"].values()), abs=0.02)
        assert run["rtf"] == pytest.approx(run["ms_per_frame"] / 80, abs=0.001)
        assert run["ttfa_ms"] > 0
        assert run["memory_mb"] > 50


def test_the_engine_names_the_precision_that_was_asked_for(tiny: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    plain = ["--engine.quantize", "none"]
    asked: list[list[str]] = [[], ["--engine.quantize", "int4"], [*plain, "--engine.dtype", "float32"]]

    runs = [measured(tiny["base"], capsys, *flags)["runs"][0]["engine"] for flags in asked]

    assert runs == ["qwen3 int8", "qwen3 int4", "qwen3 float32"]


def test_the_table_has_a_line_for_each_number_of_streams(tiny: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(tiny["custom_voice"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["1 streams", "2 streams"]
    assert all(word in lines[1] for word in ("first audio", "ms a frame", "talker", "predictor", "codec", "RTF", "MB"))


def test_random_weights_go_before_a_configured_model(
    tiny: Folders, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def load(source: object, plan: DevicePlan, rounded_dir: Path | None) -> Any:
        asked.append(source)
        return real(tiny["custom_voice"], plan, rounded_dir)

    real = model.load
    monkeypatch.setattr(model, "load", load)

    assert measured(tiny["base"], capsys, "--random-weights", "1.7B")["model"] == "1.7B random weights"
    assert asked == ["1.7B"]


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--frames", "1"], "--frames starts at 2"),
        (["--streams", "0"], "--streams start at 1"),
        (["--streams", "one"], "--streams takes numbers"),
        (["--rounds", "0"], "--rounds"),
        (["--engine.model", "/nowhere"], "There is no model folder /nowhere"),
    ],
)
def test_what_cannot_be_measured_ends_in_one_line(
    flags: list[str], why: str, tiny: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(tiny["base"], *flags) == 1

    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1
