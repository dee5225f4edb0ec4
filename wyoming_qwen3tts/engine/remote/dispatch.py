"""One sentence, by the first of several servers that speaks it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from ...errors import Busy, EngineDown, EngineError, SpeechError
from ...speech.audio_format import FORMAT
from ...speech.request import SpeechRequest
from ...speech.segment import Segment
from ...util.tasks import cancel_and_wait
from ..ahead import Part, whole
from .carried import CarriedVoices
from .response import Draining, RefusedByServer
from .router import Router, Standing, Ticket, expected_s
from .server import RemoteServer

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Attempt:
    ticket: Ticket
    audio: AsyncGenerator[bytes, None]

    async def first(self) -> bytes:
        """What can be heard first: a frame, below which no listener is sent anything. Who breaks off sooner has not
        begun."""
        pcm = b""
        async for piece in self.audio:
            pcm += piece
            if len(pcm) >= FORMAT.frame_bytes:
                break
        return pcm


class Dispatcher:
    """Asks one server after the other until one speaks; never another one after the first sound. Event loop only.

    ``hedge_s``: a second server is asked when the first has sent nothing for so long, and who sends first speaks;
    0: never. A sentence that is still being written is not hedged: its silence may be its writer's.
    """

    def __init__(
        self, router: Router, servers: Mapping[str, RemoteServer], carried: CarriedVoices, hedge_s: float
    ) -> None:
        self._router, self._servers, self._carried, self._hedge_s = router, servers, carried, hedge_s

    async def speak(self, request: SpeechRequest, part: Part) -> AsyncGenerator[bytes, None]:
        """The sound of ``part``.

        Raises:
            EngineDown: if nobody can be asked.
            EngineError, Busy: what the last one said, with its address before it.
        """
        async with AsyncExitStack() as stack:
            race = _Race(self, request, part)
            stack.push_async_callback(race.close)
            speaking, pcm = await race.first(self._hedge_s if isinstance(part, Segment) else 0.0)
            try:
                while pcm:
                    speaking.ticket.received(FORMAT.seconds(len(pcm)))
                    yield pcm
                    pcm = await anext(speaking.audio, b"")
            except (EngineError, Busy) as error:
                raise self.judge(speaking.ticket, error) from error
            self._router.done(speaking.ticket)

    def ask(self, request: SpeechRequest, part: Part, text: str | None, asked: list[Standing]) -> _Attempt | None:
        """Ask one that was not ``asked`` yet; None if there is none. ``text``: that of ``part``, if it is known."""
        clone = request.voice.speaker if request.voice.kind == "clone" else None
        server = self._router.choose(asked, clone, is_home=clone is not None and self._carried.has(clone))
        if server is None:
            return None
        asked.append(server)
        ticket = self._router.begin(server, expected_s(text, part.language))
        return _Attempt(ticket, self._servers[server.url].speak(request, part))

    def judge(self, ticket: Ticket, error: EngineError | Busy) -> EngineError | Busy:
        """Note what the failure says of the server; the error for the listener, with the address."""
        server = ticket.server
        if isinstance(error, Draining):
            self._router.left(ticket)
            self._router.drains(server, str(error))
        elif isinstance(error, RefusedByServer | Busy):
            self._router.left(ticket)
        else:
            if not server.trouble:
                log.warning("The remote engine %s: %s. Leaving it alone for a while", server.url, error)
            self._router.failed(ticket, str(error))
        return type(error)(f"{server.url}: {error}.")

    def nobody(self, request: SpeechRequest) -> EngineDown:
        """Why nobody can be asked."""
        troubles = "; ".join(f"{server.url}: {server.trouble}" for server in self._router.servers if server.trouble)
        what = f"that knows the voice {request.voice.name} " if request.voice.kind == "clone" else ""
        return EngineDown(f"No remote engine {what}is there: {troubles or 'none can be asked'}.")

    def left(self, attempt: _Attempt) -> None:
        """Nobody wants it any more."""
        self._router.left(attempt.ticket)


class _Race:
    """Attempts at one sentence. `close` ends all that still run."""

    def __init__(self, dispatcher: Dispatcher, request: SpeechRequest, part: Part) -> None:
        self._dispatcher, self._request, self._part = dispatcher, request, part
        self._asked: list[Standing] = []
        self._attempts: list[_Attempt] = []
        self._running: dict[asyncio.Task[bytes], _Attempt] = {}
        self._text = part.text if isinstance(part, Segment) else None
        self._reckoning = asyncio.create_task(self._reckon()) if self._text is None else None

    async def first(self, hedge_s: float) -> tuple[_Attempt, bytes]:
        """Who is heard first, and what."""
        if not self._ask():
            raise self._dispatcher.nobody(self._request)
        while True:
            may_hedge = hedge_s > 0 and len(self._attempts) == 1
            await asyncio.wait(
                self._running, timeout=hedge_s if may_hedge else None, return_when=asyncio.FIRST_COMPLETED
            )
            done = [task for task in self._running if task.done()]
            if not done:
                hedge_s = 0.0
                silent = self._asked[0]
                silent.hedged += self._ask()
            why: EngineError | Busy | None = None
            for task in done:
                attempt = self._running.pop(task)
                try:
                    if pcm := task.result():
                        return attempt, pcm
                    raise EngineError("it made no sound")
                except (EngineError, Busy) as error:
                    why = self._dispatcher.judge(attempt.ticket, error)
                    why.__cause__ = error
            if why is not None and not self._running and not self._ask():
                raise why

    async def _reckon(self) -> None:
        """How long a sentence will sound is known as soon as it is written, which may be at once."""
        try:
            segment = await whole(self._part)
        except SpeechError:  # told to whoever reads it
            return
        self._text = segment.text
        for attempt in self._attempts:
            attempt.ticket.expected_s = expected_s(segment.text, segment.language)

    async def close(self) -> None:
        await cancel_and_wait(self._reckoning, *self._running)
        for attempt in self._attempts:
            await attempt.audio.aclose()
            self._dispatcher.left(attempt)

    def _ask(self) -> bool:
        attempt = self._dispatcher.ask(self._request, self._part, self._text, self._asked)
        if attempt is None:
            return False
        self._attempts.append(attempt)
        self._running[asyncio.create_task(attempt.first())] = attempt
        return True
