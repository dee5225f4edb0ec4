"""Measures our model code beside the official package's, and against the targets. Run by ``script/bench-official``.

Both sides are long-lived processes that take turns, so that other work on the machine hits both; medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint

TINY_FRAMES = 40
DEFAULT_TINY = TinyShape(codebook_size=2048)  # the shape that the official code's 20 to 30 ms were measured with


@dataclass(frozen=True)
class Row:
    """One line of the table. ``measured`` is good from ``target`` down."""

    what: str
    detail: str
    measured: float
    target: float

    def __str__(self) -> str:
        verdict = "met" if self.measured <= self.target else "NOT MET"
        return f"{self.what:<44} {self.measured:>8.3g}  target {self.target:>5.3g}  {verdict:<7}  {self.detail}"


class Worker:
    """A process of ``bench_worker.py``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def answer(self) -> str:
        """The next line of its that is meant for us; what libraries print in between is not."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("ready", "took ")):
                return line
        raise RuntimeError(f"The worker ended, exit code {self._process.wait()}")

    def frame_ms(self, what: str, frames: int, threads: int) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what} {frames} {threads}\n")
        self._process.stdin.flush()
        return float(self.answer().split()[1])


@contextmanager
def worker(python: str, side: str, tiny: Path) -> Iterator[Worker]:
    command = [python, "-W", "ignore", "-m", "tests.parity.bench_worker", side, str(tiny)]
    environment = os.environ | {"TRANSFORMERS_VERBOSITY": "error", "PYTHONPATH": "."}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment, text=True) as process:
        try:
            started = Worker(process)
            started.answer()
            yield started
        finally:
            process.kill()


def race(ours: Worker, official: Worker, what: str, rounds: int, frames: int, threads: int) -> tuple[float, float]:
    """Medians of ``rounds`` turns each, ms a frame; a round more, the first, is the warm-up."""
    times = [
        (ours.frame_ms(what, frames, threads), official.frame_ms(what, frames, threads)) for _ in range(rounds + 1)
    ]
    for mine, theirs in times[1:]:
        sys.stderr.write(f"  {what}: ours {mine:.2f} ms a frame, official {theirs:.2f} ms\n")
    return median(mine for mine, _ in times[1:]), median(theirs for _, theirs in times[1:])


def model_rows(official_python: str, rounds: int, frames: int, threads: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        tiny = write_tiny_checkpoint(Path(folder), shape=DEFAULT_TINY)
        with worker(sys.executable, "ours", tiny) as ours, worker(official_python, "official", tiny) as official:
            mine, theirs = race(ours, official, "full", rounds, frames, threads)
            tiny_mine, tiny_theirs = race(ours, official, "tiny", rounds, TINY_FRAMES, 1)
    detail = f"ours {mine:.1f} ms a frame, official {theirs:.1f}, {threads} threads"
    tiny_detail = f"official {tiny_theirs:.1f} ms, so {tiny_mine / tiny_theirs:.2f} of it; 1 thread"
    return [
        Row("0.6B bf16, talker + predictor, of official", detail, mine / theirs, 0.9),
        Row("tiny checkpoint, overhead in ms a frame", tiny_detail, tiny_mine, 10),
    ]


def codec_row(rounds: int, threads: int, dtype: str) -> Row:
    command = [sys.executable, "script/bench-codec", "--dtype", dtype, "--rounds", str(rounds)]
    command += ["--threads", str(threads)]
    environment = os.environ | {"PYTHONPATH": "."}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    found = re.search(r"one frame ([\d.]+) ms.*26 frames whole (\d+) ms, ratio ([\d.]+)", said)
    assert found, said
    detail = f"one frame {found[1]} ms, 26 frames {found[2]} ms, {threads} threads"
    return Row(f"codec {dtype}, stateful of re-decode", detail, float(found[3]), 0.2)


def memory_row(threads: int) -> Row:
    """The most that a process ever holds which loads 0.6B and speaks; watched from outside."""
    command = [sys.executable, "-m", "wyoming_qwen3tts", "bench", "--random-weights", "0.6B", "--streams", "1"]
    command += ["--frames", "40", "--rounds", "2", "--engine.dtype", "bfloat16", "--json"]
    environment = os.environ | {"PYTHONPATH": ".", "OMP_NUM_THREADS": str(threads)}
    peak = 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, _held_kb(process.pid))
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        assert process.stdout is not None
        speaking = json.loads(process.stdout.read())["runs"][0]["memory_mb"]
    return Row(
        "0.6B bf16, memory while speaking, GB", f"{peak / 1e6:.2f} GB at most while it loads", speaking / 1e3, 2.8
    )


def _held_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0  # it has just ended
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", required=True, help="the interpreter of the official package's environment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    rows = model_rows(options.official, options.rounds, options.frames, options.threads)
    rows += [codec_row(options.rounds, options.threads, dtype) for dtype in ("float32", "bfloat16")]
    rows.append(memory_row(options.threads))
    if options.json:
        sys.stdout.write(
            json.dumps({"load_before": load_before, "rows": [asdict(row) for row in rows]}, indent=2) + "\n"
        )
        return
    sys.stdout.write("\n".join(map(str, rows)) + f"\nload average before: {load_before:.2f}, {os.cpu_count()} cores\n")


if __name__ == "__main__":
    main()
