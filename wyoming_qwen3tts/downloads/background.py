"""A download that somebody starts and others watch."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import BadRequest, Busy, StoreError
from ..util.tasks import cancel_and_wait, in_daemon_thread
from .progress import Lines, Progress
from .store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DownloadState:
    """How the last one is, or was."""

    model: str
    phase: Literal["running", "done", "failed", "stopped"]
    progress: float = 0.0
    error: str = ""  # in words


class BackgroundDownload:
    """Fetches one of ``models`` at a time into ``store``. Event loop only; to be closed."""

    def __init__(self, store: Store, models: Sequence[str]) -> None:
        self._store, self.models = store, tuple(models)
        self.state: DownloadState | None = None  # None: nothing was asked for since the start
        self._stop = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def find(self, model: str) -> Path | None:
        """Where it is, complete; None if it would have to be fetched. Looks at the disk."""
        try:
            return self._store.find(model)
        except StoreError:
            return None

    def start(self, model: str) -> None:
        """Begin, and return at once; what is here of it already is kept.

        Raises:
            BadRequest: if the settings do not name it.
            Busy: if one is going on.
        """
        if model not in self.models:
            raise BadRequest(f"{model[:200]!r} is not one of {', '.join(self.models)}.", field="model")
        if self._task is not None and not self._task.done():
            raise Busy("A model is being downloaded already.")
        self._stop.clear()
        self.state = DownloadState(model, "running")
        self._task = asyncio.get_running_loop().create_task(self._fetch(model))

    def stop(self) -> None:
        """Leave it as far as it is; the next one goes on there."""
        self._stop.set()

    async def close(self) -> None:
        self.stop()
        await cancel_and_wait(self._task)

    async def _fetch(self, model: str) -> None:
        lines = Lines(log.info)

        def report(progress: Progress) -> None:
            self.state = DownloadState(model, "running", progress.fraction)
            lines(progress)

        work: Callable[[], Path] = lambda: self._store.fetch(model, report=report, stop=self._stop)  # noqa: E731
        try:
            await in_daemon_thread(work, f"fetch {model}")
        except StoreError as error:
            is_wish = self._stop.is_set()
            self.state = DownloadState(model, "stopped" if is_wish else "failed", error="" if is_wish else str(error))
            if not is_wish:
                log.warning("%s", error)
        else:
            self.state = DownloadState(model, "done", 1.0)
