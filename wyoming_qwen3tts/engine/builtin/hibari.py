"""hibari-tts: the built-in English voice. 8 MB of weights in its wheel, some 100 times faster than speech on one
core."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from ...audio.pcm import Samples
from ...util.fair_line import FairLine

log = logging.getLogger(__name__)

T = TypeVar("T")

_SEED = 0  # the same text always sounds the same
RATE = 24_000


class HibariVoice:
    """Loads late, speaks in threads of its own: onnxruntime lets go of the interpreter while it works."""

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._threads = ThreadPoolExecutor(threads + 1, thread_name_prefix="hibari")
        self._line = FairLine(threads, is_eager=True)  # the pool's own knows no hosts
        self._places, self._clock = max(1, threads - 1), clock  # one may be kept for others
        self._usual_s = 0.0  # that a text has taken lately, on this machine under its load
        self._model: Any = None  # hibari carries no types
        self.version = "-"  # known once it is loaded

    @property
    def is_loaded(self) -> bool:
        return self._model is not None

    @property
    def line_s(self) -> float:
        """How long all who are in line wait, as fast as it has been lately."""
        return self._line.waiting * self._usual_s / self._places

    async def load(self) -> None:
        """Load and warm up: the first sentence would otherwise take a second longer.

        Raises:
            ImportError: if the package is missing; whatever onnxruntime raises for a machine it does not run on.
        """
        self._model, self.version = await asyncio.get_running_loop().run_in_executor(self._threads, _load)

    async def speak(self, text: str, seed: int | None, finish: Callable[[Samples], T], host: str = "") -> T:
        """``text`` in English at 24 kHz, for a listener of ``host``, as ``finish`` makes it in the same thread; its
        samples are **empty, without an error, for what hibari cannot read** (Chinese, emoji).
        """
        loop = asyncio.get_running_loop()
        await self._line.acquire(host, len(text))
        try:
            work = self._threads.submit(self._speak, text, seed, finish)
        except BaseException:
            self._line.release()
            raise

        def ended(_: object) -> None:  # in its thread, which works on when the listener leaves: only now there is room
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._line.release)

        work.add_done_callback(ended)
        return await asyncio.wrap_future(work)

    def _speak(self, text: str, seed: int | None, finish: Callable[[Samples], T]) -> T:
        began = self._clock()
        speech = finish(np.asarray(self._model(text, seed=_SEED if seed is None else seed), np.float32))
        took_s = self._clock() - began
        self._usual_s = 0.8 * self._usual_s + 0.2 * took_s if self._usual_s else took_s
        return speech

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _load() -> tuple[Any, str]:
    # Since 1.29 onnxruntime's wheels for Linux write a device id to the home directory and report to Microsoft,
    # unless this
    # is set before they are loaded (OHF-Voice/wyoming-piper#64). A voice for the home tells nobody.
    os.environ["ORT_DISABLE_TELEMETRY"] = os.environ["ORT_TELEMETRY_DISABLED"] = "1"
    from .hibari_model import FrugalHibari

    model = FrugalHibari()
    model("Warming up, number 1.", seed=_SEED)
    return model, importlib.metadata.version("hibari-tts")
