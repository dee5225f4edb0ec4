"""The compiled library is found, made, or missed with a reason."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from wyoming_qwen3tts.model.cpu.native import build
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary, compile_library, flavour, library_path


@pytest.mark.parametrize(
    ("machine", "flags", "march"),
    [
        ("x86_64", {"avx2", "fma"}, "x86-64-v3"),
        ("aarch64", {"asimddp", "i8mm"}, "armv8-a"),
        ("aarch64", set(), "armv8-a"),
    ],
)
def test_every_processor_gets_what_it_can_run(machine: str, flags: set[str], march: str) -> None:
    assert flavour(machine, frozenset(flags)) == march


@pytest.mark.parametrize(("machine", "why"), [("x86_64", "no AVX2"), ("riscv64", "riscv64")])
def test_other_processors_are_told_why(machine: str, why: str) -> None:
    with pytest.raises(NoLibrary, match=why):
        flavour(machine, frozenset())


def compiler(folder: Path, script: str) -> Path:
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_library_is_compiled_once_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tmp_path / "made"
    script = f'for last; do :; done; echo library > "$last"; echo once >> {made}'
    monkeypatch.setenv("CXX", str(compiler(tmp_path, script)))
    monkeypatch.setattr(build, "_fingerprint", lambda: "of-a-test")

    first, second = library_path(tmp_path / "cache"), library_path(tmp_path / "cache")

    assert first == second
    assert first.read_text() == "library\n"
    assert made.read_text() == "once\n"


def test_what_the_compiler_says_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", str(compiler(tmp_path, "echo no such standard >&2; exit 1")))

    with pytest.raises(NoLibrary, match="no such standard"):
        compile_library(tmp_path / "cache" / "library.so", "x86-64-v3")

    assert list((tmp_path / "cache").iterdir()) == []


def test_without_a_compiler_the_reason_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoLibrary, match=r"install g\+\+"):
        compile_library(tmp_path / "library.so", "x86-64-v3")


def test_a_folder_that_cannot_be_made_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(NoLibrary, match="cannot be compiled into"):
        compile_library(tmp_path / "file" / "library.so", "x86-64-v3")


def test_a_compiler_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", str(compiler(tmp_path, "exec sleep 5")))

    with pytest.raises(NoLibrary, match="took longer"):
        compile_library(tmp_path / "library.so", "x86-64-v3", timeout_s=0.05)


@pytest.mark.parametrize("error", [None, "no luck"])
def test_compiling_at_install_never_fails_the_install(
    error: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(_: Path) -> Path:
        if error:
            raise NoLibrary(error)
        return Path("library.so")

    monkeypatch.setattr(build, "library_path", find)

    assert build.main() == 0
    assert (error or "Compiled library.so") in capsys.readouterr().err
