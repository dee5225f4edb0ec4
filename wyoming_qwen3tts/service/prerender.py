"""Phrases spoken ahead of time into the phrase cache, while nobody is spoken to."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import SpeechError
from ..settings import Cache
from ..speech.engine import Origin, Phase
from ..speech.voice import Voice
from ..text.moods import MOOD_OF
from ..util.files import read_regular
from ..util.tasks import cancel_and_wait
from .options import SpeechOptions
from .phrase_cache import TEXT_CHARS
from .service import SpeechService

log = logging.getLogger(__name__)

PHRASES = 1000
_FILE_BYTES = PHRASES * TEXT_CHARS * 4
_LANGUAGE = re.compile(r"\[([A-Za-z]{2,3}(?:[-_]\w+)*)\]\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """A phrase to be spoken: with a voice, or in a language, or by whoever its own language calls for."""

    text: str
    voice: str | None = None
    language: str | None = None
    number: int = field(default=0, compare=False)  # in its file


def parse(content: str) -> tuple[list[Line], list[str]]:
    """``text``, ``voice|text``, ``[de] text`` or ``voice|[de] text``, one a line, ``#`` begins a comment line; and what
    is wrong with the other lines."""
    lines: list[Line] = []
    wrong: list[str] = []
    for number, raw in enumerate(content.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        before, bar, after = line.partition("|")
        voice, text = (before, after.strip()) if bar else ("", line)
        tag = _LANGUAGE.match(text)
        tag = None if tag and tag[1].casefold() in MOOD_OF else tag  # "[sad]" is a mark
        text = text[tag.end() :] if tag else text
        if not text or (bar and not voice.strip()):
            wrong.append(f"line {number}: needs a text, such as 'ryan-en|Dinner is ready.'")
        elif len(text) > TEXT_CHARS:
            wrong.append(f"line {number}: longer than {TEXT_CHARS} characters")
        elif len(lines) == PHRASES:
            wrong.append(f"line {number}: only the first {PHRASES} phrases are spoken")
            break
        else:
            lines.append(Line(text, voice.strip() or None, tag[1] if tag else None, number))
    return lines, wrong


class Prerender:
    """Keeps the recordings of a file's phrases up to date with the file, the voices, the model and the lexicon.

    It waits while anybody is spoken to, and breaks off as soon as somebody wants to be. Event loop only.
    """

    def __init__(self, service: SpeechService, path: Path, *, idle_s: float = 2.0, look_s: float = 30.0) -> None:
        self._service, self._path = service, path.expanduser()
        self._idle_s, self._look_s = idle_s, look_s
        self._voices: dict[Voice, Origin | None] = {}  # who spoke the last time, and from where
        self._seen: object = None
        self._arrivals = 0  # requests that it has made way for
        self._complaint = ""
        self.recorded = 0  # phrases that are in the cache, of the present file

    async def run(self) -> None:
        """For ever."""
        await self._service.loaded()
        while True:
            if self._is_ready():
                given = await self._given()
                now = given, {voice: self._origin(voice) for voice in self._voices}
                if now != self._seen and await self._record_all(await asyncio.to_thread(self._read)):
                    self._seen = given, dict(self._voices)
            await asyncio.sleep(self._look_s)

    def _is_ready(self) -> bool:
        phrases = self._service.phrases
        return phrases is not None and phrases.is_on and self._service.engine.status.phase is Phase.READY

    async def _given(self) -> object:
        """Changes whenever a phrase may have to be spoken anew, apart from the origins of its voice."""
        catalog = self._service.catalog
        speakers = [catalog.for_language(language).name for language in catalog.languages]
        return await asyncio.to_thread(_stamp, self._path), self._service.lexicon_in_use(), speakers

    def _origin(self, voice: Voice) -> Origin | None:
        return self._service.engine.origin(voice)

    def _read(self) -> list[Line]:
        try:
            content = read_regular(self._path, _FILE_BYTES).decode("utf-8-sig", errors="replace")
        except OSError as error:
            self._complain(f"cache.prerender: {self._path} cannot be read: {error.strerror or error}")
            return []
        lines, wrong = parse(content)
        self._complain("\n".join(f"{self._path}, {reason}" for reason in wrong))
        return lines

    def _complain(self, complaint: str) -> None:
        """Once for each fault."""
        for line in complaint.splitlines() if complaint != self._complaint else ():
            log.warning("%s", line)
        self._complaint = complaint

    async def _record_all(self, lines: Sequence[Line]) -> bool:
        """Whether all are done that can be."""
        self._voices, self.recorded = {}, 0
        for line in lines:
            if self._service.replies or self._is_wanted:
                await self._idle()
            try:
                while (voice := await self._record(line)) is None and self._is_wanted:
                    await self._idle()
            except SpeechError as error:
                log.warning("%s, line %d cannot be spoken ahead of time: %s", self._path, line.number, error)
                continue
            if not self._is_ready():
                return False
            if voice is not None:
                self._voices[voice] = self._origin(voice)
                self.recorded += 1
        if lines:
            log.info("%d of %d phrases are ready to be spoken at once", self.recorded, len(lines))
        return True

    async def _record(self, line: Line) -> Voice | None:
        """Whose voice it is; None if it cannot be kept, or if it had to make way."""
        service = self._service
        options = SpeechOptions(line.voice, line.language, server="prerender")
        work = asyncio.create_task(service.record(service.whole_text(line.text), options))
        arrival = asyncio.create_task(service.wait_for_arrival(self._arrivals))
        try:
            await asyncio.wait({work, arrival}, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else None
        finally:
            await cancel_and_wait(work, arrival)

    @property
    def _is_wanted(self) -> bool:
        """Whether somebody wants to be spoken to that it has not made way for."""
        return self._service.arrivals > self._arrivals

    async def _idle(self) -> None:
        """Returns when nobody has been spoken to for a while."""
        while True:
            self._arrivals = self._service.arrivals
            if not self._service.replies:
                try:
                    async with asyncio.timeout(self._idle_s):
                        await self._service.wait_for_arrival(self._arrivals)
                except TimeoutError:
                    return
            else:
                await asyncio.sleep(min(0.25, self._idle_s))


@asynccontextmanager
async def prerendering(service: SpeechService, cache: Cache) -> AsyncIterator[None]:
    """Do so in the background, if the settings ask for it."""
    if not cache.prerender:
        yield
        return
    if not cache.size_mb:
        log.warning("cache.prerender has no effect: cache.size_mb is 0")
    task = asyncio.create_task(_guarded(Prerender(service, Path(cache.prerender))))
    try:
        yield
    finally:
        await cancel_and_wait(task)


async def _guarded(prerender: Prerender) -> None:
    try:
        await prerender.run()
    except Exception:  # a task has nobody else to tell; the replies do not need it
        log.exception("Phrases are spoken ahead of time no longer")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
