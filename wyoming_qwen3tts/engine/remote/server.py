"""One server of OpenAI's speech API, such as vLLM-Omni: what it is asked, how it is, whom it knows."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from ...errors import EngineDown, EngineError, UnknownVoice
from ...speech.languages import LANGUAGES
from ...speech.request import SpeechRequest
from ...speech.segment import Segment
from ...speech.voice import VoiceName
from ...voices.speakers import QWEN_SPEAKERS
from ..ahead import Part, whole
from . import live
from .response import Draining, pcm_of, refusal

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

_CONNECT_S, _ASK_S = 3.0, 5.0


def http_client(key: str, stall_s: float) -> httpx.AsyncClient:
    """A client for all servers."""
    import httpx

    # How much is asked at once is admission's to say: who waited here for a connection would look like a stall.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    timeout = httpx.Timeout(stall_s, connect=_CONNECT_S)
    return httpx.AsyncClient(headers=headers, timeout=timeout, limits=limits, trust_env=False)


class RemoteServer:
    """Speaks sentences, and says how it is. Event loop only."""

    def __init__(self, url: str, key: str, stall_s: float) -> None:
        self.url = url
        self._key, self._stall_s = key, stall_s
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
        if not isinstance(part, Segment) and self._reads_live:
            pieces, config = aiter(part), _session(request, part.language)
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
        body = _body(request, segment)
        try:
            async with self._client.stream("POST", f"{self.url}/v1/audio/speech", json=body) as response:
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

    async def probe(self) -> tuple[str, ...]:
        """Names of voices that it knows beside the nine published ones: it is well.

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
            return _others((await self._client.get(f"{self.url}/v1/audio/voices", timeout=_ASK_S)).json())
        except httpx.HTTPError as error:
            raise EngineError(_in_words(error, _ASK_S)) from error
        except (httpx.InvalidURL, ValueError) as error:  # of which UnicodeError is one
            raise EngineError(str(error) or type(error).__name__) from error


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
        return f"it cannot be reached within {_CONNECT_S:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"nothing came for {stall_s:g} s"
    if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError):
        return f"the connection broke ({error or type(error).__name__})"
    return f"it cannot be reached ({error or type(error).__name__})"
