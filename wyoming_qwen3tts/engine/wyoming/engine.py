"""Speech of other Wyoming servers of the home, such as Piper's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from ...errors import EngineDown, EngineError
from ...speech.engine import AudioStream, Engine, EngineStatus, Origin, Phase
from ...speech.request import SpeechRequest
from ...speech.voice import Voice
from ...util.backoff import Backoff
from ...util.tasks import cancel_and_wait
from ..ahead import Part, spoken_ahead
from .connection import CONNECT_S
from .server import WyomingServer
from .voices import ServerVoice

_REFRESH_S = 60.0  # how often those who are well are asked whom they speak as
_STALL_S = 10.0
_TRIES = 64  # of a server's voices for one sentence: Piper refuses at once those that it has not
MARK = "via"  # in the data of a request: through which servers it came


class WyomingEngine(Engine):
    """Speaks a sentence a request through the first of ``addresses`` that has a voice for its language; the next one is
    asked for while this one plays. Event loop only.

    A server is asked whom it speaks as at the start and every minute; one that fails is not asked to speak until it has
    answered that again. A language that a server would not speak (Piper lists voices that it has to download first) is
    left alone for a while. ``preferred`` names voices that are taken before others. With ``is_stand_in`` one voice a
    language is offered, the one that would be taken, else all. Requests carry ``instance``, ours, so that two servers
    who stand in for each other end at the second.
    """

    name = "wyoming"

    def __init__(
        self,
        addresses: Sequence[tuple[str, int]],
        *,
        instance: str,
        preferred: Sequence[str] = (),
        is_stand_in: bool = False,
        sentence_pause_s: float = 0.25,
        stall_s: float = _STALL_S,
        refresh_s: float = _REFRESH_S,
        backoff: Callable[[], Backoff] = Backoff,
    ) -> None:
        self._servers = [
            WyomingServer(host, port, instance=instance, stall_s=stall_s, backoff=backoff) for host, port in addresses
        ]
        self._instance, self._preferred, self._is_stand_in = instance, tuple(preferred), is_stand_in
        self._pause_s, self._refresh_s, self._stall_s = sentence_pause_s, refresh_s, stall_s
        self._has_asked = False
        self._watch: list[asyncio.Task[None]] = []
        self._offered: tuple[tuple[object, ...], tuple[Voice, ...]] = ((), ())

    @property
    def status(self) -> EngineStatus:
        """DEGRADED while some servers are away, FAILED while all are; the reason names each."""
        if not self._has_asked:
            return EngineStatus(Phase.LOADING)
        away = [f"{server.name}: {server.trouble}" for server in self._servers if server.trouble]
        if not away:
            return EngineStatus(Phase.READY)
        return EngineStatus(Phase.FAILED if len(away) == len(self._servers) else Phase.DEGRADED, "; ".join(away))

    def voices(self) -> tuple[Voice, ...]:
        """Those that the servers last said they have: a server that is away takes nobody out of Home Assistant's list.
        The same object until something changes."""
        known = tuple(server.info for server in self._servers)
        if self._offered[0] != known:
            self._offered = (known, self._made())
        return self._offered[1]

    def _made(self) -> tuple[Voice, ...]:
        found: dict[str, Voice] = {}
        spoken: set[str] = set()
        for server in self._servers:
            for language, voice in self._choice(server):
                if self._is_stand_in and language in spoken:
                    continue
                spoken.add(language)
                here = _as_voice(voice, language)
                found.setdefault(here.name.casefold(), here)
        return tuple(found.values())

    def _choice(self, server: WyomingServer) -> list[tuple[str, ServerVoice]]:
        """Language and voice of everybody whom ``server`` offers here."""
        info = server.info
        if info is None:
            return []
        if not self._is_stand_in:
            return [(language, voice) for voice in info.voices for language in voice.languages]
        languages = dict.fromkeys(language for voice in info.voices for language in voice.languages)
        return [(language, info.for_language(language, self._preferred)[0]) for language in languages]

    def mute_languages(self) -> dict[str, str]:
        """Those that every server that knows them is away for, or would not speak."""
        mute = {}
        for language in {language for voice in self.voices() for language in voice.languages}:
            knowing = [server for server in self._servers if server.knows(language)]
            reasons = [server.why_mute(language) for server in knowing]
            if all(reasons):
                mute[language] = "; ".join(f"{s.name}: {why}" for s, why in zip(knowing, reasons, strict=True))
        return mute

    @property
    def longest_silence_s(self) -> float:
        """Each server may be asked for a sentence, and be silent."""
        return len(self._servers) * (CONNECT_S + self._stall_s)

    def origin(self, voice: Voice) -> Origin | None:
        """By program, version and the voice that would be asked first."""
        for server in self._servers:
            info = server.info
            if info is None or info.named(voice.speaker, voice.language) is None:
                continue
            for first in server.candidates(voice.language, (voice.speaker, *self._preferred))[:1]:
                identity = f"{info.program} {info.version} {first.name} {first.version} {self._pause_s:g}"
                return Origin(self.name, identity)
        return None

    async def start(self) -> None:
        """Ask every server once, at the same time, and from then on again and again. None being there is no error:
        they may come later."""
        if self._watch:
            return
        await asyncio.gather(*(server.ask() for server in self._servers))
        self._has_asked = True
        self._watch = [asyncio.create_task(self._keep_asking(server)) for server in self._servers]

    async def close(self) -> None:
        watch, self._watch = self._watch, []
        await cancel_and_wait(*watch)
        for server in self._servers:
            server.close()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        speakers = _Speakers(request)
        spoken = spoken_ahead(
            request.segments, lambda part: self._from_somebody(request, part, speakers), request, self._pause_s
        )
        async with aclosing(spoken) as audio:
            speakers.stream = AudioStream(self.name, audio)
            yield speakers.stream

    async def _from_somebody(
        self, request: SpeechRequest, part: Part, speakers: _Speakers
    ) -> AsyncGenerator[bytes, None]:
        """One sentence, from the first server that speaks its language; another one is asked only before the first
        sound that this reply has in that language."""
        if self._instance in request.via:
            raise EngineDown("The request came through this server already: two servers stand in for each other.")
        mark: dict[str, Any] = {MARK: [*request.via, self._instance]}
        why = "no voice server of this home speaks it"
        for server in self._servers:
            if server.info is not None and server.info.instance in request.via:
                why = f"{server.name} asks for this very reply itself"
                continue
            voices = server.candidates(part.language, (request.voice.speaker, *self._preferred))[:_TRIES]
            for voice in speakers.only(server, part.language, voices):
                is_heard = False
                try:
                    async with aclosing(server.speak(part, voice, part.language, mark)) as sound:
                        async for pcm in sound:
                            if not is_heard:
                                is_heard = True
                                speakers.heard(server, part.language, voice)
                            yield pcm
                    return
                except EngineError as error:
                    why = f"{server.name}: {error}"
                    if is_heard:  # never another beginning of the same sentence
                        raise EngineError(f"{why}.") from error
                    if server.trouble:
                        break
        raise EngineDown(f"Nothing was said in {part.language!r}: {why}.")

    async def _keep_asking(self, server: WyomingServer) -> None:
        while True:
            await asyncio.sleep(server.backoff.next_s() if server.trouble else self._refresh_s)
            await server.ask()


class _Speakers:
    """Who speaks in one reply: once somebody was heard in a language, nobody else is."""

    def __init__(self, request: SpeechRequest) -> None:
        self._request = request
        self._heard: dict[str, tuple[WyomingServer, ServerVoice]] = {}  # by language
        self.stream: AudioStream | None = None

    def only(self, server: WyomingServer, language: str, voices: Sequence[ServerVoice]) -> Sequence[ServerVoice]:
        """Those of ``voices``, of ``server``, who may be heard in this reply."""
        if language not in self._heard:
            return voices
        speaker, voice = self._heard[language]
        return [voice] if speaker is server else []

    def heard(self, server: WyomingServer, language: str, voice: ServerVoice) -> None:
        """``voice`` speaks, maybe in the place of one that was refused. The reply is named after who begins it: a later
        sentence of another language is spoken by a voice of that."""
        if not self._heard and voice.name != self._request.voice.speaker and self.stream is not None:
            self.stream.voice = _as_voice(voice, language)
        self._heard.setdefault(language, (server, voice))


def _as_voice(voice: ServerVoice, language: str) -> Voice:
    name = voice.name_in(language)
    return Voice(name, f"{voice.name} ({language})", (language,), WyomingEngine.name, voice.name, "wyoming")
