"""How many threads the compiled library gets: as many as are fastest here. Measured once, and remembered."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from ....model.cpu.language import held
from ....model.cpu.native.library import Held, Native, open_native
from ....model.cpu.quantize import pack_int8, to_int8
from ....util.files import write_atomic

OUTPUTS, INPUTS = 16_384, 2_048  # 32 MB: as a model's matrices, not to be had from a cache
ROWS = (1, 16)  # reading memory, as the language model does most of its time, and computing, as the codec does
ROUNDS = 12
GAIN = 0.95  # more threads have to be faster by 5 %: others use this machine too


@cache
def best_threads(cache_dir: Path | None) -> int:
    """As many as were found best before on this machine, or now. ``OMP_NUM_THREADS`` is the most, as for PyTorch.

    Raises:
        NoLibrary: with the reason, if there is no library to measure with.
    """
    most = min(torch.get_num_threads(), len(os.sched_getaffinity(0)))
    machine = f"{platform.machine()} {processor()} {most}"
    kept = None if cache_dir is None else cache_dir / "threads.json"
    if kept is not None and (known := _known(kept, machine)) is not None:
        return known
    best = fastest(_candidates(most), lambda threads: _product_s(threads, cache_dir))
    if kept is not None:
        try:
            write_atomic(kept, json.dumps({"machine": machine, "threads": best}).encode())
        except OSError:  # then it is measured again next time
            return best
    return best


def fastest(candidates: list[int], seconds: Callable[[int], float]) -> int:
    """The number of threads with the least time; more of them only for a gain."""
    best, least = candidates[0], seconds(candidates[0])
    for count in candidates[1:]:
        taken = seconds(count)
        if taken < GAIN * least:
            best, least = count, taken
    return best


def _candidates(most: int) -> list[int]:
    """1, 2, 4, ... and all of them."""
    return sorted({most, *(1 << i for i in range(most.bit_length()) if 1 << i <= most)})


def _product_s(threads: int, cache_dir: Path | None) -> float:
    """The least time of what a frame is made of."""
    library = open_native(threads, cache_dir)
    matrix = held(pack_int8(to_int8(torch.full((OUTPUTS, INPUTS), 0.5))))
    try:
        return sum(_least_s(library, matrix, torch.ones(rows, INPUTS)) for rows in ROWS)
    finally:
        library.close()


def _least_s(library: Native, matrix: Held, x: torch.Tensor) -> float:
    least = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        library.multiply(matrix, x)
        least = min(least, time.perf_counter() - began)
    return least


def _known(kept: Path, machine: str) -> int | None:
    try:
        found = json.loads(kept.read_text())
        return int(found["threads"]) if found["machine"] == machine and found["threads"] >= 1 else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def processor() -> str:
    """Its name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
