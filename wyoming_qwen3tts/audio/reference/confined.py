"""Give up memory, time and files for good, and become another program: a stranger's bytes meet it then. Run as a
script by ``foreign.py``, with the program and its arguments."""

from __future__ import annotations

import os
import resource
import sys

CPU_S = 5
MEMORY_BYTES = 1 << 30  # address space: ffmpeg's libraries alone map a third of it
FILES = 32  # those libraries, while they are loaded


def main() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_FSIZE, 0),  # it writes to a pipe, and no file
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, FILES),
    ):
        resource.setrlimit(limit, (value, value))
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  a program and its arguments, as it was given


if __name__ == "__main__":
    main()
