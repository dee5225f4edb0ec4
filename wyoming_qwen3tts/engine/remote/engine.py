"""Qwen3-TTS on other machines: servers of OpenAI's speech API, such as vLLM-Omni, one or several."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import EngineError
from ...speech.engine import AudioStream, Engine, EngineStatus, Phase, ServerCount
from ...speech.languages import LANGUAGES
from ...speech.request import Feed, SpeechRequest
from ...speech.voice import Voice, VoiceName
from ...util.backoff import Backoff
from ...util.tasks import cancel_and_wait
from ...voices.folder import VoiceFolder
from ...voices.speakers import NAMES, QWEN_SPEAKERS
from ..ahead import Part, spoken_ahead, whole
from . import live
from .carried import CarriedVoices
from .dispatch import Dispatcher
from .response import Draining
from .router import NOT_ASKED, Router, Standing
from .server import CONNECT_S, RemoteServer, http_client

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long what may take, in seconds."""

    hedge_s: float = 0.0  # until a second server is asked; 0: never
    stall_s: float = 10.0  # without a byte, until a server is given up
    open_s: float = 30.0  # for which a server that failed is left alone
    probe_s: float = 10.0  # until one that is well is asked how it is


_TIMING = Timing()


class RemoteEngine(Engine):
    """Speaks a sentence a request, the next one fetched while this one plays; one that is still being written as it is
    written, where ``feed`` wants that, the language is one of `live.LANGUAGES` and the server can. Event loop only.

    Who is asked is `Router`'s to say. With nobody left it is ``EngineDown`` at once, so that somebody else may speak.
    Every server is probed by a task of ours: those who are away at growing intervals, those who are well too, so that
    one that drains or died is known before a listener waits for it.
    """

    name = "remote"

    def __init__(
        self,
        urls: Sequence[str],
        *,
        key: str = "",
        feed: Feed = "hybrid",
        sentence_pause_s: float = 0.25,
        clones: VoiceFolder | None = None,
        timing: Timing = _TIMING,
        backoff: Callable[[], Backoff] = Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        urls = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        self._router = Router(urls, open_s=timing.open_s, clock=clock)
        self._carried = CarriedVoices(clones)
        self._servers = {url: RemoteServer(url, key, timing.stall_s, self._carried) for url in urls}
        self._dispatcher = Dispatcher(self._router, self._servers, self._carried, timing.hedge_s)
        self._feed, self._key, self._pause_s, self._timing = feed, key, sentence_pause_s, timing
        self._backoff, self._clock = backoff, clock
        self._client: httpx.AsyncClient | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def status(self) -> EngineStatus:
        """LOADING until one server was asked how it is, DEGRADED while some are away, FAILED while all are; the reason
        names each."""
        asked = [server for server in self._router.servers if server.trouble != NOT_ASKED]
        away = [f"{server.url}: {server.trouble}" for server in asked if server.trouble]
        if not asked:
            return EngineStatus(Phase.LOADING)
        if not away:
            return EngineStatus(Phase.READY)
        is_nobody_there = len(away) == len(self._router.servers)
        return EngineStatus(Phase.FAILED if is_nobody_there else Phase.DEGRADED, "; ".join(away))

    @property
    def longest_silence_s(self) -> float:
        """Each server may be asked for a sentence, and be silent."""
        return len(self._servers) * (CONNECT_S + self._timing.stall_s)

    def servers(self) -> tuple[ServerCount, ...]:
        return self._router.counts()

    def voices(self) -> tuple[Voice, ...]:
        """The nine published speakers; what else the servers know is among the clones."""
        return tuple(
            Voice(VoiceName(f"{speaker}-{code}"), speaker, (code,), self.name, speaker)
            for speaker in QWEN_SPEAKERS
            for code in LANGUAGES
        )

    def clones(self) -> tuple[Voice, ...]:
        """Voices of this home, where a server takes them; and those that were made on a server that is there."""
        there = [server for server in self._router.servers if not server.trouble]
        own = self._carried.voices(self.name) if any(server.takes_voices for server in there) else ()
        known = {name for server in there for name in server.voices} - {voice.name for voice in own}
        return own + tuple(
            Voice(VoiceName(name), f"{name} ({', '.join(NAMES)})", tuple(LANGUAGES), self.name, name, "clone")
            for name in sorted(known)
        )

    async def start(self) -> None:
        """Ask every server once, at the same time, and from then on again and again."""
        if self._client is not None:
            return
        self._client = http_client(self._key, self._timing.stall_s)
        for server in self._servers.values():
            server.open(self._client)
        await asyncio.gather(*map(self._probe, self._router.servers))
        self._watch = asyncio.create_task(self._watch_all())

    async def close(self) -> None:
        await cancel_and_wait(self._watch)
        if self._client is not None:
            await self._client.aclose()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        async with aclosing(self._parts(request)) as parts:
            spoken = spoken_ahead(parts, lambda part: self._dispatcher.speak(request, part), request, self._pause_s)
            async with aclosing(spoken) as audio:
                yield AudioStream(self.name, audio)

    async def _parts(self, request: SpeechRequest) -> AsyncGenerator[Part, None]:
        """The sentences, those whole that no server is to read while they are written."""
        feed, is_first = request.feed or self._feed, True
        async for segment in request.segments:
            is_live = feed == "live" or (feed == "hybrid" and is_first)
            yield segment if is_live and segment.language in live.LANGUAGES else await whole(segment)
            is_first = False

    # -- who is there

    async def _watch_all(self) -> None:
        await asyncio.gather(*map(self._keep_asking, self._router.servers))

    async def _keep_asking(self, server: Standing) -> None:
        """One that is away less and less often."""
        backoff, asked_at = self._backoff(), self._clock()
        while True:
            await asyncio.sleep(backoff.next_s())
            if not server.trouble:
                backoff.reset()
            is_due = bool(server.trouble) or self._clock() >= asked_at + self._timing.probe_s
            if is_due and not self._router.is_open(server):
                await self._probe(server)
                asked_at = self._clock()

    async def _probe(self, server: Standing) -> None:
        """Whether it is well, and whom it knows."""
        before = server.trouble
        try:
            health = await self._servers[server.url].probe()
        except EngineError as error:
            note = self._router.drains if isinstance(error, Draining) else self._router.ill
            note(server, str(error))
            if before in ("", NOT_ASKED):
                log.warning("The remote engine %s is away: %s", server.url, error)
        else:
            self._router.well(server, health.voices, takes_voices=health.is_ours)
            if before and not server.trouble:
                level = logging.DEBUG if before == NOT_ASKED else logging.INFO  # at the start it is as expected
                log.log(level, "The remote engine %s is there", server.url)
                self._servers[server.url].returned()
