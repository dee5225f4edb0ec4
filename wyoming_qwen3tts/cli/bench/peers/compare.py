"""``bench --peers``: the official package and the fastest CPU peer beside this engine, in turns, in one run.

What is missing is set up first, once: two environments (1.5 GB in all, some minutes) and 4 GB of random weights, in
``peers`` inside the data folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from ....errors import SpeechError
from ..model import machine
from .ours import write_weights

SOURCES = Path(__file__).parent
OURS = "wyoming-qwen3tts"
NATIVE = ("realtimetts-qwen-native-cpu==0.4.2", "gguf==0.19.0", "matplotlib==3.10.7")
OFFICIAL = (
    ("torch==2.13.0",),
    ("transformers==4.57.3", "accelerate==1.12.0", "librosa==0.11.0", "soundfile==0.14.0", "einops==0.8.2"),
    ("--no-deps", "qwen-tts==0.1.1"),  # its other dependencies serve a 25 Hz tokenizer that is not used
)


@dataclass
class Side:
    """One engine in one setting: a process, and what its replies took."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    replies: list[dict[str, float]] = field(default_factory=list)
    memory_mb: int = 0

    def reply(self, frames: int) -> dict[str, float]:
        """One reply of so many frames.

        Raises:
            SpeechError: if the process ended.
        """
        if self.process is None or self.process.stdin is None:
            raise AssertionError("not started")
        self.process.stdin.write(f"{frames}\n")
        self.process.stdin.flush()
        found: dict[str, float] = json.loads(self.answer().removeprefix("took "))
        self.memory_mb = max(self.memory_mb, _memory_mb(self.process.pid))
        return found

    def answer(self) -> str:
        """Its next line that is meant for us."""
        if self.process is None or self.process.stdout is None:
            raise AssertionError("not started")
        for line in self.process.stdout:
            if line.startswith(("ready", "took ")):
                return line
        raise SpeechError(f"{self.name} ended, exit code {self.process.wait()}; its own words are above.")

    def row(self) -> dict[str, Any]:
        """Medians, in the shape that all benches print."""
        frame_ms = median(reply["ms_per_frame"] for reply in self.replies)
        return {
            "engine": self.name,
            "streams": 1,
            "ttfa_ms": round(median(reply["ttfa_ms"] for reply in self.replies), 1),
            "ms_per_frame": round(frame_ms, 2),
            "stages_ms": None,  # not to be seen from outside
            "rtf": round(frame_ms / 80, 3),
            "memory_mb": self.memory_mb,
        }


def bench_peers(folder: Path, *, frames: int, rounds: int, threads: int) -> dict[str, Any]:
    """Measure; environments and weights are kept in ``folder``, and so is the plot, ``peers.png``.

    Raises:
        SpeechError: if an environment cannot be made, or an engine ends by itself.
    """
    official, native = environments(folder)
    weights = folder / "weights.safetensors"
    if not weights.exists():
        _say("Making random weights of 0.6B's size")
        write_weights(weights)
    sides = _sides(folder, official, native, weights, threads)
    with ExitStack() as stack:
        for side in sides:
            _say(f"Starting {side.name}")
            stack.enter_context(started(side))
        take_turns(sides, frames, rounds)
    result = {
        "machine": f"{machine('cpu')}, load {os.getloadavg()[0]:.1f}",
        "model": "0.6B random weights",
        "runs": compared([side.row() for side in sides]),
    }
    command = [str(native), str(SOURCES / "plot.py"), str(folder / "peers.png")]
    subprocess.run(command, input=json.dumps(result), text=True, check=True)
    _say(f"Drawn: {folder / 'peers.png'}")
    return result


def _sides(folder: Path, official: Path, native: Path, weights: Path, threads: int) -> list[Side]:
    ours = [sys.executable, "-m", "wyoming_qwen3tts.cli.bench.peers.ours", "4"]
    peer = [str(native), str(SOURCES / "native.py"), str(weights), str(folder), str(threads)]
    flash = {"QWENTTS_CPU_FLASH_ATTN": "1"}
    return [
        Side("wyoming-qwen3tts int8", [*ours, "int8", str(folder / "cache")]),
        Side("wyoming-qwen3tts int4 predictor", [*ours, "int4", str(folder / "cache")]),
        # Each of its settings that makes it faster somewhere; the fastest here is the one that counts.
        Side("qwentts.cpp Q8_0, 4 frames", [*peer, "4", "0"]),
        Side("qwentts.cpp Q8_0, 1 frame", [*peer, "1", "0"]),
        Side("qwentts.cpp, flash attention", [*peer, "4", "0"], flash),
        Side("qwentts.cpp, codec beside", [*peer, "4", "1"]),
        Side("qwentts.cpp, both", [*peer, "4", "1"], flash),
        Side("qwen-tts 0.1.1 bfloat16", [str(official), "-W", "ignore", str(SOURCES / "official.py"), str(threads)]),
    ]


def take_turns(sides: Sequence[Side], frames: int, rounds: int) -> None:
    """A round is one reply of each; what else the machine does harms all alike. The first round warms up."""
    for round_ in range(-1, rounds):
        for side in sides:
            took = side.reply(frames)
            if round_ >= 0:
                side.replies.append(took)
                _say(f"  {side.name}: {took['ms_per_frame']:.0f} ms a frame, first audio {took['ttfa_ms']:.0f} ms")


def compared(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every row with the ratios of the first, which is ours, to it."""
    for row in rows:
        row["ratio"] = round(rows[0]["ms_per_frame"] / row["ms_per_frame"], 3)
        row["ttfa_ratio"] = round(rows[0]["ttfa_ms"] / row["ttfa_ms"], 3)
    return rows


@contextmanager
def started(side: Side) -> Iterator[Side]:
    """Its process, ready, for as long as the block lasts."""
    pipe = subprocess.PIPE
    environ = {**os.environ, "TRANSFORMERS_VERBOSITY": "error", **side.environment}
    with subprocess.Popen(side.command, stdin=pipe, stdout=pipe, env=environ, text=True) as process:
        side.process = process
        try:
            side.answer()
            yield side
        finally:
            process.kill()


def environments(folder: Path) -> tuple[Path, Path]:
    """The Pythons of the official package and of the peer, made if need be. ``PARITY_VENV`` and ``PEER_VENV`` name
    environments that are there.

    Raises:
        SpeechError: with pip's last words.
    """
    official = _environment(Path(os.environ.get("PARITY_VENV") or folder / "official"), OFFICIAL, "qwen-tts")
    native = _environment(Path(os.environ.get("PEER_VENV") or folder / "native"), (NATIVE,), "matplotlib")
    return official, native


def _environment(folder: Path, steps: Sequence[Sequence[str]], last: str) -> Path:
    python = folder / "bin" / "python"
    has = [str(python), "-c", f"import importlib.metadata as m; m.version({last!r})"]
    if python.exists() and subprocess.run(has, capture_output=True, check=False).returncode == 0:
        return python
    _say(f"Making an environment with {' '.join(steps[-1])} in {folder}: once, some minutes")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    _install(python, steps)
    return python


def _install(python: Path, steps: Sequence[Sequence[str]]) -> None:
    for step in steps:
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *step]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            why = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise SpeechError(f"pip could not install {' '.join(step)}: {why}")


def _memory_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))) // 1024


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{result['model']} on {result['machine']}; medians; ratio = first line / this one"]
    lines += [
        f"{run['engine']:<34} {run['ms_per_frame']:7.1f} ms a frame (ratio {run['ratio']:.2f}), first audio "
        f"{run['ttfa_ms']:6.0f} ms (ratio {run['ttfa_ratio']:.2f}), RTF {run['rtf']:.2f}, {run['memory_mb']} MB"
        for run in result["runs"]
    ]
    return "\n".join([*lines, *_beside_the_best(result["runs"])])


def _beside_the_best(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Ours beside the peer that is fastest, in its fastest setting."""
    ours = [run for run in runs if run["engine"].startswith(OURS)]
    peers = [run for run in runs if run not in ours]
    if not peers:
        return []
    best = min(peers, key=lambda run: run["ms_per_frame"])
    ratios = ", ".join(f"{run['engine']} {run['ms_per_frame'] / best['ms_per_frame']:.2f}" for run in ours)
    return [f"of the frame time of the best peer, {best['engine']}: {ratios}"]
