"""Cores by the kernel's files: hybrid processors, half a core, old and new control groups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from wyoming_qwen3tts.engine.qwen3.hardware.cores import core_kinds, cpu_quota, host_cores, usable_cores

CPUS = "sys/devices/system/cpu"


def machine(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


@pytest.mark.parametrize(
    ("files", "quota", "cores"),
    [
        ({}, None, 4),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "max 100000"}, None, 4),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "50000 100000"}, 0.5, 1),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5, 1),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "299000 100000"}, 2.99, 3),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "1600000 100000"}, 16.0, 4),
        ({"proc/self/cgroup": "0::/a/b", "sys/fs/cgroup/a/b/cpu.max": "max 100000",
          "sys/fs/cgroup/a/cpu.max": "200000 100000"}, 2.0, 2),
        ({"proc/self/cgroup": "0::/../b", "sys/fs/cgroup/cpu.max": "100000 100000"}, 1.0, 1),
        ({"proc/self/cgroup": "7:cpu,cpuacct:/docker/x\n3:memory:/docker/x",
          "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000",
          "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000"}, 0.5, 1),
        ({"proc/self/cgroup": "4:cpu:/x", "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "-1",
          "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000"}, None, 4),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "nonsense"}, None, 4),
        ({"proc/self/cgroup": "nonsense", "sys/fs/cgroup/cpu.max": "1 0"}, None, 4),
    ],
    ids=["no groups", "no limit", "half a core", "one and a half", "nearly three", "more than there are", "a parent's",
         "outside of ours", "version 1", "version 1, no limit", "nonsense", "no period"],
)  # fmt: skip
def test_a_quota_bounds_the_threads(files: Mapping[str, str], quota: float | None, cores: int, tmp_path: Path) -> None:
    root = machine(tmp_path, files)

    assert cpu_quota(root) == quota
    assert usable_cores({0, 1, 2, 3}, root) == cores


def hybrid(root: Path) -> Path:
    """Six fast cores of two threads each, eight slow ones: a Core i5-13500."""
    siblings = {n: f"{n // 2 * 2}-{n // 2 * 2 + 1}" if n < 12 else str(n) for n in range(20)}
    files = {f"{CPUS}/cpu{n}/topology/thread_siblings_list": text for n, text in siblings.items()}
    return machine(
        root,
        files | {"sys/devices/cpu_core/cpus": "0-11", "sys/devices/cpu_atom/cpus": "12-19", f"{CPUS}/online": "0-19"},
    )


def test_of_a_hybrid_processor_the_fast_cores_and_the_whole_cores_are_tried(tmp_path: Path) -> None:
    root = hybrid(tmp_path)

    assert core_kinds(set(range(20)), root) == [12, 14]
    assert core_kinds(set(range(12, 20)), root) == []
    assert host_cores(root) == 20


@pytest.mark.parametrize(
    ("file", "slow", "fast"),
    [("cpu_capacity", "446", "1024"), ("cpufreq/cpuinfo_max_freq", "1800000", "2400000")],
    ids=["capacity", "clock"],
)
def test_arms_big_cores_are_tried_alone(file: str, slow: str, fast: str, tmp_path: Path) -> None:
    files = {f"{CPUS}/cpu{n}/{file}": slow if n < 4 else fast for n in range(6)}

    assert core_kinds(set(range(6)), machine(tmp_path, files)) == [2]


@pytest.mark.parametrize("count", [1, 2, 8])
def test_where_all_cores_are_alike_there_is_nothing_more_to_try(count: int, tmp_path: Path) -> None:
    files = {f"{CPUS}/cpu{n}/cpufreq/cpuinfo_max_freq": str(5_000_000 + 100_000 * (n % 2)) for n in range(count)}

    assert core_kinds(set(range(count)), machine(tmp_path, files)) == []


def test_two_cores_of_two_threads_are_tried_with_one_thread_each(tmp_path: Path) -> None:
    files = {f"{CPUS}/cpu{n}/topology/thread_siblings_list": f"{n % 2},{n % 2 + 2}" for n in range(4)}

    assert core_kinds({0, 1, 2, 3}, machine(tmp_path, files)) == [2]
