"""A house for the page: a web door over an engine that sounds like somebody, and a studio that makes voices at once."""

from __future__ import annotations

import asyncio
import io
import math
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from pydantic import SecretStr

from tests.harness import FakeEngine, until
from wyoming_qwen3tts.errors import BadRequest, EngineError, UnknownVoice
from wyoming_qwen3tts.servers.http.app import build_app
from wyoming_qwen3tts.servers.http.installation import Installation
from wyoming_qwen3tts.servers.http.natural import Tools
from wyoming_qwen3tts.servers.http.routers import lexicon, page
from wyoming_qwen3tts.servers.http.server import HttpServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Http, Settings
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import ServerCount
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.request import Moment, SpeechRequest
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.speakers import NAMES, QWEN_SPEAKERS

KEY = "open-sesame"
SERVERS = (
    ServerCount("http://10.0.0.2:8091", "well", "", 4210, 3, 0, 12.4),
    ServerCount("http://10.0.0.3:8091", "draining", "its health is 503", 3985, 0, 2, 3.5),
    ServerCount("http://model-server-in-the-cellar.local:8091", "left-alone", "nothing came for 10 s", 8, 9, 1, 0.0),
)
INSTALLED = Installation("checkout", has_card=False, has_driver=False, has_torch=True, has_torch_for_card=False)
FRAME_SAMPLES = FORMAT.frame_bytes // 2


class Actor(FakeEngine):
    """A `FakeEngine` with the speakers of Qwen3-TTS, whose sound has syllables, and who notes when sound was made."""

    name = "qwen3"

    def __init__(self, *, first_s: float = 0.0, frame_s: float = 0.0, fail_at: int | None = None) -> None:
        super().__init__(fail_at=fail_at)
        self.first_s, self.frame_s = first_s, frame_s
        self.pace = 3  # frames for 20 characters; a person takes 15
        self.hold_at: int | None = None  # how many frames are made before `resume` is waited for
        self.resume = asyncio.Event()
        self.distant: tuple[ServerCount, ...] = ()  # servers that it speaks through
        self.first_frames: list[float] = []  # when a reply's first sound was made, in seconds since 1970

    def voices(self) -> tuple[Voice, ...]:
        builtin = tuple(Voice(VoiceName(f"builtin-{c}"), "", (c,), "builtin", "builtin", "builtin") for c in LANGUAGES)
        speakers = (
            Voice(VoiceName(f"{who}-{code}"), f"{who.title()} ({NAMES[code]})", (code,), self.name, who)
            for who in QWEN_SPEAKERS
            for code in LANGUAGES
        )
        return (*builtin, *speakers)

    def servers(self) -> tuple[ServerCount, ...]:
        return self.distant

    async def _frames(self, request: SpeechRequest) -> Any:
        spoken: list[str] = []
        self.requests.append((request.voice.name, spoken))
        count = 0
        async for segment in request.whole_segments():
            request.moments.append(Moment(len(spoken), count * FRAME_SAMPLES))
            spoken.append(segment.text)
            for _ in range(1 + len(segment.text) * self.pace // 20):
                if self.frames_made == self.hold_at:
                    await self.resume.wait()
                if self.frames_made == self._fail_at:
                    raise EngineError("The scripted fault.")
                await asyncio.sleep(self.frame_s if count else self.first_s)
                if not count:
                    self.first_frames.append(time.time())
                self.frames_made += 1
                yield syllables(count)
                count += 1


def syllables(frame: int, pitch: float = 140.0) -> bytes:
    """One frame of a hum that swells and fades as speech does."""
    at = (np.arange(FRAME_SAMPLES) + frame * FRAME_SAMPLES) / FORMAT.rate
    swell = np.abs(np.sin(2 * math.pi * 1.9 * at)) ** 0.7 * (0.55 + 0.45 * np.sin(2 * math.pi * 0.31 * at))
    hum = sum(np.sin(2 * math.pi * pitch * k * at) / k for k in range(1, 6))
    return np.asarray(hum * swell * 5500).astype("<i2").tobytes()


def clip(seconds: float = 9.0, *, noise: float = 0.001, gain: float = 1.0, rate: int = 48_000) -> bytes:
    """A WAV file of somebody humming in a room."""
    at = np.arange(round(seconds * rate)) / rate
    swell = np.clip(np.sin(2 * math.pi * 0.8 * at), 0, 1) ** 0.5
    sound = 0.3 * gain * swell * np.sin(2 * math.pi * 180 * at)
    sound += np.random.default_rng(7).normal(0, noise, len(at))
    return wav((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes(), rate)


def wav(pcm: bytes, rate: int = FORMAT.rate) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(pcm)
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Problem:
    code: str
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class ClipReport:
    seconds: float
    ok: bool
    problems: list[Problem]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Variant:
    id: str
    seed: int
    seconds: float
    wav: bytes


@dataclass(eq=False)
class Studio:
    """Makes voices out of nothing, with the manners of the real one."""

    made: dict[str, Voice] = field(default_factory=dict)
    can_clone: bool = True
    can_design: bool = True
    why_not: str = ""
    clips: list[bytes] = field(default_factory=list)
    texts: list[str | None] = field(default_factory=list)
    variant_s: float = 0.0
    recipes: list[str] = field(default_factory=list)  # of blends
    problems: list[Problem] = field(default_factory=list)  # that every clip has

    def voices(self) -> tuple[Voice, ...]:
        return tuple(self.made.values())

    async def check(self, clip: bytes) -> ClipReport:
        with wave.open(io.BytesIO(clip)) as reader:
            seconds = reader.getnframes() / reader.getframerate()
        return ClipReport(seconds, all(problem.is_warning for problem in self.problems), self.problems)

    async def clone(
        self, name: str, clip: bytes, *, text: str | None = None, consent: str | None = None, keep_clip: bool = False
    ) -> Voice:
        voice = self._add(name, "clone")
        self.clips.append(clip)
        self.texts.append(text)
        return voice

    async def blend(self, name: str, recipe: str) -> Voice:
        self.recipes.append(recipe)
        return self._add(name, "blend")

    async def design(
        self, description: str, *, language: str = "en", text: str | None = None, variants: int = 3
    ) -> AsyncIterator[Variant]:
        for number in range(variants):
            await asyncio.sleep(self.variant_s)
            pcm = b"".join(syllables(frame, 110 + 50 * number) for frame in range(30))
            yield Variant(f"v{number}", number, FORMAT.seconds(len(pcm)), wav(pcm))

    async def keep(self, variant_id: str, name: str) -> Voice:
        if variant_id not in ("v0", "v1", "v2"):
            raise BadRequest("This variant is gone. Make new ones.")
        return self._add(name, "design")

    async def remove(self, name: str) -> None:
        if self.made.pop(name, None) is None:
            raise UnknownVoice(f"No voice is called {name!r}.")

    async def export(self, name: str) -> bytes:
        return f"voice {name}".encode()

    async def restore(self, data: bytes, name: str | None = None) -> Voice:
        return self._add(name or data.decode().removeprefix("voice "), "clone")

    def _add(self, name: str, kind: Any) -> Voice:
        if name in self.made or name == "taken":
            error = BadRequest(f"A voice is called {name!r} already. Choose another name.")
            error.field = "name"
            raise error
        self.made[name] = Voice(VoiceName.parse(name), name, tuple(LANGUAGES), "qwen3", name, kind)
        return self.made[name]


@dataclass(eq=False)
class Home:
    """What a test may look at behind the page."""

    engine: Any
    studio: Studio | None
    service: SpeechService
    settings: Settings
    door: HttpServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.port}/"


@asynccontextmanager
async def home(
    engine: Any = None, settings: Settings | None = None, *, studio: Studio | None = None, port: int = 0, **app: Any
) -> AsyncIterator[Home]:
    """A web door with a page, on a free port of this machine."""
    engine = engine or Actor()
    settings = settings or Settings()
    if studio is not None:  # voices are made by whoever is known
        keyed = settings.http if settings.http.api_keys else Http(api_keys=(SecretStr(f"test:{KEY}"),))
        voices = settings.voices.model_copy(update={"cloning": True})
        settings = settings.model_copy(update={"voices": voices, "http": keyed})
    cloned = studio.voices if studio else tuple
    app["studio"] = studio
    app.setdefault("tools", Tools(INSTALLED))
    service = SpeechService(engine, VoiceCatalog(engine.voices(), cloned), settings.limits, slots=4)
    service.load()
    door = HttpServer(
        lambda: build_app(service, settings, routers=(page.routes(), lexicon.routes(settings)), **app),
        Address("127.0.0.1", port),
        settings.limits,
    )
    door.drain_s = 0.5
    async with door:
        yield Home(engine, studio, service, settings, door)
        if isinstance(engine, Actor):
            engine.resume.set()
    await until(lambda: not service.active)
    await service.close()
