"""How long Home Assistant holds sound back, and the format in which that is least.

Until 2026.10 its ffmpeg collects bytes before it gives any out: up to 2026.8 for 4.25 s of 24 kHz mono that comes in
real time (home-assistant/core#178709), in 2026.9 and 2026.10 for 1.37 s; from 2026.11 on (core#179020) for 0.07 s. More
bytes a second fill it sooner.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ..settings.servers import Wyoming
from ..speech.audio_format import FORMAT, AudioFormat
from ..util.backoff import Backoff
from ..util.tasks import cancel_and_wait
from .supervisor import Supervisor, SupervisorError

log = logging.getLogger(__name__)

_ASK_EVERY_S = 3600.0  # Home Assistant is updated while we run
_WIDE = AudioFormat(48_000, channels=2)
_CURED, _SHORTER = (2026, 11), (2026, 9)
ADVICE = "Update Home Assistant to 2026.11, or use --wyoming.rate 48000 --wyoming.channels 2"


def held_back_s(version: str) -> float | None:
    """Of 24 kHz mono that comes in real time; None where the version cannot be read."""
    found = re.match(r"(\d{4})\.(\d{1,2})(?!\d)", version)
    if found is None:
        return None
    release = int(found[1]), int(found[2])
    return 0.07 if release >= _CURED else 1.37 if release >= _SHORTER else 4.25


def is_hoarding(version: str) -> bool:
    """So long that it is heard. A version that cannot be read is taken for a new one."""
    held_s = held_back_s(version)
    return held_s is not None and held_s > 1


class WyomingSound:
    """The format of the Wyoming server's sound, as configured and by Home Assistant's version. Event loop only."""

    def __init__(self, settings: Wyoming) -> None:
        self._settings = settings
        self.version: str | None = None  # of Home Assistant; not known, or not needed
        self.format = self._chosen()

    @property
    def is_automatic(self) -> bool:
        return "auto" in (self._settings.rate, self._settings.channels)

    def learned(self, version: str) -> None:
        """Home Assistant's version; replies from now on are sent in the format that suits it."""
        if version == self.version:
            return
        self.version, before = version, self.format
        self.format = self._chosen()
        if is_hoarding(version) and self.format.channels * self.format.rate <= FORMAT.rate:
            log.warning(
                "Home Assistant %s holds sound back for up to %.1f s. %s", version, held_back_s(version), ADVICE
            )
        elif is_hoarding(version):
            log.info(
                "Home Assistant %s holds sound back; less of it at %s, which is sent", version, _words(self.format)
            )
        elif self.format != before:
            log.info("Home Assistant %s holds no sound back; from now on %s are sent", version, _words(self.format))

    def _chosen(self) -> AudioFormat:
        suits = _WIDE if self.version is not None and is_hoarding(self.version) else FORMAT
        rate, channels = self._settings.rate, self._settings.channels
        return AudioFormat(
            suits.rate if rate == "auto" else int(rate),
            channels=suits.channels if channels == "auto" else int(channels),
        )


def _words(audio: AudioFormat) -> str:
    return f"{audio.rate // 1000} kHz {'stereo' if audio.channels == 2 else 'mono'}"


@asynccontextmanager
async def version_watched(
    supervisor: Supervisor,
    learned: Callable[[str], None],
    *,
    every_s: float = _ASK_EVERY_S,
    backoff: Backoff | None = None,
) -> AsyncIterator[None]:
    """Ask for Home Assistant's version at once and every hour, while the block goes on. Entering waits for nothing."""
    task = asyncio.create_task(_keep_asking(supervisor, learned, every_s, backoff or Backoff(5.0, 300.0)))
    try:
        yield
    finally:
        await cancel_and_wait(task)


async def _keep_asking(
    supervisor: Supervisor, learned: Callable[[str], None], every_s: float, backoff: Backoff
) -> None:
    while True:
        try:
            learned(await supervisor.homeassistant_version())
        except SupervisorError as error:
            log.debug("Home Assistant's version is not known: %s", error)
            await asyncio.sleep(backoff.next_s())
        else:
            backoff.reset()
            await asyncio.sleep(every_s)
