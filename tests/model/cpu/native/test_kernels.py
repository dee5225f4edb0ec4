"""Every product kernel gives what plain code gives: on this processor, on Arm ones under an emulator, and with AVX-512
where plain code (SIMDe's) stands for each of its instructions.

Without an Arm compiler and qemu-user, or SIMDe, theirs are skipped; ``script/setup dev`` installs them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.model.cpu.native.emulated import EMULATED_FLAGS, missing_for_emulation
from wyoming_qwen3tts.model.cpu.native.build import FLAGS, SOURCES

PROGRAM = Path(__file__).with_name("kernels.cpp")
ARM_COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
pytestmark = pytest.mark.xdist_group("kernels")  # compiled once


def compiled(compiler: str, march: str, target: Path, *more: str) -> Path:
    flags = [*(flag for flag in FLAGS if flag not in ("-shared", "-fPIC")), *more]
    command = [compiler, *flags, f"-march={march}", "-static", f"-I{SOURCES}", str(PROGRAM), "-o", str(target)]
    subprocess.run(command, check=True, timeout=170)
    return target


def test_an_arm_compiler_takes_the_whole_library() -> None:
    if shutil.which(ARM_COMPILER) is None:
        pytest.skip(f"there is no {ARM_COMPILER} (apt install g++-aarch64-linux-gnu)")
    sources = [str(path) for path in sorted(SOURCES.glob("*.cpp"))]
    command = [ARM_COMPILER, *FLAGS, "-Wall", "-Werror", "-march=armv8-a", "-fsyntax-only", *sources]

    subprocess.run([flag for flag in command if flag != "-w"], check=True, timeout=100)


def results(*command: str) -> dict[str, str]:
    """What the program said of each kernel."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    return dict(line.rsplit(": ", 1) for line in ran.stdout.splitlines())


@pytest.fixture(scope="module")
def arm_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    missing = [name for name in (ARM_COMPILER, EMULATOR) if shutil.which(name) is None]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)} (apt install g++-aarch64-linux-gnu qemu-user)")
    return str(compiled(ARM_COMPILER, "armv8-a", tmp_path_factory.mktemp("arm") / "kernels"))


def test_kernels_of_this_processor_are_equal(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("there is no g++")
    found = results(str(compiled("g++", "x86-64-v3", tmp_path / "kernels")))

    assert set(found.values()) == {"equal"}, found
    assert "int4 at its largest, AVX2" in found


def test_kernels_of_avx512_are_equal_where_plain_code_stands_for_its_instructions(tmp_path: Path) -> None:
    """On every x86 machine: few of those that run the tests have AVX-512."""
    if missing := missing_for_emulation():
        pytest.skip(missing)
    found = results(str(compiled("g++", "x86-64-v3", tmp_path / "kernels", *EMULATED_FLAGS)))

    assert set(found.values()) == {"equal"}, found
    assert {"int8, AVX-512 VNNI", "int4 at its largest, AVX-512 VNNI"} <= found.keys()
    assert {"int16, AVX-512 VNNI", "int16 at its largest, AVX-512 VNNI"} <= found.keys()


@pytest.mark.parametrize(
    ("processor", "kernels", "bfloat16"),
    [
        ("cortex-a72", ["portable"], "portable"),  # Raspberry Pi 4
        ("cortex-a76", ["portable", "dot product"], "portable"),  # Raspberry Pi 5
        ("max", ["portable", "dot product", "i8mm"], "bf16"),
    ],
)
def test_kernels_of_arm_processors_are_equal(
    processor: str, kernels: list[str], bfloat16: str, arm_program: str
) -> None:
    found = results(EMULATOR, "-cpu", processor, arm_program)

    assert set(found.values()) == {"equal"}, found
    assert [name for name in ("portable", "dot product", "i8mm") if f"int4, {name}" in found] == kernels
    assert f"bfloat16, {bfloat16}" in found
