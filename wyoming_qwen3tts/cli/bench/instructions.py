"""``bench --cpu``: measure what a lesser processor would do, by leaving instructions of this one unused."""

from __future__ import annotations

import os
import platform
import sys
from typing import NamedTuple

from ...errors import BadRequest, SpeechError
from ...model.cpu.native.build import cpu_flags

AUTO = "auto"
KERNEL_VARIABLE = "WYOMING_QWEN3TTS_KERNEL"  # read by the compiled library, see ``model/cpu/native/isa.h``


class _Level(NamedTuple):
    kernel: int
    name: str
    needs: frozenset[str]  # as the system names them
    torch: str  # values of PyTorch's, oneDNN's and MKL's variables
    onednn: str
    mkl: str


LEVELS = {
    "vnni": _Level(
        2,
        "AVX-512 VNNI without bfloat16",
        frozenset({"avx512_vnni", "avx512bw"}),
        "avx512",
        "AVX512_CORE_VNNI",
        "AVX512_E1",
    ),
    "avx2": _Level(1, "AVX2", frozenset({"avx2", "fma"}), "avx2", "AVX2", "AVX2"),
    "portable": _Level(0, "plain code", frozenset(), "default", "SSE41", "SSE4_2"),
}
CHOICES = (AUTO, *LEVELS)


def limit(cpu: str) -> str:
    """Leave what is beyond ``cpu`` unused in this process and its children: of our library, of PyTorch, oneDNN and MKL.
    What that comes to, in words; empty for ``auto``. Before PyTorch is imported.

    Raises:
        BadRequest: if this processor has less.
        SpeechError: if it is too late.
    """
    if cpu == AUTO:
        return ""
    level = LEVELS[cpu]
    _check(cpu, level, platform.machine(), cpu_flags())
    if "torch" in sys.modules:
        raise SpeechError("PyTorch is loaded already: its instructions can no longer be chosen.")
    os.environ |= {
        KERNEL_VARIABLE: str(level.kernel),
        "ATEN_CPU_CAPABILITY": level.torch,
        "ONEDNN_MAX_CPU_ISA": level.onednn,
        "MKL_ENABLE_INSTRUCTIONS": level.mkl,
    }
    return f"limited to {level.name}"


def _check(cpu: str, level: _Level, machine: str, flags: frozenset[str]) -> None:
    if not level.needs:
        return
    if machine not in ("x86_64", "AMD64"):
        raise BadRequest(f"--cpu {cpu} is for x86_64 processors; this is {machine}, which has auto and portable.")
    if not level.needs <= flags:
        missing = ", ".join(sorted(level.needs - flags))
        has = [name for name, one in LEVELS.items() if one.needs <= flags]
        raise BadRequest(f"--cpu {cpu}: this processor has no {missing}. It can do {', '.join((AUTO, *has))}.")
