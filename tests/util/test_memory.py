"""What may still be taken: of the machine, and of the container."""

from __future__ import annotations

from pathlib import Path

import pytest

from wyoming_qwen3tts.util.memory import available_bytes, resident_bytes
from wyoming_qwen3tts.util.sparse import sparse

MIB = 1 << 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with 4,000 MiB to spare."""
    write(tmp_path / "proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable:    4096000 kB\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_a_limit_it_is_the_machines(root: Path) -> None:
    assert available_bytes(root) == 4_000 * MIB
    write(root / "sys/fs/cgroup/memory.max", "max\n")
    assert available_bytes(root) == 4_000 * MIB


@pytest.mark.parametrize(
    ("folder", "limit", "used"),
    [("", "memory.max", "memory.current"), ("memory/", "memory.limit_in_bytes", "memory.usage_in_bytes")],
)
def test_a_containers_limit_counts_and_files_that_can_be_dropped_do_not(
    root: Path, folder: str, limit: str, used: str
) -> None:
    group = root / "sys/fs/cgroup" / folder
    write(group / limit, f"{1024 * MIB}\n")
    write(group / used, f"{900 * MIB}\n")
    assert available_bytes(root) == 124 * MIB

    write(group / "memory.stat", f"anon {100 * MIB}\nactive_file {300 * MIB}\ninactive_file {400 * MIB}\n")
    assert available_bytes(root) == 824 * MIB


def test_a_kernel_that_does_not_say_is_no_error(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) is None
    write(tmp_path / "proc/meminfo", "nonsense\n")
    assert available_bytes(tmp_path) is None


def test_of_a_sparse_area_only_what_is_written_takes_memory() -> None:
    """One byte in every 2 MiB, which is a huge page: they would take all of it."""
    before = resident_bytes()
    area = sparse(256 * MIB)
    assert area[-1] == 0
    for at in range(0, len(area), 2 * MIB):
        area[at] = 1
    assert resident_bytes() - before < 64 * MIB
