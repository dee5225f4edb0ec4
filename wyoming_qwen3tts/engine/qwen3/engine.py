"""Qwen3-TTS as the server knows it: picks the device, fetches the models, loads, unloads and watches one
`Runtime`."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from ...downloads.progress import Lines, Progress
from ...errors import EngineDown, NotFetched, NotNow, StoreError, Unsuitable
from ...model.checkpoint.config import ModelConfig
from ...model.checkpoint.files import ModelFileError
from ...monitoring.health import FatalErrorRecorder
from ...speech.engine import AudioStream, Engine, EngineStatus, Liveness, Origin, Phase
from ...speech.languages import LANGUAGES
from ...speech.request import SpeechRequest
from ...speech.voice import Voice, VoiceName
from ...util.backoff import Backoff
from ...util.tasks import in_daemon_thread
from ...voices.folder import VoiceCard, VoiceFolder
from ...voices.speakers import NAMES, QWEN_SPEAKERS
from .blends import BLEND, Blends
from .checkpoints import Checkpoints
from .config import EngineConfig
from .hardware.plan import LARGE, SMALL, DevicePlan, plan
from .hardware.probe import Probe, probe
from .runtime import Runtime, speakers
from .voice_lookup import CLONE, ClonedVoices

log = logging.getLogger(__name__)


_Able = frozenset[tuple[bool, int, bool]]  # of speakers or of clones, the vector's size, follows instructions


class Fetch(Protocol):
    """The folder of a model, downloaded if need be. Blocks; setting ``stop`` ends it soon."""

    def __call__(
        self, model: str, *, report: Callable[[Progress], None] | None = None, stop: threading.Event | None = None
    ) -> Path: ...


class Qwen3Engine(Engine):
    """Everything slow happens in ``start``, off the event loop: torch, the network, the weights. Event loop only."""

    name = Runtime.name

    def __init__(
        self,
        config: EngineConfig,
        *,
        find: Callable[[str], Path | None],
        fetch: Fetch,
        clones: VoiceFolder,
        probe: Probe = probe,
        backoff: Backoff | None = None,
    ) -> None:
        self._config, self._probe = config, probe
        self._fetch, self._folder = fetch, clones
        self.checkpoints = Checkpoints(config.models, find)
        self._blends = Blends(clones, self.checkpoints)
        self._voices: tuple[object, tuple[Voice, ...]] = (None, ())
        self._clones: tuple[object, tuple[Voice, ...]] = (None, ())
        self._backoff = backoff or Backoff(5.0, 300.0)
        self._only: str | None = None  # of the configured models, the one that is to be loaded; None: all of them
        self._fatal_errors = FatalErrorRecorder()
        self._stop_fetching = threading.Event()
        self._progress_lines = Lines(log.info)
        self._local: Runtime | None = None
        self._status = EngineStatus(Phase.LOADING)  # while there is no `Runtime`
        self._sound: str | None = None  # changes with everything that decides how voices sound

    @property
    def status(self) -> EngineStatus:
        """DOWNLOADING, WAITING, LOADING, and then that of the `Runtime`."""
        return self._local.status if self._local else self._status

    def liveness(self) -> Liveness:
        return self._fatal_errors.liveness()

    @property
    def longest_silence_s(self) -> float:
        return 20.0  # the prompt of a long clip on a slow processor; a turn that hangs is found by `Runtime`

    def models(self) -> tuple[str, ...]:
        """Those that are configured; by default the two of which the card decides."""
        return self._config.models or (SMALL, LARGE)

    @property
    def chosen_model(self) -> str | None:
        return self._only

    def use(self, model: str | None) -> None:
        self._only = model

    @property
    def can_unload(self) -> bool:
        return True

    def voices(self) -> tuple[Voice, ...]:
        """The configured checkpoints' speakers; while one is still to be fetched, the nine that are published too."""
        known = self.checkpoints.all()
        if known != self._voices[0] or len(known) < len(self._config.models):
            self._voices = (known, self._speakers(known))
        return self._voices[1]

    def _speakers(self, known: Sequence[tuple[Path, ModelConfig]]) -> tuple[Voice, ...]:
        found: dict[str, Voice] = {}
        for voice in (voice for _, config in known for voice in speakers(config)):
            found.setdefault(voice.name.casefold(), voice)  # of two checkpoints the first one speaks
        pending = [model for model in self.checkpoints.pending() if not model.endswith(("-Base", "-VoiceDesign"))]
        if pending or not self._config.models:
            takes_instruct = any("1.7B" in model for model in pending)
            for who, code in itertools.product(QWEN_SPEAKERS, LANGUAGES):
                name = VoiceName(f"{who}-{code}")
                found.setdefault(name, Voice(name, who, (code,), self.name, who, takes_instruct=takes_instruct))
        return tuple(found.values())

    def clones(self) -> tuple[Voice, ...]:
        """Who was cloned, designed or mixed here, if a checkpoint is there to speak as them: a Base one of its size; a
        CustomVoice one for a mix of speakers."""
        able = self._able()
        cards = self._folder.cards() if able else ()
        seen = (able, cards)
        if seen != self._clones[0]:
            before = set(self._clones[1])
            self._clones = (seen, tuple(_own_voice(card, able) for card in cards if _speaks(able, card)))
            if self._local is not None:
                self._local.prepare(self._at_home(voice for voice in self._clones[1] if voice not in before))
        return self._clones[1]

    def blend(self, recipe: str) -> Voice:
        return self._blends.voice(recipe, self.name)

    def why_mute(self, name: str) -> str | None:
        """Why a voice of the home's own is not among `clones`; None if there is none of that name."""
        own = self._folder.find(name)
        if own is None:
            return None
        card = next((card for card in self._folder.cards() if card.name == own), None)
        if card is None:
            return f"The file of the voice {own!r} is damaged, or no voice; clone it again, or remove it."
        if _speaks(self._able(), card):
            return None
        return (
            f"The voice {own!r} was made with another model, and only that one speaks it: add {card.published} to "
            "engine.model."
        )

    def origin(self, voice: Voice) -> Origin | None:
        """Known once it was loaded, and still while it is out of memory."""
        if self._sound is None:
            return None
        stamp: object = 0
        if voice.speaker.startswith(CLONE):
            stamp = self._folder.stamp(voice.speaker.removeprefix(CLONE))
        elif voice.speaker.startswith(BLEND):
            stamp = self._blends.stamps(voice.speaker.removeprefix(BLEND))
        return Origin(self.name, f"{self._sound} {stamp}")

    async def start(self) -> None:
        """Load, and return when it can speak.

        Raises:
            EngineDown: with the reason and what to do, if this machine cannot. `NotNow` if that may change by itself,
                `Unsuitable` if it cannot. Nothing of the attempt is left, and the next one begins anew.
        """
        if self._local is not None:
            return
        try:
            await self._load()
        except BaseException as error:  # also when it is cancelled: the next start begins from nothing
            failed = self._local.status if self._local is not None else self._status
            reason = failed.reason if failed.phase is Phase.FAILED else str(error) or type(error).__name__
            await self._let_go()
            self._status = EngineStatus(Phase.FAILED, reason)
            raise

    async def _load(self) -> None:
        self._status = EngineStatus(Phase.LOADING)
        config = replace(self._config, models=(self._only,)) if self._only else self._config
        chosen = await asyncio.to_thread(plan, config, self._probe)
        for line in chosen.lines:
            log.debug("%s", line)
        chosen = await self._trusted(chosen, config)
        log.info("Voice: %s", chosen.voice)
        if chosen.device is None:
            raise (Unsuitable if chosen.has_room else NotNow)(" ".join(chosen.reasons))
        folders = await self._fetched(chosen.models)
        own = self.clones()  # while there is no engine yet: from then on it is told of new ones there
        try:
            self._local = self._build(folders, chosen)
        except ModelFileError as error:
            raise NotNow(f"{error}.") from error
        await self._local.start()
        self._local.prepare(self._at_home(own))
        self._sound = await asyncio.to_thread(_sound_of, folders, chosen, config)

    async def _trusted(self, chosen: DevicePlan, config: EngineConfig) -> DevicePlan:
        """The plan, or a safer one where its card does not compute what the CPU does."""
        if not (chosen.device or "").startswith("cuda"):
            return chosen
        from .card.self_check import trusted

        safer, said = await asyncio.to_thread(trusted, chosen, config)
        if said:
            log.info("%s", said)
        if safer is not chosen:
            log.error("%s", safer.reasons[-1])
        return safer

    async def unload(self) -> None:
        """Give the memory back; `start` loads again."""
        self._status = EngineStatus(Phase.UNLOADED)
        await self._let_go()

    async def _let_go(self) -> None:
        local, self._local = self._local, None
        if local is not None:
            await local.close()
            await asyncio.to_thread(_empty_caches)

    async def close(self) -> None:
        self._stop_fetching.set()
        if self._local is not None:
            await self._local.close()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        """See `speech.Engine`.

        Raises:
            EngineDown: while it is not loaded.
        """
        if self._local is None:
            raise EngineDown(f"The Qwen3-TTS engine is {self.status}.")
        async with self._local.speak(request) as audio:
            yield audio

    def _build(self, folders: Sequence[Path], chosen: DevicePlan) -> Runtime:
        clones = ClonedVoices(self._folder, self._blends)
        return Runtime(folders, self._config, chosen, resolve=clones, on_fatal=self._fatal_errors.write)

    def _at_home(self, voices: Iterable[Voice]) -> Iterator[Voice]:
        """In the language that is most likely to be spoken."""
        return (replace(voice, languages=(self._config.language,)) for voice in voices)

    def _able(self) -> _Able:
        """The checkpoints here that speak by a vector."""
        configs = [config for _, config in self.checkpoints.all() if config.type != "voice_design"]
        return frozenset((c.type == "custom_voice", c.talker.stack.hidden_size, c.takes_instruct) for c in configs)

    async def _fetched(self, models: Sequence[str]) -> list[Path]:
        """All folders. A network that is away is waited for: the built-in voice speaks meanwhile.

        Raises:
            Unsuitable: for what no network can mend.
        """
        folders = []
        for model in models:
            while True:
                try:
                    folders.append(await self._fetch_one(model))
                    break
                except NotFetched as error:
                    self._status = EngineStatus(Phase.WAITING, model)
                    pause_s = self._backoff.next_s()
                    log.warning("%s. Trying again in %.0f s", error, pause_s)
                    await asyncio.sleep(pause_s)
                except StoreError as error:
                    raise Unsuitable(f"{error}.") from error
        self._status = EngineStatus(Phase.LOADING)
        return folders

    async def _fetch_one(self, model: str) -> Path:
        """In a daemon thread: the process must be able to end while the network hangs."""

        def report(progress: Progress) -> None:
            self._status = EngineStatus(Phase.DOWNLOADING, progress=progress.fraction)
            self._progress_lines(progress)

        work = partial(self._fetch, model, report=report, stop=self._stop_fetching)
        return await in_daemon_thread(work, f"fetch {model}")


def _speaks(able: _Able, card: VoiceCard) -> bool:
    return any((is_of_speakers, size) == (card.is_of_speakers, card.size) for is_of_speakers, size, _ in able)


def _own_voice(card: VoiceCard, able: _Able) -> Voice:
    return Voice(
        card.name, f"{card.name} ({', '.join(NAMES)})", tuple(LANGUAGES), Qwen3Engine.name, f"{CLONE}{card.name}",
        kind=card.kind, takes_instruct=(card.is_of_speakers, card.size, True) in able,
    )  # fmt: skip


def _sound_of(folders: Sequence[Path], chosen: DevicePlan, config: EngineConfig) -> str:
    """All that decides how a text sounds: the models' files by size and time, the numbers they are computed with, and
    how text is fed. Values by their names, so that a class may be renamed without a new recording of every phrase."""
    files = sorted(file for folder in folders for file in folder.rglob("*.safetensors"))
    stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    values = {
        "models": " ".join(chosen.models),
        "device": chosen.device,
        "dtype": chosen.dtype,
        "quantize": chosen.quantize,
        "positions": config.positions,
        "feed": config.feed.feed,
        "sentence_pause_s": config.feed.sentence_pause_s,
    } | ({"codec_tf32": True} if chosen.codec_tf32 else {})
    return " ".join([str(stamps), *(f"{name}={value}" for name, value in values.items())])


def _empty_caches() -> None:
    from .loading import empty_caches

    empty_caches()
