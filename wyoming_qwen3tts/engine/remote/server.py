"""One server of OpenAI's speech API, such as vLLM-Omni: what it is asked, how it is, whom it knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...errors import EngineDown, EngineError, UnknownVoice, first_line
from ...speech.languages import LANGUAGES
from ...speech.request import SpeechRequest
from ...speech.segment import Segment
from ...speech.voice import OWN_KINDS, VoiceName
from ...voices.speakers import QWEN_SPEAKERS
from ..ahead import Part, whole
from . import live
from .carried import PREFIX, CarriedVoice, CarriedVoices
from .response import Draining, RefusedByServer, pcm_of, refusal

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

CONNECT_S, _ASK_S = 3.0, 5.0


def http_client(key: str, stall_s: float) -> httpx.AsyncClient:
    """A client for all servers."""
    import httpx

    from .transport import ClosingTransport

    # How much is asked at once is admission's to say: who waited here for a connection would look like a stall.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(stall_s, connect=CONNECT_S)
    transport = ClosingTransport(limits=limits, trust_env=False)
    return httpx.AsyncClient(headers=headers, timeout=timeout, transport=transport, trust_env=False)


@dataclass(frozen=True, slots=True)
class Health:
    """What a server that is well says of itself."""

    voices: tuple[str, ...]  # beside the nine published ones
    is_ours: bool = False  # a server of our kind: it takes in voices, and reads text that is written out already


class RemoteServer:
    """Speaks sentences, and says how it is. Event loop only."""

    def __init__(self, url: str, key: str, stall_s: float, carried: CarriedVoices) -> None:
        self.url = url
        self._key, self._stall_s, self._carried = key, stall_s, carried
        self._is_ours = False
        self._has: set[str] = set()  # voices of this home, by their names there
        self._carrying = asyncio.Lock()
        self._reads_live = True  # text that is still being written; until it says that it does not
        self._client: httpx.AsyncClient | None = None

    def open(self, client: httpx.AsyncClient) -> None:
        """From now on it can be asked, through ``client``, which is the caller's to close."""
        self._client = client

    def returned(self) -> None:
        """It was away, so it may be a newer one."""
        self._reads_live = True

    async def speak(self, request: SpeechRequest, part: Part) -> AsyncGenerator[bytes, None]:
        """PCM in ``FORMAT``, of a text while it is written, or of a whole one. Leaving it closes the connection, which
        is how the server is told to stop.

        Raises:
            RefusedByServer: it understood and said no.
            Busy: it may later.
            Draining: it takes no new work.
            EngineError: for everything else that is no speech.
        """
        request = await self._as_there(request)
        if not isinstance(part, Segment) and self._reads_live:
            pieces, config = aiter(part), _session(request, part.language) | self._more()
            try:
                async with aclosing(live.live_speech(self.url, self._key, config, pieces, self._stall_s)) as audio:
                    async for pcm in audio:
                        yield pcm
                return
            except live.NotLive as error:
                log.info("The remote engine %s reads whole sentences only: %s", self.url, error)
                self._reads_live = False
        async with aclosing(self._whole(request, await whole(part))) as audio:
            async for pcm in audio:
                yield pcm

    async def _whole(self, request: SpeechRequest, segment: Segment) -> AsyncGenerator[bytes, None]:
        import httpx

        if self._client is None:
            raise EngineDown("The remote engine was not started.")
        body = _body(request, segment) | self._more()
        try:
            async with self._client.stream("POST", f"{self.url}/v1/audio/speech", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise refusal(response.status_code, (await response.aread())[:65_536], segment.text)
                if response.headers.get("x-tts-engine") == "builtin":  # a server of our kind
                    raise EngineError("its built-in voice would speak, not Qwen3-TTS")
                kind = response.headers.get("content-type", "")
                async with aclosing(pcm_of(kind, response.aiter_bytes())) as audio:
                    async for pcm in audio:
                        yield pcm
        except httpx.HTTPError as error:
            raise EngineError(_in_words(error, self._stall_s)) from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise EngineError(f"no address: {error}") from error

    def _more(self) -> dict[str, Any]:
        """What a server of our kind is asked beside; vLLM-Omni is not known to have these fields."""
        return {"normalize": False} if self._is_ours else {}

    async def _as_there(self, request: SpeechRequest) -> SpeechRequest:
        """``request`` with the voice as it is called there, where it is one of this home; it is taken there first."""
        voice = request.voice
        if not (self._is_ours and voice.kind == "clone" and self._carried.has(voice.speaker)):
            return request
        carried = await self._carried.find(voice.speaker)
        async with self._carrying:  # once, however many ask at the same time
            if carried.name not in self._has:
                await self._take_there(carried)
                self._has.add(carried.name)
        return replace(request, voice=replace(voice, speaker=carried.name))

    async def _take_there(self, voice: CarriedVoice) -> None:
        import httpx

        if self._client is None:
            raise EngineDown("The remote engine was not started.")
        try:
            answer = await self._client.post(
                f"{self.url}/v1/audio/voices/import", data={"name": voice.name}, files={"file": voice.data}
            )
        except httpx.HTTPError as error:
            raise EngineError(_in_words(error, self._stall_s)) from error
        if answer.status_code == httpx.codes.OK:
            return
        said = refusal(answer.status_code, answer.content[:65_536], "")
        raise RefusedByServer(f"it does not take the voice: {said}") if isinstance(said, RefusedByServer) else said

    async def probe(self) -> Health:
        """It is well, and whom it knows.

        Raises:
            Draining: it takes no new work now.
            EngineError: it is not well, in words.
        """
        import httpx

        if self._client is None:
            raise EngineDown("The remote engine was not started.")
        try:
            health = await self._client.get(f"{self.url}/health", timeout=_ASK_S)
            if health.status_code == httpx.codes.SERVICE_UNAVAILABLE:
                raise Draining("its health is 503")
            if health.status_code != httpx.codes.OK:
                raise EngineError(f"its health is {health.status_code}")
            if _says_draining(health):
                raise Draining("it is draining")
            listed = (await self._client.get(f"{self.url}/v1/audio/voices", timeout=_ASK_S)).json()
        except httpx.HTTPError as error:
            raise EngineError(_in_words(error, _ASK_S)) from error
        except (httpx.InvalidURL, ValueError) as error:  # of which UnicodeError is one
            raise EngineError(str(error) or type(error).__name__) from error
        own = _own_voices(listed)
        self._is_ours, self._has = own is not None, {name for name in own or () if name.startswith(PREFIX)}
        if own is None:
            return Health(_others(listed))
        return Health(tuple(name for name in own if not name.startswith(PREFIX)), is_ours=True)


def _own_voices(answer: Any) -> list[str] | None:
    """The voices made on a server of our kind; None if it is of another."""
    listed = answer.get("data") if isinstance(answer, dict) and "uploaded_voices" not in answer else None
    if not isinstance(listed, list) or not all(isinstance(voice, dict) and "stands_for" in voice for voice in listed):
        return None
    return [str(voice.get("name")) for voice in listed if voice.get("kind") in OWN_KINDS]


def _says_draining(health: httpx.Response) -> bool:
    try:
        answer = health.json()
    except ValueError:  # vLLM's own is empty
        return False
    return isinstance(answer, dict) and answer.get("status") == "draining"


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
        return f"it cannot be reached within {CONNECT_S:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"nothing came for {stall_s:g} s"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"the connection broke ({first_line(error)})"
    return f"it cannot be reached ({first_line(error)})"
