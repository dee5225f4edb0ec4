"""``download``: fetch models ahead of time."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..app.build import build_store
from ..downloads.progress import Bar, Lines
from ..downloads.store import default_model
from ..settings import Settings
from ..util.processes import ProcessError, run_blocking


def download(settings: Settings, model: str | None) -> int:
    """Fetch ``model``, else the configured ones, else the one that suits this machine; check every byte; print where
    each is.

    Raises:
        StoreError: for the first one that cannot be had.
    """
    models = (model,) if model else settings.engine.model or (default_model(gpu_bytes()),)
    for folder in fetched(settings, models, verify=True):
        sys.stdout.write(f"{folder}\n")
        sys.stdout.flush()
    return 0


def fetched(settings: Settings, models: Sequence[str], *, verify: bool = False) -> Iterator[Path]:
    """The folder of each model, one by one, downloaded if need be while standard error shows how far it is.

    Raises:
        StoreError: for the first one that cannot be had.
    """
    store = build_store(settings, models)
    for model in models:
        bar = Bar(sys.stderr) if sys.stderr.isatty() else None
        try:
            folder = store.fetch(model, verify=verify, report=bar or Lines(_say))
        finally:
            if bar is not None:
                bar.close()
        yield folder


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def gpu_bytes() -> int | None:
    """The memory of the largest NVIDIA card; None without one. Asked without torch, which may not be installed yet."""
    command = ("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits")
    with contextlib.suppress(ProcessError, ValueError):
        output = run_blocking(command, timeout_s=10, environment=os.environ)
        if output.code == 0 and output.stdout.strip():
            return max(int(line) for line in output.stdout.split()) << 20
    return None
