"""Finds or makes the compiled library. As a program, it makes it beside its sources, for installs and images."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from ....util.processes import ProcessError, ProcessTimeout, run_blocking

SOURCES = Path(__file__).parent
FLAGS = (
    "-std=c++20",
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp-simd",
    "-fPIC",
    "-shared",
    "-pthread",
    "-w",
)
COMPILE_S = 180  # a Raspberry Pi takes a minute


class NoLibrary(Exception):
    """There is no compiled library, and why."""


@cache
def cpu_flags() -> frozenset[str]:
    """What this processor can do, in the kernel's words."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(
        word
        for line in lines
        if line.lower().startswith(("flags", "features"))
        for word in line.partition(":")[2].split()
    )


def flavour(machine: str, flags: frozenset[str]) -> str:
    """The compiler's name for the least that the code may expect of this processor.

    Raises:
        NoLibrary: if it is one that the sources are not made for.
    """
    if machine in ("x86_64", "AMD64"):
        if {"avx2", "fma"} <= flags:
            return "x86-64-v3"
        raise NoLibrary("this processor has no AVX2")
    if machine in ("aarch64", "arm64"):
        return "armv8-a"  # what a processor has beyond it is found out at run time, see ``isa.h``
    raise NoLibrary(f"there is no code for {machine} processors")


def library_path(cache_dir: Path | None = None) -> Path:
    """The library for this machine; compiled now if it is not there.

    Looked for beside the sources, then in ``cache_dir`` (default: the user's cache folder).

    Raises:
        NoLibrary: with the reason.
    """
    march = flavour(platform.machine(), cpu_flags())
    name = f"qwen3tts-{march}-{_fingerprint()}.so"
    folder = cache_dir or _cache_dir()
    for path in (SOURCES / name, folder / name):
        if path.exists():
            return path
    return compile_library(folder / name, march)


def compile_library(target: Path, march: str, timeout_s: float = COMPILE_S) -> Path:
    """Compile the sources into ``target``, which appears whole or not at all.

    Raises:
        NoLibrary: if there is no compiler, or what it says.
    """
    compiler = _compiler()
    if compiler is None:
        raise NoLibrary("there is no C++ compiler (install g++)")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as work:
            made = Path(work) / "library.so"
            sources = [str(path) for path in sorted(SOURCES.glob("*.cpp"))]
            command = [compiler, *FLAGS, f"-march={march}", *sources, "-o", str(made)]
            output = run_blocking(command, timeout_s=timeout_s, environment=os.environ)
            if output.code:
                raise NoLibrary(f"{compiler} failed: {output.complaint}")
            made.replace(target)
    except OSError as error:
        raise NoLibrary(f"it cannot be compiled into {target.parent}: {error.strerror or error}") from error
    except ProcessTimeout as error:
        raise NoLibrary(f"{compiler} took longer than {timeout_s:g} s") from error
    except ProcessError as error:
        raise NoLibrary(str(error)) from error
    return target


def _compiler() -> str | None:
    names = (os.environ.get("CXX", ""), "c++", "g++", "clang++")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def _cache_dir() -> Path:
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wyoming-qwen3tts"
    except RuntimeError:
        raise NoLibrary("there is no home folder to compile it into") from None


@cache
def _fingerprint() -> str:
    """Of sources and flags: a library of another version is never loaded."""
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for path in sorted((*SOURCES.glob("*.cpp"), *SOURCES.glob("*.h"))):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def main() -> int:
    """Compile beside the sources. Failing is no error: there is a path without."""
    try:
        path = library_path(SOURCES)
    except NoLibrary as error:
        sys.stderr.write(
            f"No compiled code for Qwen3-TTS on a CPU ({error}); PyTorch's will be used, which is slower\n"
        )
    else:
        sys.stderr.write(f"Compiled {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
