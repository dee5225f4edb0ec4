"""What an owner of a card proves with ``pytest tests/gpu``: graphs equal single steps, nothing leaks, nothing waits."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.bench import card as bench_card_module
from wyoming_qwen3tts.cli.bench.card import bench_card, copy_bytes_s, table
from wyoming_qwen3tts.engine.qwen3.graph_check import check_graphs
from wyoming_qwen3tts.engine.qwen3.loading import bench_utterance
from wyoming_qwen3tts.engine.qwen3.runner.graphs import GraphsFailed
from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs
from wyoming_qwen3tts.model.checkpoint.config import load_config

from .conftest import Card

NEVER = float("-inf")


def runner(card: Card, *, graphs: bool = True, slots: int = 2) -> ModelRunner:
    checkpoint, codec = card.models.checkpoints[0], card.models.codecs[0]
    return ModelRunner(checkpoint, codec, slots=slots, positions=96, graphs=card.graphs() if graphs else None)


def speak(spoken_by: ModelRunner, slots: list[int], frames: int) -> tuple[list[list[list[int]]], torch.Tensor]:
    utterances = [bench_utterance(spoken_by, slot) for slot in slots]
    for utterance, voice in utterances:
        spoken_by.prefill(utterance, voice)
    codes, sounds = [], []
    for _ in range(frames):
        made = spoken_by.frame([u for u, _ in utterances], [NEVER] * len(slots))
        codes.append([frame.codes for frame in made])
        sounds.append(spoken_by.sound([(u, [f.codes]) for (u, _), f in zip(utterances, made, strict=True)]))
        for utterance, _ in utterances:
            utterance.frames += 1
    return codes, torch.from_numpy(np.array(sounds))


@pytest.mark.parametrize("slots", [[0], [1], [0, 1]], ids=str)
def test_graphs_say_what_single_steps_say(card: Card, slots: list[int]) -> None:
    expected, direct = speak(runner(card, graphs=False), slots, 12)
    found, replayed = speak(runner(card), slots, 12)

    assert found == expected
    torch.testing.assert_close(replayed, direct, atol=1e-4, rtol=1e-4)


def test_utterance_after_utterance_takes_no_more_memory(card: Card) -> None:
    spoken_by = runner(card)
    speak(spoken_by, [0, 1], 3)
    before = torch.cuda.memory_allocated() if card.is_real else 0
    for _ in range(1000 if card.is_real else 5):
        speak(spoken_by, [0, 1], 3)

    assert (torch.cuda.memory_allocated() if card.is_real else 0) <= before


def test_no_frame_waits_for_the_card_but_for_its_own_codes(card: Card) -> None:
    """On a card torch itself watches: a call that synchronizes is an error."""
    spoken_by = runner(card, slots=1)
    utterance, voice = bench_utterance(spoken_by, 0)
    spoken_by.prefill(utterance, voice)
    spoken_by.frame([utterance], [NEVER])
    utterance.frames += 1
    try:
        if card.is_real:
            with warnings.catch_warnings():  # it warns that it is a prototype, once it is set
                warnings.simplefilter("ignore")
                torch.cuda.set_sync_debug_mode("error")
        for _ in range(8):
            (frame,) = spoken_by.frame([utterance], [NEVER])
            utterance.frames += 1
    finally:
        if card.is_real:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.cuda.set_sync_debug_mode("default")

    assert not frame.is_broken


def test_the_check_of_the_doctor_is_content(card: Card) -> None:
    found = check_graphs(card.device, card.graphs)

    assert found.ok, found
    assert "equal to single steps" in found.detail


def test_the_bench_tells_all_that_an_owner_is_asked_for(card: Card, shallow: Path) -> None:
    result = bench_card(
        shallow,
        streams=[1, 2],
        frames=3,
        rounds=1,
        device=card.device,
        dtype=torch.float32,
        simulate=not card.is_real,
    )

    assert [(run["graphs"], run["streams"]) for run in result["runs"]] == [
        *((card.graphs().name, 1), (card.graphs().name, 2), ("none", 1), ("none", 2))
    ]
    for run in result["runs"]:
        assert run["ttfa_ms"] > 0
        assert run["ttfa_cold_ms"] > 0
        assert set(run["stages_ms"]) == {"talker", "predictor", "codec"}
        assert run["rtf"] == pytest.approx(run["ms_per_frame"] / 80, abs=0.001)
        assert run["underruns"] >= 0
        assert run["memory_mb"] > 0
        assert (run["percent_of_bandwidth"] is not None) == card.is_real
    assert "first audio" in table(result)


def test_the_copy_that_frames_are_held_against_has_a_speed() -> None:
    assert copy_bytes_s("cuda" if torch.cuda.is_available() else "cpu", size=1 << 20) > 1e8


def test_bench_simulate_runs_the_path_of_a_card_on_any_machine(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "--simulate", "--streams", "1", "--rounds", "1", "--frames", "3"]

    assert main([*command, "--json"]) == 0

    result = json.loads(capsys.readouterr().out)
    assert result["simulated"] is True
    assert result["model"] == "a tiny model of random weights"
    assert [run["graphs"] for run in result["runs"]] == ["traced", "none"]


def test_bench_says_why_there_are_no_graphs_and_measures_without(
    shallow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def capture(*_: object) -> None:
        raise GraphsFailed("the driver is too old")

    monkeypatch.setattr(SimulatedGraphs, "capture", capture)
    flags = {"streams": [1], "frames": 3, "rounds": 1, "device": "cpu", "dtype": torch.float32}

    result = bench_card(shallow, **flags, simulate=True)  # type: ignore[arg-type]

    assert [run["graphs"] for run in result["runs"]] == ["none"]
    assert "No CUDA graphs: the driver is too old" in table(result)


def test_a_model_made_up_in_memory_is_measured_through_the_same_path(
    shallow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_config(shallow)
    monkeypatch.setattr(bench_card_module, "published_config", lambda _: config)
    flags = {"streams": [1], "frames": 3, "rounds": 1, "device": "cpu", "dtype": torch.float32}

    result = bench_card("0.6B", **flags, simulate=True)  # type: ignore[arg-type]

    assert result["model"] == "0.6B random weights"
    assert [run["graphs"] for run in result["runs"]] == ["traced", "none"]
