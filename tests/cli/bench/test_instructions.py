"""``bench --cpu``: fewer instructions for all that is compiled, or one line that says why not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.bench import instructions
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary, cpu_flags, library_path

SEEN = """
import sys
from pathlib import Path
from wyoming_qwen3tts.cli.bench.instructions import limit
said = limit(sys.argv[1])
import torch
from wyoming_qwen3tts.model.cpu.native.library import open_native
library = open_native(1)
print(said, library.kernel, library.codec_format.name, torch.backends.cpu.get_cpu_capability(), sep="; ")
"""


@pytest.mark.parametrize(
    ("cpu", "seen"),
    [
        ("avx2", "limited to AVX2; AVX2; INT16; AVX2"),
        ("portable", "limited to plain code; portable; FLOAT32; DEFAULT"),
    ],
)
def test_the_library_and_pytorch_use_no_more_than_was_asked_for(cpu: str, seen: str) -> None:
    if not instructions.LEVELS["avx2"].needs <= cpu_flags():
        pytest.skip("not on this processor")
    try:
        library_path()
    except NoLibrary as error:
        pytest.skip(str(error))

    ran = subprocess.run([sys.executable, "-c", SEEN, cpu], capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout.strip() == seen


def test_the_result_says_what_was_limited(tiny: dict[ModelType, Path]) -> None:
    if not instructions.LEVELS["avx2"].needs <= cpu_flags():
        pytest.skip("not on this processor")
    command = [sys.executable, "-m", "wyoming_qwen3tts", "bench", "--cpu", "avx2", "--json", "--engine.device", "cpu"]
    small = ["--engine.model", str(tiny["base"]), "--streams", "1", "--frames", "3", "--rounds", "1"]

    ran = subprocess.run([*command, *small], capture_output=True, text=True, timeout=90, check=True)

    assert json.loads(ran.stdout)["machine"].endswith(", limited to AVX2")


@pytest.mark.parametrize(
    ("cpu", "machine", "flags", "why"),
    [
        ("vnni", "x86_64", {"avx2", "fma"}, "has no avx512_vnni, avx512bw. It can do auto, avx2, portable."),
        ("avx2", "x86_64", {"sse4_1"}, "has no avx2, fma. It can do auto, portable."),
        ("avx2", "aarch64", {"asimddp"}, "this is aarch64, which has auto and portable"),
    ],
)
def test_what_the_processor_lacks_is_said(
    cpu: str,
    machine: str,
    flags: set[str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("wyoming_qwen3tts.cli.bench.instructions.cpu_flags", lambda: frozenset(flags))

    assert main(["bench", "--random-weights", "0.6B", "--cpu", cpu]) == 1

    told = capsys.readouterr().err
    assert why in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("other", [["--peers"], ["--simulate"], ["--wyoming", "tcp://127.0.0.1:1"]])
def test_it_is_for_this_machines_processor_only(other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *other, "--cpu", "portable"]) == 1

    assert "--cpu is for the model on this machine's processor" in capsys.readouterr().err
