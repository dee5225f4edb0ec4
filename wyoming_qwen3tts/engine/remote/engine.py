"""Qwen3-TTS on other machines: servers of OpenAI's speech API, such as vLLM-Omni, one or several."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...errors import Busy, EngineDown, EngineError, UnknownVoice
from ...speech.engine import AudioStream, Engine, EngineStatus, Phase
from ...speech.languages import LANGUAGES
from ...speech.request import Feed, SpeechRequest
from ...speech.segment import Segment
from ...speech.voice import Voice, VoiceName
from ...util.backoff import Backoff
from ...util.tasks import cancel_and_wait
from ...voices.speakers import NAMES, QWEN_SPEAKERS
from ..ahead import Part, spoken_ahead, whole
from . import live
from .response import RefusedByServer, pcm_of, refusal

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

_OPEN_S = 30.0  # how long a server that failed is left alone
_CONNECT_S, _STALL_S, _ASK_S = 3.0, 10.0, 5.0


@dataclass(slots=True)
class _Server:
    """One of the URLs, and what became of it."""

    url: str
    trouble: str = "not asked yet"  # "": none
    open_until: float = 0.0  # the circuit is open: it is not asked before
    busy: int = 0
    reads_live: bool = True  # text that is still being written; until it says that it does not
    voices: tuple[str, ...] = ()  # those that the nine published ones do not include
    backoff: Backoff = field(default_factory=Backoff)


class RemoteEngine(Engine):
    """Speaks a sentence a request, the next one fetched while this one plays; one that is still being written as it is
    written, where ``feed`` wants that, the language is one of `live.LANGUAGES` and the server can. Event loop only.

    A server that fails before its first sound is left alone for 30 s, and the next one is asked; after its first sound
    the reply ends with an error. With nobody left it is ``EngineDown`` at once, so that somebody else may speak. Those
    who are away are asked again by a task of ours until they are back.
    """

    name = "remote"

    def __init__(
        self,
        urls: Sequence[str],
        *,
        key: str = "",
        feed: Feed = "hybrid",
        sentence_pause_s: float = 0.25,
        open_s: float = _OPEN_S,
        stall_s: float = _STALL_S,
        backoff: Callable[[], Backoff] = Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers = [_Server(url.rstrip("/"), backoff=backoff()) for url in urls]
        self._feed = feed
        self._key, self._pause_s, self._open_s, self._stall_s = key, sentence_pause_s, open_s, stall_s
        self._clock = clock
        self._client: httpx.AsyncClient | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def status(self) -> EngineStatus:
        """DEGRADED while some servers are away, FAILED while all are; the reason names each."""
        if self._client is None:
            return EngineStatus(Phase.LOADING)
        away = [f"{server.url}: {server.trouble}" for server in self._servers if server.trouble]
        if not away:
            return EngineStatus(Phase.READY)
        return EngineStatus(Phase.FAILED if len(away) == len(self._servers) else Phase.DEGRADED, "; ".join(away))

    def voices(self) -> tuple[Voice, ...]:
        """The nine published speakers; what else the servers know is among the clones."""
        return tuple(
            Voice(VoiceName(f"{speaker}-{code}"), speaker, (code,), self.name, speaker)
            for speaker in QWEN_SPEAKERS
            for code in LANGUAGES
        )

    def clones(self) -> tuple[Voice, ...]:
        """Voices that were uploaded to a server that is there."""
        names = dict.fromkeys(name for server in self._servers if not server.trouble for name in server.voices)
        return tuple(
            Voice(VoiceName(name), f"{name} ({', '.join(NAMES)})", tuple(LANGUAGES), self.name, name, "clone")
            for name in names
        )

    async def start(self) -> None:
        """Ask every server once, at the same time, and from then on those who are away."""
        import httpx

        if self._client is not None:
            return
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = httpx.Timeout(self._stall_s, connect=_CONNECT_S)
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout, trust_env=False)
        await asyncio.gather(*(self._ask(server) for server in self._servers))
        self._watch = asyncio.get_running_loop().create_task(self._ask_again())

    async def close(self) -> None:
        await cancel_and_wait(self._watch)
        if self._client is not None:
            await self._client.aclose()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        async with aclosing(self._parts(request)) as parts:
            spoken = spoken_ahead(parts, lambda part: self._from_somebody(request, part), self._pause_s)
            async with aclosing(spoken) as audio:
                yield AudioStream(self.name, audio)

    # -- one reply

    async def _parts(self, request: SpeechRequest) -> AsyncGenerator[Part, None]:
        """The sentences, those whole that no server is to read while they are written."""
        feed, is_first = request.feed or self._feed, True
        async for segment in request.segments:
            is_live = feed == "live" or (feed == "hybrid" and is_first)
            yield segment if is_live and segment.language in live.LANGUAGES else await whole(segment)
            is_first = False

    async def _from_somebody(self, request: SpeechRequest, part: Part) -> AsyncGenerator[bytes, None]:
        """One sentence, from the first server that speaks it."""
        asked: list[_Server] = []
        is_heard, why = False, None
        while (server := self._least_busy(asked)) is not None:
            asked.append(server)
            server.busy += 1
            try:
                async with aclosing(self._from(server, request, part)) as audio:
                    async for pcm in audio:
                        is_heard = True
                        yield pcm
                return
            except (EngineError, Busy) as error:
                if not isinstance(error, RefusedByServer | Busy):
                    self._leave_alone(server, str(error))
                why = error
                if is_heard:  # never another beginning of the same sentence
                    break
            finally:
                server.busy -= 1
        if why is None:
            raise EngineDown(f"No remote engine is there: {self.status.reason}.")
        raise type(why)(f"{asked[-1].url}: {why}.") from why

    def _least_busy(self, asked: Sequence[_Server]) -> _Server | None:
        now = self._clock()
        able = [server for server in self._servers if server not in asked and server.open_until <= now]
        return min(able, key=lambda server: (bool(server.trouble), server.busy), default=None)

    async def _from(self, server: _Server, request: SpeechRequest, segment: Part) -> AsyncGenerator[bytes, None]:
        """A sentence by ``server``: while it is written, or as a whole."""
        if not isinstance(segment, Segment) and server.reads_live:
            pieces, config = aiter(segment), _session(request, segment.language)
            try:
                async with aclosing(live.live_speech(server.url, self._key, config, pieces, self._stall_s)) as audio:
                    async for pcm in audio:
                        yield pcm
                return
            except live.NotLive as error:
                log.info("The remote engine %s reads whole sentences only: %s", server.url, error)
                server.reads_live = False
        async with aclosing(self._whole_from(server, request, await whole(segment))) as audio:
            async for pcm in audio:
                yield pcm

    async def _whole_from(
        self, server: _Server, request: SpeechRequest, segment: Segment
    ) -> AsyncGenerator[bytes, None]:
        """Leaving it closes the connection, which is how the server is told to stop."""
        import httpx

        if self._client is None:
            raise EngineDown("The remote engine was not started.")
        body = _body(request, segment)
        try:
            async with self._client.stream("POST", f"{server.url}/v1/audio/speech", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise refusal(response.status_code, (await response.aread())[:65_536], segment.text)
                kind = response.headers.get("content-type", "")
                async with aclosing(pcm_of(kind, response.aiter_bytes())) as audio:
                    async for pcm in audio:
                        yield pcm
        except httpx.HTTPError as error:
            raise EngineError(_in_words(error, self._stall_s)) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise EngineError(f"no address: {error}") from error

    # -- who is there

    def _leave_alone(self, server: _Server, why: str) -> None:
        if not server.trouble:
            log.warning("The remote engine %s: %s. Leaving it alone for %g s", server.url, why, self._open_s)
        server.trouble, server.open_until = why, self._clock() + self._open_s

    async def _ask_again(self) -> None:
        """Those who are away, each less and less often."""
        await asyncio.gather(*(self._keep_asking(server) for server in self._servers))

    async def _keep_asking(self, server: _Server) -> None:
        while True:
            await asyncio.sleep(server.backoff.next_s())
            if not server.trouble:
                server.backoff.reset()
            elif server.open_until <= self._clock():
                await self._ask(server)

    async def _ask(self, server: _Server) -> None:
        """Whether it is well, and whom it knows."""
        import httpx

        client = self._client
        if client is None:
            return
        try:
            health = await client.get(f"{server.url}/health", timeout=_ASK_S)
            if health.status_code != httpx.codes.OK:
                raise EngineError(f"its health is {health.status_code}")
            voices = (await client.get(f"{server.url}/v1/audio/voices", timeout=_ASK_S)).json()
            server.voices = _others(voices)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, EngineError, ValueError) as error:
            why = _in_words(error, _ASK_S) if isinstance(error, httpx.HTTPError) else str(error)
            if not server.trouble or server.trouble == _Server("").trouble:
                log.warning("The remote engine %s is away: %s", server.url, why)
            server.trouble = why or type(error).__name__
        else:
            if server.trouble:
                log.info("The remote engine %s is there", server.url)
                server.reads_live = True  # it may be a newer one
            server.trouble, server.open_until = "", 0.0
            server.backoff.reset()


def _body(request: SpeechRequest, segment: Segment) -> dict[str, Any]:
    """What vLLM-Omni understands of ``POST /v1/audio/speech``."""
    return {"input": segment.text, **_common(request, segment.language), "stream": True, "stream_format": "audio"}


def _session(request: SpeechRequest, language: str) -> dict[str, Any]:
    """The same for its WebSocket, in the mode that reads text while it speaks. 0.30 does not know the mode, and waits
    for the end of the text."""
    return {**_common(request, language), "stream_audio": True, "text_input_mode": "commitment"}


def _common(request: SpeechRequest, language: str) -> dict[str, Any]:
    """It ignores unknown fields without a word, so these are spelt with care."""
    body: dict[str, Any] = {
        "voice": request.voice.speaker,
        "language": LANGUAGES[language].model_name.title(),
        "task_type": "Base" if request.voice.kind == "clone" else "CustomVoice",
        "response_format": "pcm",
    }
    if request.seed is not None:
        body["seed"] = request.seed
    if request.instruct and request.voice.kind != "clone":
        body["instructions"] = request.instruct
    return body


def _others(answer: Any) -> tuple[str, ...]:
    """Names of uploaded voices that can be names here, from ``GET /v1/audio/voices``."""
    listed = answer.get("uploaded_voices") if isinstance(answer, dict) else None
    names = []
    for entry in listed if isinstance(listed, list) else []:
        name = entry.get("name") if isinstance(entry, dict) else None
        with suppress(UnknownVoice):  # one that can be no name here
            names += [VoiceName.parse(name)] if isinstance(name, str) else []
    return tuple(name for name in names if name.casefold() not in QWEN_SPEAKERS)


def _in_words(error: httpx.HTTPError, stall_s: float) -> str:
    import httpx

    if isinstance(error, httpx.ConnectTimeout):
        return f"it cannot be reached within {_CONNECT_S:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"nothing came for {stall_s:g} s"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"the connection broke ({error or type(error).__name__})"
    return f"it cannot be reached ({error or type(error).__name__})"
