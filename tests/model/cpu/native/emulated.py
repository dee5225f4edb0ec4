"""A pytest plugin: the tests compute with a library whose AVX-512 code runs as plain code (``avx512_emulated.h``).

``script/check-avx512`` names it with ``-p``. Nothing runs if the library cannot be made, or would not use that code.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from pathlib import Path

import pytest

HEADER = Path(__file__).with_name("avx512_emulated.h")
EMULATED_FLAGS = ("-O1", "-Wno-psabi", "-include", str(HEADER))  # -O3 takes twice as long and computes the same


def missing_for_emulation() -> str:
    """Why AVX-512 cannot be emulated here, or nothing."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"AVX-512 is not emulated on {platform.machine()} processors"
    if shutil.which("g++") is None:
        return "there is no g++"
    if not Path("/usr/include/simde/x86/avx512.h").exists():
        return "there is no SIMDe (apt install libsimde-dev)"
    return ""


def pytest_configure(config: pytest.Config) -> None:
    # Not at the top: it loads PyTorch, which those who only want to know the flags do without.
    from wyoming_qwen3tts.model.cpu.native import build, library

    if missing := missing_for_emulation():
        raise pytest.UsageError(missing)
    folder = tempfile.TemporaryDirectory(prefix="avx512-")
    config.add_cleanup(folder.cleanup)
    replace = pytest.MonkeyPatch()
    config.add_cleanup(replace.undo)
    replace.setattr(build, "FLAGS", (*build.FLAGS, *EMULATED_FLAGS))
    made = build.compile_library(Path(folder.name) / "emulated.so", "x86-64-v3")
    replace.setattr(library, "library_path", lambda cache_dir=None: made)

    native = library.open_native(1)
    chosen = native.kernel, native.codec_format
    native.close()
    if chosen != ("AVX-512 VNNI", library.Format.INT16):
        raise pytest.UsageError(f"the emulated library computes with {chosen}")
