"""Announcements from their acceptance to their end: each waits for its turn, is spoken once, and told about."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Self

from ..errors import BadRequest, EngineError, Refused, SpeechError
from ..monitoring.logs import quoted
from ..service.options import SpeechOptions
from ..service.service import SpeechService
from ..settings import Settings
from ..util.tasks import cancel_and_wait
from .announcement import HIGH, Announcement, Listener, Sound, Speaker, Started
from .clips import Clip, ClipStore
from .quiet import QuietHours
from .waiting import Ticket, WaitingLine

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    """An accepted announcement."""

    announcement: Announcement
    listener: Listener
    turn: Ticket
    timer: asyncio.TimerHandle | None = None
    plays: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    has_started: bool = False

    def started(self, how: Started, clip: Clip | None) -> None:
        self.has_started = True
        self.listener.started(self.announcement, how, clip)

    def failed(self, error: SpeechError) -> None:
        if self.has_started:
            self.listener.failed(self.announcement, error)
        else:
            self.listener.refused(self.announcement, error)


class Announcer:
    """``async with`` = announcing. Leaving it refuses what waits, and lets what is spoken end for ``drain_s``."""

    def __init__(
        self,
        service: SpeechService,
        settings: Settings,
        shelf: ClipStore,
        *,
        url_of: Callable[[Clip], str | None],
        speakers: Sequence[Speaker] = (),
        wall_clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._service, self._settings, self._shelf = service, settings.announce, shelf
        self._url_of, self._wall_clock, self.drain_s = url_of, wall_clock, settings.limits.drain_s
        self.speakers = list(speakers)
        self.offers_urls = True  # whether anybody can fetch what no target was named for
        self.voice = self._settings.voice  # of those that name none; "" = by the language of the text
        self._quiet = QuietHours.parse(self._settings.quiet_hours)
        self._line = WaitingLine(self._settings.queue, nowhere=settings.engine.slots)
        self._waiting: dict[Ticket, _Job] = {}
        self._running: dict[asyncio.Task[None], _Job] = {}
        self._closing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        for job in list(self._waiting.values()):
            self._give_up(job, Refused("stopped", "The server is stopping."))
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=self.drain_s)
            await cancel_and_wait(*late)

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def running(self) -> int:
        return len(self._running)

    def submit(self, wanted: Announcement, listener: Listener) -> None:
        """Take it, or refuse it at once; ``listener`` is told either way. Never raises."""
        try:
            announcement = self._decided(wanted)
            turn = Ticket(announcement.targets, announcement.priority)
            self._line.join(turn)
        except SpeechError as error:
            listener.refused(wanted, error)
            return
        job = self._waiting[turn] = _Job(announcement, listener, turn)
        patience_s = announcement.expires_s or self._settings.expires_s
        why = Refused("expired", f"Its turn did not come within {patience_s:g} s.")
        job.timer = asyncio.get_running_loop().call_later(patience_s, self._give_up, job, why)
        self._start_ready()

    def stop(self, which: str = "") -> int:
        """Silence the announcement with the id, or those for the target, that ``which`` names; all for nothing.
        Returns how many it were."""
        error = Refused("stopped", "It was stopped.")
        jobs = [job for job in self._waiting.values() if _is(job.announcement, which)]
        for job in jobs:
            self._give_up(job, error)
        running = [task for task, job in self._running.items() if _is(job.announcement, which)]
        for task in running:
            task.cancel()
        return len(jobs) + len(running)

    # -- before its turn

    def _decided(self, wanted: Announcement) -> Announcement:
        """``wanted`` with what the settings say about it.

        Raises:
            SpeechError: if it is not to be spoken.
        """
        if self._closing:
            raise Refused("stopped", "The server is stopping.")
        if not wanted.text.strip():
            raise BadRequest('There is nothing to say: "text" is empty.')
        self._service.whole_text(wanted.text)
        voice = wanted.voice or (None if wanted.language else self.voice or None)
        self._service.catalog.find(voice, wanted.language)
        targets = tuple(dict.fromkeys(wanted.targets or self._settings.targets))
        for target in targets:
            self._speaker(target)
        if not (targets or self.offers_urls or wanted.take_sound):
            raise BadRequest('Nobody would hear it: name a "target", or let it be fetched (http.uri is off).')
        chime = self._settings.chime if wanted.chime is None else wanted.chime
        return replace(wanted, voice=voice, targets=targets, chime=chime or None, volume=self._volume(wanted))

    def _speaker(self, target: str) -> Speaker:
        for speaker in self.speakers:
            if speaker.plays_on(target):
                return speaker
        ways = "media_player.kitchen or assist_satellite.bedroom, with homeassistant.url and homeassistant.token set"
        raise BadRequest(f"There is no way to the target {target[:100]!r}. Possible are {ways}.")

    def _volume(self, wanted: Announcement) -> float | None:
        volume = self._settings.volume or None if wanted.volume is None else wanted.volume
        if self._quiet is None or wanted.priority >= HIGH or not self._quiet.now(self._wall_clock().time()):
            return volume
        loudest = self._settings.quiet_volume
        if loudest == 0:
            raise Refused("quiet-hours", f"It is quiet here during {self._settings.quiet_hours}.")
        return loudest if volume is None else min(volume, loudest)

    def _give_up(self, job: _Job, error: SpeechError) -> None:
        if self._line.leave(job.turn):
            self._forget_timer(job)
            del self._waiting[job.turn]
            job.failed(error)
            self._start_ready()  # others may have waited behind it

    @staticmethod
    def _forget_timer(job: _Job) -> None:
        if job.timer is not None:
            job.timer.cancel()

    # -- its turn

    def _start_ready(self) -> None:
        for turn in self._line.next():
            job = self._waiting.pop(turn)
            self._forget_timer(job)
            task = asyncio.get_running_loop().create_task(self._announce(job))
            self._running[task] = job
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        """Here and not in the task, as one that is cancelled before its first step runs no line of its own."""
        job = self._running.pop(task)
        self._line.free(job.turn)
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            job.failed(Refused("stopped", "It was stopped."))
        elif isinstance(error, SpeechError):
            log.info("announcement: %s: %s", error.code, error)
            job.failed(error)
        elif error is not None:  # a bug here must neither end the door nor leave the caller without an answer
            log.error("announcement: internal error", exc_info=error)
            job.failed(EngineError("An internal error; the log says more."))
        self._start_ready()

    async def _announce(self, job: _Job) -> None:
        announcement = job.announcement
        speakers = {target: self._speaker(target) for target in announcement.targets}
        loop = asyncio.get_running_loop()
        checks = {t: loop.create_task(speaker.check(announcement, t)) for t, speaker in speakers.items()}
        try:
            if not speakers or announcement.take_sound or not all(s.has_own_voice for s in speakers.values()):
                seconds: float | None = await self._speak(job, checks)
            else:
                seconds = None
                await self._begin(job, checks, None, announcement.voice)
            await _played(job.plays)
        finally:
            await cancel_and_wait(*checks.values(), *job.plays.values())
        job.listener.done(announcement, seconds)

    async def _speak(self, job: _Job, checks: dict[str, asyncio.Task[None]]) -> float:
        """Make the sound, and have it played from its first piece on; returns its seconds."""
        announcement = job.announcement
        clip = self._shelf.open(announcement.format or self._settings.format)
        text = self._service.whole_text(announcement.text)
        try:
            async with self._service.speak(text, self._wish(announcement)) as speech:
                async for pcm in speech:
                    clip.add(pcm)
                    if self._settings.growing and not job.has_started:
                        await self._begin(job, checks, clip, speech.stats.voice)
                voice = speech.stats.voice
            self._shelf.keep(clip)
            if not job.has_started:
                await self._begin(job, checks, clip, voice)
        finally:
            self._shelf.keep(clip)  # who plays it already gets an end, even if it broke off
            if not job.has_started:
                self._shelf.drop(clip)
        return clip.seconds

    def _wish(self, announcement: Announcement) -> SpeechOptions:
        sets_volume = any(self._speaker(target).has_volume(target) for target in announcement.targets)
        return SpeechOptions(
            announcement.voice,
            announcement.language,
            ssml=announcement.ssml,
            seed=announcement.seed,
            instruct=announcement.instruct,
            speed=announcement.speed,
            volume=None if sets_volume else announcement.volume,
            chime=announcement.chime,
            server=announcement.server,
        )

    async def _begin(
        self, job: _Job, checks: dict[str, asyncio.Task[None]], clip: Clip | None, voice: str | None
    ) -> None:
        """Start playing everywhere at the same time, and say so.

        Raises:
            SpeechError: if no target can play.
        """
        wrong: dict[str, SpeechError] = {}
        for target, check in checks.items():
            try:
                await check
            except SpeechError as why:
                wrong[target] = why
                log.warning("announcement: not on %s: %s", quoted(target), why)
        error = next(iter(wrong.values()), None)
        if error is not None and len(wrong) == len(checks):
            raise error
        url = self._url_of(clip) if clip else None
        sound = Sound(clip, url) if clip else None
        for target in checks.keys() - wrong.keys():
            playing = self._speaker(target).play(job.announcement, target, sound)
            job.plays[target] = asyncio.get_running_loop().create_task(playing)
        job.started(Started(url, voice, clip.seconds if clip and clip.finished else None, error), clip)


async def _played(plays: dict[str, asyncio.Task[None]]) -> None:
    """Wait until it is over everywhere.

    Raises:
        SpeechError: if it was played nowhere.
    """
    errors = []
    for target, task in plays.items():
        try:
            await task
        except SpeechError as error:
            log.warning("announcement: not played on %s: %s", quoted(target), error)
            errors.append(error)
    if errors and len(errors) == len(plays):
        raise errors[0]


def _is(announcement: Announcement, which: str) -> bool:
    return not which or which == announcement.id or which in announcement.targets
