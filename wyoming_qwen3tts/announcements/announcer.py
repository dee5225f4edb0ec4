"""Announcements from their acceptance to their end: each waits for its turn, is spoken once, and told about."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import TracebackType
from typing import Self

from ..errors import BadRequest, EngineError, NoPlace, Refused, SpeechError
from ..monitoring.logs import quoted
from ..service.admission import HIGH, Permit
from ..service.options import SpeechOptions
from ..service.service import SpeechService
from ..service.stats import RequestStats
from ..settings import Settings
from ..util.tasks import cancel_and_wait
from .announcement import Announcement, Listener, Result, Sound, Speaker, Started
from .clips import PREFIX, Clip, ClipStore
from .ledger import IdempotencyCache
from .quiet import QuietHours
from .voice_choice import VoiceChoice
from .waiting import Ticket, WaitingLine

log = logging.getLogger(__name__)

_TARGETS = "media_player.kitchen or assist_satellite.bedroom of Home Assistant, and hermes/hall of Rhasspy"
_HOME = "Set homeassistant.url and homeassistant.token"
_MISSING = {"media_player": _HOME, "assist_satellite": _HOME, "hermes": "Set mqtt.host, and mqtt.hermes on"}

_IDS, _IDS_S = 4096, 3600.0  # how many ids are remembered, and how long


@dataclass(slots=True, eq=False)
class _Job:
    """An accepted announcement."""

    announcement: Announcement
    listener: Listener | None
    turn: Ticket
    result: asyncio.Future[Result]
    until: float = 0.0  # when it is too late for its turn, by the event loop's clock
    timer: asyncio.TimerHandle | None = None
    permit: Permit | None = None  # since there was no place for it
    plays: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    has_started: bool = False

    def started(self, how: Started, clip: Clip | None) -> None:
        self.has_started = True
        self.result.set_result(Result(self.announcement.id, how, how.error))
        if self.listener is not None:
            self.listener.started(self.announcement, how, clip)

    def done(self, seconds: float | None) -> None:
        if self.listener is not None:
            self.listener.done(self.announcement, seconds)

    def failed(self, error: SpeechError) -> None:
        if not self.has_started:
            self.result.set_result(Result(self.announcement.id, None, error))
        if self.listener is None:
            return
        if self.has_started:
            self.listener.failed(self.announcement, error)
        else:
            self.listener.refused(self.announcement, error)


class Announcer:
    """``async with`` = announcing. Leaving it refuses what waits, and lets what is spoken end for ``drain_s``.

    Sounds can be fetched at ``base_url``, unless it is None. Event loop only.
    """

    def __init__(
        self,
        service: SpeechService,
        settings: Settings,
        shelf: ClipStore,
        *,
        base_url: str | None,
        speakers: Sequence[Speaker],
        choice: VoiceChoice,
        wall_clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._service, self._settings, self._shelf = service, settings.announce, shelf
        self._base_url, self._wall_clock, self.drain_s = base_url, wall_clock, settings.limits.drain_s
        self._speakers, self._choice = tuple(speakers), choice
        chosen = choice.load()
        self._voice = self._settings.voice if chosen is None else chosen
        self._known: IdempotencyCache[asyncio.Future[Result]] = IdempotencyCache(_IDS, _IDS_S, time.monotonic)
        self._quiet = QuietHours.parse(self._settings.quiet_hours)
        self._line = WaitingLine(self._settings.queue, nowhere=settings.engine.slots)
        self._waiting: dict[Ticket, _Job] = {}
        self._running: dict[asyncio.Task[None], _Job] = {}
        self._closing = self._is_starting = False

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

    def _fail(self, job: _Job, error: SpeechError) -> None:
        if not job.has_started:  # nothing was spoken, so it may be tried again
            self._known.forget(job.announcement.id)
        job.failed(error)

    @property
    def waiting(self) -> int:
        return len(self._line)

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def voice(self) -> str:
        """Of announcements that name none; nothing: by the language of the text."""
        return self._voice

    def choose_voice(self, name: str) -> None:
        """Change `voice`, for restarts too.

        Raises:
            UnknownVoice: if there is no such voice.
        """
        self._service.catalog.find(name or None)
        self._choice.keep(name)
        self._voice = name

    def submit(self, wanted: Announcement, listener: Listener | None = None) -> asyncio.Future[Result]:
        """Take it, or refuse it at once. The result, not to be cancelled, comes at the first sound or the failure.

        An id that is known is spoken once: the result is that of the first time, and ``listener`` hears `repeated`.
        What was refused may be tried again. Never raises.
        """
        if not self._known.begin(wanted.id) and (known := self._known.answer(wanted.id)) is not None:
            if listener is not None:
                listener.repeated(wanted, known)
            return known
        job = _Job(wanted, listener, Ticket((), 0), asyncio.get_running_loop().create_future())
        self._known.answered(wanted.id, job.result)
        try:
            job.announcement = self._decided(wanted)
            job.turn = Ticket(job.announcement.targets, job.announcement.priority)
            self._line.join(job.turn)
        except SpeechError as error:
            self._fail(job, error)
        else:
            self._accept(job)
        return job.result

    async def announce(self, wanted: Announcement) -> Result:
        """`submit`, and wait for the result. Being cancelled here takes nothing back."""
        return await asyncio.shield(self.submit(wanted))

    def _accept(self, job: _Job) -> None:
        job.until = asyncio.get_running_loop().time() + self._patience_s(job)
        self._wait(job)
        self._start_ready()

    def _wait(self, job: _Job) -> None:
        self._waiting[job.turn] = job
        why = Refused("expired", f"Its turn did not come within {self._patience_s(job):g} s.")
        job.timer = asyncio.get_running_loop().call_at(job.until, self._give_up, job, why)

    def _patience_s(self, job: _Job) -> float:
        return job.announcement.expires_s or self._settings.expires_s

    def _wait_for_place(self, job: _Job) -> None:
        """Back into the line, where more important ones may overtake it, until others have been spoken to."""
        job.permit = permit = self._service.permit(self._wish(job.announcement))
        self._line.rejoin(job.turn)
        self._wait(job)

        def offer() -> bool:
            self._start_ready()
            return permit.is_held

        permit.wait(offer)

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
        voice = wanted.voice or (None if wanted.language else self._voice or None)
        self._service.catalog.find(voice, wanted.language)
        targets = tuple(dict.fromkeys(wanted.targets or self._settings.targets))
        for target in targets:
            self._speaker(target)
        if not (targets or self._base_url or wanted.take_sound):
            raise BadRequest('Nobody would hear it: name a "target", or let it be fetched (http.uri is off).')
        chime = self._settings.chime if wanted.chime is None else wanted.chime
        # Satellites, and those who take the sound, get it as one file, which has to be a WAV unless they say.
        takes_file = wanted.take_sound or any(target.startswith("hermes/") for target in targets)
        return replace(
            wanted,
            voice=voice,
            targets=targets,
            chime=chime or None,
            volume=self._volume(wanted),
            format=wanted.format or ("wav" if takes_file else None),
        )

    def _speaker(self, target: str) -> Speaker:
        for speaker in self._speakers:
            if speaker.plays_on(target):
                return speaker
        kind = target.partition(".")[0].partition("/")[0]
        what = _MISSING.get(kind, f"Targets are {_TARGETS}")
        raise BadRequest(f"There is no way to the target {target[:100]!r}. {what}.")

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
            self._forget_permit(job)
            del self._waiting[job.turn]
            self._fail(job, error)
            self._start_ready()  # others may have waited behind it

    @staticmethod
    def _forget_timer(job: _Job) -> None:
        if job.timer is not None:
            job.timer.cancel()

    @staticmethod
    def _forget_permit(job: _Job) -> None:
        permit, job.permit = job.permit, None
        if permit is not None:
            permit.give_back()

    # -- its turn

    def _start_ready(self) -> None:
        if self._is_starting:  # a place that one of them takes may be another's
            return
        self._is_starting = True
        try:
            ready = self._line.next(self._has_place)
        finally:
            self._is_starting = False
        for turn in ready:
            job = self._waiting.pop(turn)
            self._forget_timer(job)
            task = asyncio.get_running_loop().create_task(self._announce(job))
            self._running[task] = job
            if job.permit is not None:
                job.permit.task = task
            task.add_done_callback(self._over)

    def _has_place(self, turn: Ticket) -> bool:
        """Whether it may be tried: those that there was no place for have to have one now."""
        permit = self._waiting[turn].permit
        return permit is None or permit.try_take()

    def _over(self, task: asyncio.Task[None]) -> None:
        """Here and not in the task, as one that is cancelled before its first step runs no line of its own."""
        job = self._running.pop(task)
        self._line.free(job.turn)
        self._forget_permit(job)
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._fail(job, Refused("stopped", "It was stopped."))
        elif isinstance(error, NoPlace) and not (job.has_started or self._closing):
            self._wait_for_place(job)
        elif isinstance(error, SpeechError):
            log.info("announcement: %s: %s", error.code, error)
            self._fail(job, error)
        elif error is not None:  # a bug here must neither end the door nor leave the caller without an answer
            log.error("announcement: internal error", exc_info=error)
            self._fail(job, EngineError("An internal error; the log says more."))
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
                await self._begin(job, checks, None, None)
            await _played(job.plays)
        finally:
            await cancel_and_wait(*checks.values(), *job.plays.values())
        job.done(seconds)

    async def _speak(self, job: _Job, checks: dict[str, asyncio.Task[None]]) -> float:
        """Make the sound, and have it played from its first piece on; returns its seconds."""
        announcement = job.announcement
        clip = self._shelf.open(announcement.format or self._settings.format)
        text = self._service.whole_text(announcement.text)
        try:
            async with self._service.speak(text, self._wish(announcement), job.permit) as speech:
                async for pcm in speech:
                    clip.add(pcm)
                    if self._settings.growing and not job.has_started:
                        await self._begin(job, checks, clip, speech.stats)
            self._shelf.keep(clip)
            if not job.has_started:
                await self._begin(job, checks, clip, speech.stats)
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
            sentence_pause_s=announcement.sentence_pause_s,
            server=announcement.server,
            host=f"announcements, {announcement.server}",
            priority=announcement.priority,
        )

    async def _begin(
        self, job: _Job, checks: dict[str, asyncio.Task[None]], clip: Clip | None, stats: RequestStats | None
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
        url = f"{self._base_url}{PREFIX}/{clip.name}" if clip and self._base_url else None
        sound = Sound(clip, url) if clip else None
        for target in checks.keys() - wrong.keys():
            playing = self._speaker(target).play(job.announcement, target, sound)
            job.plays[target] = asyncio.get_running_loop().create_task(playing)
        voice, instead_of = (stats.voice, stats.instead_of) if stats else (job.announcement.voice, "")
        seconds = clip.seconds if clip and clip.finished else None
        job.started(Started(url, voice, seconds, error, instead_of), clip)


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
