"""R31: machines that are too small or too full for the natural voice get the best that works, said in one line."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from tests.engine.configs import engine_config
from tests.harness import disk_with_room_for
from wyoming_qwen3tts.engine.qwen3 import precision
from wyoming_qwen3tts.engine.qwen3.engine import Qwen3Engine
from wyoming_qwen3tts.engine.qwen3.hardware import cores, threads
from wyoming_qwen3tts.engine.qwen3.hardware.plan import SMALL, cpu_plan
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Hardware
from wyoming_qwen3tts.engine.qwen3.loading import build_runners, load_models, warm_up
from wyoming_qwen3tts.errors import NotNow
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.cpu.native import build
from wyoming_qwen3tts.model.cpu.native.build import NoLibrary, library_path
from wyoming_qwen3tts.speech.engine import Phase
from wyoming_qwen3tts.voices.folder import VoiceFolder

PLAN = cpu_plan(engine_config(), has_bfloat16=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("small") / "model")


@pytest.fixture(autouse=True)
def has_own_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at a made-up machine takes no time: its products are those of a moment."""
    monkeypatch.setattr(threads, "_LOOK_S", 0.0)


def speaks(folder: Path, cache: Path) -> None:
    """Load as the server does, and speak a frame."""
    models = load_models([folder], PLAN, cache, lambda _: None)
    (runner,) = build_runners(models, slots=1, positions=64, graphs=lambda: None)
    warm_up(runner)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "on the CPU" in record.getMessage()]


def needs_library() -> None:
    try:
        library_path()
    except NoLibrary as error:
        pytest.skip(str(error))


def of_a_machine(monkeypatch: pytest.MonkeyPatch, allowed: set[int], root: Path) -> None:
    monkeypatch.setattr(threads, "_cores", lambda: cores.usable_cores(allowed, root))
    monkeypatch.setattr(threads, "core_kinds", lambda _: cores.core_kinds(allowed, root))
    monkeypatch.setattr(threads, "host_cores", lambda: 64)  # which are not busy


@pytest.mark.parametrize("quota", [None, "50000 100000"], ids=["one core", "half a core of four"])
def test_one_core_or_half_of_one_gets_one_thread(
    quota: str | None, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    needs_library()
    root = tmp_path / "root"
    if quota is not None:
        (root / "sys/fs/cgroup").mkdir(parents=True)
        (root / "proc/self").mkdir(parents=True)
        (root / "sys/fs/cgroup/cpu.max").write_text(quota)
        (root / "proc/self/cgroup").write_text("0::/\n")
    of_a_machine(monkeypatch, {0} if quota is None else {0, 1, 2, 3}, root)
    caplog.set_level(logging.DEBUG)

    speaks(folder, tmp_path / "cache")

    (said,) = lines(caplog)
    assert said.startswith("Qwen3-TTS on the CPU: int8, ")
    assert said.endswith("1 thread (of 1)")


def test_a_processor_without_avx2_computes_with_pytorch_and_says_why(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(build, "cpu_flags", lambda: frozenset({"sse4_2", "ssse3"}))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr(precision, "_libraries", precision._libraries.__wrapped__)
    caplog.set_level(logging.DEBUG)

    speaks(folder, tmp_path)

    assert lines(caplog) == [
        "Qwen3-TTS on the CPU: int8 with PyTorch's products, which is slower, because this processor has no AVX2"
    ]
    assert list(tmp_path.iterdir()) == []


async def test_with_2_gb_of_memory_nothing_is_downloaded_or_loaded_and_it_is_tried_again(tmp_path: Path) -> None:
    fetched: list[str] = []

    def fetch(model: str, **_: object) -> Path:
        fetched.append(model)
        return tmp_path

    engine = Qwen3Engine(
        engine_config(kind="qwen3", models=()),
        find=lambda _: None,
        fetch=fetch,
        clones=VoiceFolder(tmp_path / "voices", 8),
        probe=lambda: Hardware(torch="2.13.0+cpu", ram_mb=1_200),
    )
    with pytest.raises(NotNow, match=rf"{SMALL} does not fit, it is not loaded: it needs about [\d,]+ MiB of memory"):
        await engine.start()

    assert engine.status.phase is Phase.FAILED
    assert engine.status.reason.count("\n") == 0
    assert not fetched
    await engine.close()


def test_a_disk_that_fills_up_while_rounding_keeps_nothing_and_the_voice_speaks(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    needs_library()
    caplog.set_level(logging.WARNING)
    with disk_with_room_for(60_000):
        speaks(folder, tmp_path)

    (said,) = [record.getMessage() for record in caplog.records if "Rounded" in record.getMessage()]
    assert said == (
        f"Rounded weights cannot be kept in {tmp_path}: {os.strerror(errno.EFBIG)}. Every start rounds again."
    )
    assert not list(tmp_path.glob("*.safetensors")) + list(tmp_path.glob(".*"))


@pytest.mark.parametrize("cut", [500, -1])
def test_kept_weights_cut_short_are_made_anew_and_kept_whole(
    cut: int, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    needs_library()
    speaks(folder, tmp_path)
    (kept,) = tmp_path.glob("*.safetensors")
    kept.write_bytes(kept.read_bytes()[:cut])
    caplog.set_level(logging.WARNING)

    speaks(folder, tmp_path)
    speaks(folder, tmp_path)

    said = [record.getMessage() for record in caplog.records if "Rounded" in record.getMessage()]
    assert [line.startswith("Rounded weights are made anew: ") for line in said] == [True]
    assert kept.exists()
