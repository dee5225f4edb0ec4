"""How many cores are ours, and which of them are alike: from the kernel's files, so that a test can be any machine."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

ROOT = Path("/")


def usable_cores(allowed: set[int], root: Path = ROOT) -> int:
    """Threads that can run at the same time: the cores we may use, and no more than the container's quota.

    Half a core is one thread. A part above that counts for nothing: threads over the quota use it up together, and then
    all of them stand still for the rest of the period.
    """
    quota = cpu_quota(root)
    return max(1, len(allowed) if quota is None else min(len(allowed), int(quota + 0.05)))


def cpu_quota(root: Path = ROOT) -> float | None:
    """Cores' worth of time that our control groups give, the least of them; None: no limit."""
    quotas = [quota for group in _groups(root) for quota in (_quota_v2(group), _quota_v1(group)) if quota is not None]
    return min(quotas, default=None)


def core_kinds(allowed: set[int], root: Path = ROOT) -> list[int]:
    """Numbers of threads that are worth a try on unlike cores, ascending: the fastest kind alone, and one thread for
    each core of two threads. Empty where all are alike."""
    cpus = root / "sys/devices/system/cpu"
    found = set()
    ranks = Counter(_rank(cpus / f"cpu{cpu}", cpu, root) for cpu in allowed)
    if len(ranks) > 1:
        found.add(ranks[max(ranks)])
    cores = {_text(cpus / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu) for cpu in allowed}
    found.add(len(cores))
    return sorted(count for count in found if count < len(allowed))


def host_cores(root: Path = ROOT) -> int:
    """All cores of the machine, which its load average is to be compared with, whatever our share of it."""
    return len(_numbers(_text(root / "sys/devices/system/cpu/online"))) or os.cpu_count() or 1


def _rank(cpu: Path, number: int, root: Path) -> int:
    """How fast a core is among others: Arm's capacity, Intel's two kinds, or the highest clock (kHz)."""
    if (capacity := _text(cpu / "cpu_capacity")).isdigit():
        return int(capacity)
    if number in _numbers(_text(root / "sys/devices/cpu_atom/cpus")):
        return 0
    if number in _numbers(_text(root / "sys/devices/cpu_core/cpus")):
        return 1
    clock = _text(cpu / "cpufreq/cpuinfo_max_freq")
    # Cores of one kind differ by some per cent ("favoured" ones), those of two kinds by a quarter and more.
    return round(int(clock) / 800_000) if clock.isdigit() else 0


def _groups(root: Path) -> list[Path]:
    """Folders of our control groups, from ours up to the top one that is visible. In a container ours is the top."""
    folders = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        tops = ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct") if controllers else ("sys/fs/cgroup",)
        for top in tops:
            parts = [part for part in path.split("/") if part not in ("", "..")]
            folders += [(root / top).joinpath(*parts[:count]) for count in range(len(parts), -1, -1)]
    return folders


def _quota_v2(group: Path) -> float | None:
    quota, period = [*_text(group / "cpu.max").split(), "", ""][:2]
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _quota_v1(group: Path) -> float | None:
    quota, period = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None  # -1: no limit


def _numbers(text: str) -> set[int]:
    """``0-3,8`` as numbers; nothing of what is none."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            found.update(range(int(first), int(last or first) + 1))
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:  # not this kind of machine
        return ""
