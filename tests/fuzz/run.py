"""Fuzz with atheris: ``script/fuzz MINUTES [TARGET...]``.

Each target has a process of its own, one after the other, for its share of the time. It begins with the corpus in the
repository; what it finds on the way is kept in ``~/.cache``, so that the next run goes on from there. A fault is
written to ``tests/fuzz/corpus/<target>/fault-<hash>``, where the tests run it from then on.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .targets import CORPUS, TARGETS

_LARGEST = {"clip_reader": 65_536, "voice_file": 65_536}


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--one"]:
        return _one(arguments[1], arguments[2:])
    minutes, wanted = float(arguments[0]) if arguments else 1.0, arguments[1:] or list(TARGETS)
    unknown = set(wanted) - set(TARGETS)
    if unknown:
        sys.exit(f"There is no target {', '.join(sorted(unknown))}. Known are {', '.join(TARGETS)}.")
    failed, total = 0, 0
    for name in wanted:
        runs, code = _run(name, max(1, round(60 * minutes / len(wanted))))
        total, failed = total + runs, failed + bool(code)
        print(f"{name:16} {runs:>12,} executions   {'FAULT, see above' if code else 'no fault'}", flush=True)  # noqa: T201
    print(f"{'all':16} {total:>12,} executions   {failed} targets with a fault")  # noqa: T201
    return int(failed > 0)


def _run(name: str, seconds: int) -> tuple[int, int]:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "wyoming-qwen3tts-fuzz" / name
    cache.mkdir(parents=True, exist_ok=True)
    corpus = CORPUS / name
    flags = [f"-max_total_time={seconds}", f"-max_len={_LARGEST.get(name, 2048)}", "-timeout=10", "-rss_limit_mb=2048"]
    flags += [f"-artifact_prefix={corpus}/fault-", "-print_final_stats=1", str(cache), str(corpus)]
    command = [sys.executable, "-m", "tests.fuzz.run", "--one", name, *flags]
    done = subprocess.run(command, stderr=subprocess.PIPE, stdout=sys.stderr, text=True, errors="replace", check=False)
    found = re.findall(r"stat::number_of_executed_units:\s+(\d+)", done.stderr)
    if done.returncode:
        sys.stderr.write("\n".join(done.stderr.splitlines()[-40:]) + "\n")
    return int(found[-1]) if found else 0, done.returncode


def _one(name: str, flags: list[str]) -> int:
    import atheris

    target = TARGETS[name]
    atheris.instrument_all() if name != "clip_reader" else None
    atheris.Setup([sys.argv[0], *flags], target)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
