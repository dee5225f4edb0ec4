"""The command ``doctor``, for the page: run in a process of its own, which loads torch and goes again."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from ..errors import Busy, SpeechError
from ..settings import Settings, sources
from ..util.processes import ProcessError, run

_LONGEST_S = 240.0  # neighbours that do not answer; a compiler, where the processor was never measured
_OTHERS = ("PATH", "HOME", "LANG", "XDG_DATA_HOME", "SUPERVISOR_TOKEN", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HOME",
    "IMAGE_USER", "NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH", "VIRTUAL_ENV")  # fmt: skip


class Examination:
    """What `doctor` says of the running server, one at a time. Event loop only."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
        kept = {name: environ[name] for name in _OTHERS if name in environ}
        self._environment = kept | sources.as_variables(settings)
        self._environment[sources.variable("data_dir")] = str(settings.data_dir)
        self._going = asyncio.Lock()

    async def __call__(self, *, speed: bool = False) -> list[dict[str, Any]]:
        """The checks, as ``doctor --json`` prints them; with ``speed`` those of ``doctor --speed``.

        Raises:
            Busy: if it is being done for somebody else.
            SpeechError: if it does not come to an end.
        """
        if self._going.locked():
            raise Busy("The server is being examined already. Try again in a moment.")
        command = [sys.executable, "-P", "-m", __package__.partition(".")[0], "doctor", "--json"]
        async with self._going:
            try:
                done = await run(
                    [*command, "--speed"] if speed else command, timeout_s=_LONGEST_S, environment=self._environment
                )
                found: list[dict[str, Any]] = json.loads(done.stdout)
            except ProcessError as error:
                raise SpeechError(f"The examination failed: {error}.") from error
            except ValueError:
                raise SpeechError(f"The examination failed: {done.complaint}.") from None
        return found
