"""``bench --peers`` sets up, starts, takes turns, compares. Its peers are stand-ins here: real ones take minutes."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.bench.peers import compare, ours
from wyoming_qwen3tts.cli.bench.peers.compare import Side, compared, environments, started, table, take_turns
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.model.checkpoint.config import ModelConfig, load_config
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint

PEER = """
import json, sys
print("loading, in its own words"); print("ready", flush=True)
for line in sys.stdin:
    print("took " + json.dumps({"ttfa_ms": %s, "ms_per_frame": %s * int(line), "frames": int(line)}), flush=True)
"""


def side(name: str, ttfa_ms: float, ms: float) -> Side:
    return Side(name, [sys.executable, "-c", PEER % (ttfa_ms, ms)])


def test_sides_take_turns_and_the_first_is_the_measure_of_the_others() -> None:
    first, theirs = side("wyoming-qwen3tts", 100, 1), side("peer", 400, 2)

    with started(first), started(theirs):
        take_turns([first, theirs], frames=10, rounds=3)
    rows = compared([first.row(), theirs.row()])

    assert [len(first.replies), len(theirs.replies)] == [3, 3]
    assert [row["ms_per_frame"] for row in rows] == [10, 20]
    assert [row["ratio"] for row in rows] == [1, 0.5]
    assert [row["ttfa_ratio"] for row in rows] == [1, 0.25]
    assert rows[0]["memory_mb"] > 1
    lines = table({"model": "0.6B", "machine": "here", "runs": rows}).splitlines()
    assert "ratio 0.50" in lines[2]
    assert lines[3] == "of the frame time of the best peer, peer: wyoming-qwen3tts 0.50"


def test_the_peer_runs_in_each_of_its_fast_settings_and_the_best_counts(tmp_path: Path) -> None:
    sides = compare._sides(tmp_path, Path("official"), Path("native"), Path("weights"), threads=2)

    settings = {(*one.command[-2:], one.environment.get("QWENTTS_CPU_FLASH_ATTN")) for one in sides[2:7]}
    assert settings == {("4", "0", None), ("1", "0", None), ("4", "0", "1"), ("4", "1", None), ("4", "1", "1")}
    rows = [
        {"engine": one.name, "ms_per_frame": ms}
        for one, ms in zip(sides, (30, 20, 80, 90, 60, 70, 75, 99), strict=True)
    ]
    assert compare._beside_the_best(rows) == [
        f"of the frame time of the best peer, {sides[4].name}: {sides[0].name} 0.50, {sides[1].name} 0.33"
    ]


def test_a_peer_gets_its_own_environment() -> None:
    told = "import os, json; print('ready', flush=True); input(); "
    told += "print('took ' + json.dumps({'ttfa_ms': float(os.environ['SPEED'])}), flush=True)"

    with started(Side("peer", [sys.executable, "-c", told], {"SPEED": "7"})) as peer:
        assert peer.reply(1) == {"ttfa_ms": 7.0}


def test_a_peer_that_ends_is_named() -> None:
    with (
        pytest.raises(SpeechError, match="peer ended, exit code 3"),
        started(Side("peer", [sys.executable, "-c", "raise SystemExit(3)"])),
    ):
        pass


def test_an_environment_that_is_there_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    monkeypatch.setattr(compare, "_environment", lambda folder, *_: folder / "bin" / "python")
    monkeypatch.setenv("PARITY_VENV", str(tmp_path))
    monkeypatch.setenv("PEER_VENV", str(tmp_path))

    assert environments(tmp_path / "data") == (python, python)


def test_what_pip_says_last_is_the_reason(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho first >&2; echo no network >&2; exit 1\n")
    python.chmod(0o755)

    with pytest.raises(SpeechError, match="pip could not install a b: no network"):
        compare._install(python, [["a", "b"]])


def test_the_whole_run_prints_the_contracts_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "python"
    plot.write_text('#!/bin/sh\ncat > "$2"\n')
    plot.chmod(0o755)
    monkeypatch.setattr(compare, "environments", lambda _: (plot, plot))
    monkeypatch.setattr(compare, "write_weights", lambda path: path.parent.mkdir(parents=True))
    monkeypatch.setattr(compare, "_sides", lambda *_: [side("wyoming-qwen3tts", 100, 1), side("peer", 300, 3)])

    assert main(["bench", "--peers", "--json", "--frames", "3", "--rounds", "1", "--data-dir", str(tmp_path)]) == 0

    result = json.loads(capsys.readouterr().out)
    assert [run["engine"] for run in result["runs"]] == ["wyoming-qwen3tts", "peer"]
    assert {"streams", "ttfa_ms", "ms_per_frame", "stages_ms", "rtf", "memory_mb"} <= set(result["runs"][0])
    assert json.loads((tmp_path / "peers" / "peers.png").read_text()) == result


def test_every_setting_of_every_engine_is_a_side(tmp_path: Path) -> None:
    sides = compare._sides(tmp_path, Path("official"), Path("native"), tmp_path / "weights", 2)

    engines = [each.name.split()[0].strip(",") for each in sides]
    assert engines == ["wyoming-qwen3tts"] * 2 + ["qwentts.cpp"] * 5 + ["qwen-tts"]
    assert len({each.name for each in sides}) == len(sides)
    assert all(Path(each.command[1 if each.name.startswith("qwentts") else 3]).exists() for each in sides[2:])


@pytest.mark.parametrize("quantize", ["int8", "none"])
def test_our_side_makes_the_frames_that_are_asked_for(quantize: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = _tiny_config()
    monkeypatch.setattr(ours, "published_config", lambda _: tiny)
    with torch.inference_mode():
        took = ours.OurSide(4, quantize, None).reply(7)

    assert took["frames"] == 7
    assert took["ms_per_frame"] > 0
    assert took["ttfa_ms"] > 0


def _tiny_config() -> ModelConfig:
    with tempfile.TemporaryDirectory() as folder:
        return load_config(write_tiny_checkpoint(Path(folder)))


def test_weights_are_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "published_config", lambda _: _tiny_config())

    ours.write_weights(tmp_path / "peers" / "weights.safetensors")

    with safe_open(tmp_path / "peers" / "weights.safetensors", framework="pt") as file:
        names = set(file.keys())
    assert {"talker.head.weight", "predictor.heads.14.weight", "decoder.pre_conv.conv.weight"} <= names
