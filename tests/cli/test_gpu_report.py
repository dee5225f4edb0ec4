"""``doctor --gpu`` tells all of a card that an issue needs, on a `torch.cuda` without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import torch

from tests.fake_cuda import FakeCuda, fake_cuda
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli import gpu_report
from wyoming_qwen3tts.cli.bench import card as bench_card
from wyoming_qwen3tts.cli.gpu_plot import plot
from wyoming_qwen3tts.cli.gpu_report import LIMIT_S, make_report
from wyoming_qwen3tts.doctor import graphs
from wyoming_qwen3tts.engine.qwen3 import graph_check
from wyoming_qwen3tts.engine.qwen3.card import self_check, trial
from wyoming_qwen3tts.engine.qwen3.hardware import probe
from wyoming_qwen3tts.engine.qwen3.runner import codec, graphed_frames, prefill
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.settings import Settings

LEAST = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)
PARTS = ["machine", "checks", "arithmetic", "memory predicted", "speed tiny", "roads tiny", "kernels"]


@pytest.fixture(scope="module")
def tiny_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("report") / "tiny", shape=LEAST)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    monkeypatch.setattr(probe, "_driver", lambda: ("575.57.08", (12, 9)))
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(gpu_report, "_FRAMES", 2)
    monkeypatch.setattr(graph_check, "SHAPE", LEAST)
    monkeypatch.setattr(self_check, "SHAPE", LEAST)
    for name, value in {"FRAMES": 2, "REPLAYS": 2, "BOUND": 16, "SHAPE": LEAST, "_DRAWN": 2}.items():
        monkeypatch.setattr(trial, name, value)
    monkeypatch.setattr(bench_card, "copy_bytes_s", lambda _: 1e9)  # of the CPU it would take half a second
    monkeypatch.setattr(prefill, "LENGTHS", (16,))  # one recording of each sort
    monkeypatch.setattr(codec, "PACKETS", (1,))
    monkeypatch.setattr(graphed_frames, "CONTEXT_LENS", ())
    monkeypatch.setattr(gpu_report, "_ROUNDS", 1)
    with fake_cuda(monkeypatch) as card:
        yield card


def test_it_runs_to_its_end_and_has_every_part(
    card: FakeCuda, tiny_source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "report.json"
    code = make_report(Settings(), to, sources=[tiny_source], streams=(1,))
    shown, report = capsys.readouterr().out, json.loads(to.read_text())

    assert code == 0, shown
    assert (report["format"], list(report["parts"])) == (1, PARTS)
    found = {name: part["found"] for name, part in report["parts"].items()}
    assert found["machine"]["card"] == "Fake 4090"
    assert found["machine"]["plan"] == "cuda:0, bfloat16, with CUDA graphs"
    assert {check["check"] for check in found["checks"]} >= {"driver", "card", "arithmetic of the card", "CUDA graphs"}
    assert max(found["arithmetic"]["errors"].values()) < 1e-5
    assert [run["graphs"] for run in found["speed tiny"]["runs"]] == ["cuda", "none"]
    assert found["roads tiny"]["road"] in ("graphs", "steps")
    assert set(found["roads tiny"]["roads"]) == {"steps", "graphs", "compiled", "fused"}
    assert {"name", "times", "us"} == set(found["kernels"][0])
    assert "first audio" in shown
    assert str(to) in shown
    picture = ElementTree.parse(to.with_suffix(".svg")).getroot()
    labels = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"tiny, 1 stream, graphs", "tiny, 1 stream, without graphs", "tiny, road steps"} < set(labels)
    assert str(found["speed tiny"]["runs"][0]["ms_per_frame"]) in " ".join(f"{each} " for each in labels)


def test_the_picture_has_only_what_was_measured_and_marks_what_is_slower_than_speech() -> None:
    speed = {"found": {"runs": [{"graphs": "cuda", "streams": 8, "ms_per_frame": 120.5}]}}
    parts = {"machine": {"found": {"card": "A <card>"}}, "speed 1.7B": speed, "roads 1.7B": {"error": "no time"}}
    drawn = plot({"parts": parts})

    assert "A &lt;card&gt;" in drawn
    assert "1.7B, 8 streams, graphs" in drawn
    assert drawn.count("<rect") == 2  # the paper, and a bar
    assert "#b45309" in drawn
    assert plot({"parts": {"speed 1.7B": {"error": "there was no time left"}}}) == ""


def test_a_part_that_fails_says_why_and_stops_no_other(
    card: FakeCuda,
    tiny_source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> None:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nmore")

    for name in ("_bench", "_machine", "_kernels"):
        monkeypatch.setattr(gpu_report, name, fails)
    monkeypatch.setattr(graphs, "check", lambda _: [])
    to = tmp_path / "report.json"
    code = make_report(Settings(), to, sources=[tiny_source], streams=(1,))
    parts = json.loads(to.read_text())["parts"]

    assert code == 1
    assert list(parts) == PARTS
    assert [name for name, part in parts.items() if "error" in part] == ["machine", "speed tiny", "kernels"]
    assert parts["machine"]["error"] == "AcceleratorError: CUDA error: unspecified launch failure"
    assert "WRONG machine: AcceleratorError" in capsys.readouterr().out


def test_when_the_time_is_over_nothing_new_is_begun(card: FakeCuda, tiny_source: Path, tmp_path: Path) -> None:
    times = iter([0.0, *[LIMIT_S + 1] * len(PARTS)])
    to = tmp_path / "report.json"

    assert make_report(Settings(), to, sources=[tiny_source], now=lambda: next(times)) == 1
    assert all(part == {"error": "there was no time left"} for part in json.loads(to.read_text())["parts"].values())


def test_without_a_card_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probe, "_driver", lambda: (None, None))
    code = main(["doctor", "--gpu"])

    assert code != 0
    assert "There is no card to look at" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.json"))


def test_a_file_that_cannot_be_written_is_said(
    card: FakeCuda, tiny_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    times = iter([0.0, *[LIMIT_S + 1] * len(PARTS)])

    with pytest.raises(SpeechError, match="cannot be written"):
        make_report(Settings(), tmp_path / "file/report.json", sources=[tiny_source], now=lambda: next(times))
