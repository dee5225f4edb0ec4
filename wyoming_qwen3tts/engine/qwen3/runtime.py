"""The Qwen3-TTS engine: models on this machine, one engine thread, live text. Importable without torch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import EngineDown, NotNow
from ...model.checkpoint.config import ModelConfig, load_config
from ...speech.engine import AudioStream, Engine, EngineStatus, Phase
from ...speech.languages import LANGUAGES
from ...speech.request import SpeechRequest
from ...speech.voice import Voice, VoiceName
from ...util.tasks import cancel_and_wait
from ...voices.speakers import languages_of
from .audio_queue import AudioQueue
from .config import EngineConfig
from .core import Counters, EngineCore, Prepare
from .feeder import Feeder
from .hardware.plan import DevicePlan
from .scheduler import Scheduler
from .thread import EngineThread, Progress

if TYPE_CHECKING:
    from .card.roads import Road
    from .loading import Models, Resolve
    from .runner.graphs import Graphs
    from .runner.runner import ModelRunner

log = logging.getLogger(__name__)

_OF_PATIENCE = (
    2 / 3
)  # the share of it that a warm engine's first sound may take: other replies and longer texts want the rest


class Runtime(Engine):
    """Speaks for any number of listeners through ``slots`` places. Event loop only; the work is the engine thread's.

    ``resolve`` tells how a voice sounds, on the engine thread: a speaker of the checkpoint by default, a clone or a
    described voice where the voice store knows one. It should return the same object for the same voice, since what was
    computed for it is kept by that. ``on_fatal`` is told once, on the event loop, that only a new process can help
    (exit 70).
    """

    name = "qwen3"

    def __init__(
        self,
        folders: Sequence[Path],
        config: EngineConfig,
        plan: DevicePlan,
        *,
        resolve: Resolve | None = None,
        on_fatal: Callable[[BaseException], None] = lambda _: None,
        build_runners: Callable[[Models], Sequence[ModelRunner]] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folders, self._config, self._plan = tuple(folders), config, plan
        self._configs = [load_config(folder) for folder in self._folders]
        self._resolve, self._on_fatal, self._build_runners, self._now = resolve, on_fatal, build_runners, now
        self._worker = EngineThread(self._load, self._build, changed=self._tell_loop, fatal=self._tell_fatal, now=now)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._settled = asyncio.Event()  # ready, or failed
        self._watch: asyncio.Task[None] | None = None
        self._open: set[AudioQueue] = set()
        self._hung: EngineStatus | None = None
        self._built_on: Road | None = None  # engine thread only
        self._runs_on = ""  # written by the engine thread before it is ready

    @property
    def status(self) -> EngineStatus:
        status = self._hung or self._worker.status
        return replace(status, runs_on=self._runs_on) if status.phase is Phase.READY else status

    @property
    def counters(self) -> Counters:
        return self._worker.counters

    @property
    def busy_slots(self) -> int:
        return self._worker.busy_slots

    def voices(self) -> tuple[Voice, ...]:
        """The checkpoints' own speakers, each in all ten languages."""
        return tuple(voice for config in self._configs for voice in speakers(config))

    async def start(self) -> None:
        """Load and warm up in the engine thread; returns when that is done.

        Raises:
            EngineDown: with the reason, if it cannot be; `NotNow` if another attempt may fare better.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._watch = asyncio.create_task(self._watch_turns())
            self._worker.start()
        await self._settled.wait()
        if (status := self.status).phase is Phase.FAILED:
            raise (NotNow if self._worker.may_pass else EngineDown)(f"The engine is {status}.")

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        """See `speech.Engine`. Requests made while it loads wait for it.

        Raises:
            EngineDown: at once, if it has failed or was closed.
        """
        if (status := self.status).phase in (Phase.FAILED, Phase.CLOSED):
            raise EngineDown(f"The engine is {status}.")
        frames = self._config.audio_queue_frames
        async with AudioQueue(asyncio.get_running_loop(), frames, self._worker.wake) as audio_queue:
            self._open.add(audio_queue)
            feeder = Feeder(request, audio_queue, self._worker.post, self._config.feed)
            feeding = asyncio.create_task(feeder.run())
            try:
                async with aclosing(aiter(audio_queue)) as audio:  # type: ignore[type-var]  # it is a generator
                    yield AudioStream(
                        self.name,
                        audio,
                        lambda: feeder.has_queued,
                        lambda: audio_queue.format,
                        lambda: audio_queue.is_complete,
                    )
            finally:
                self._open.discard(audio_queue)
                await cancel_and_wait(feeding)

    def prepare(self, voices: Iterable[Voice]) -> None:
        """Have these voices made ready while nobody is spoken to, so that their first reply starts as soon as any."""
        for voice in voices:
            self._worker.post(Prepare(voice))

    async def close(self) -> None:
        await cancel_and_wait(self._watch)
        self._watch = None
        if not await asyncio.to_thread(self._worker.stop, 10.0):
            log.warning("The engine thread is still at work and is left behind")

    async def _watch_turns(self) -> None:
        """A call that hangs in the driver cannot be ended: tell everybody, and have the process replaced (F25). One
        that hangs before the engine was ever ready only fails: a new process would fare no better."""
        is_cpu = self._plan.device == "cpu"
        turn_s = self._config.turn_s or (120.0 if is_cpu else 20.0)
        load_s = self._config.load_s or (1_800.0 if is_cpu else 600.0)
        while True:
            await asyncio.sleep(min(1.0, turn_s / 4, load_s / 4))
            why = ""
            if self._worker.turn_s > turn_s:
                why = f"no frame for {turn_s:g} s, the device hangs"
            elif self._worker.loading_s > load_s:
                why = f"no step forward in loading for {load_s:g} s, the device hangs; restart the machine if it stays"
            if why:
                self._hang(why)
                return

    def _hang(self, why: str) -> None:
        self._hung = EngineStatus(Phase.FAILED, why)
        log.error("The engine has %s", self._hung)
        error = EngineDown("The engine hangs and is being replaced.")
        for audio_queue in self._open:
            audio_queue.fail(error)
        self._settled.set()
        if self._worker.was_ready:
            self._on_fatal(error)

    # -- engine thread

    def _load(self, progress: Progress) -> Models:
        from .loading import hold_memory, load_models

        hold_memory(self._plan.torch_device, self._config.vram_limit_mb)
        return load_models(self._folders, self._plan, self._config.rounded_dir, progress)

    def _build(self, models: Models, counters: Counters) -> EngineCore:
        from . import loading

        loading.empty_caches()  # what an engine before this one has left must not stand beside it
        config = self._config
        if self._build_runners is not None:
            runners = self._build_runners(models)
        else:
            graphs = partial(loading.graphs_for, self._plan.torch_device, wanted=self._plan.graphs)
            road = self._road(models, graphs)
            runners = loading.build_runners(
                models, slots=config.slots, positions=config.positions, graphs=graphs, road=road
            )
        if config.voice_cache_dir is not None and config.voice_cache_bytes:
            loading.keep_voices(runners, self._folders, config.voice_cache_dir, config.voice_cache_bytes)
        self._runs_on = self._came_about(runners).runs_on
        log.info("Qwen3-TTS runs on %s", self._runs_on)
        first_sound_s = max(loading.warm_up(runner, self._now) for runner in runners)
        if first_sound_s > _OF_PATIENCE * config.patience_s:
            log.warning(
                "The model needs %.1f s to its first sound on this machine, and the built-in voice speaks after %g s: "
                "it will often speak in the model's place. Choose a smaller model (engine.model), engine.quantize "
                "int8, or a larger engine.patience_s.",
                first_sound_s,
                config.patience_s,
            )
        return EngineCore(
            runners,
            self._resolve or loading.speaker_voice,
            Scheduler(config.slots, config.queue, self._now, text_pause_s=config.text_pause_s),
            self._now,
            chunks=config.chunks,
            limits=config.guard,
            counters=counters,
            tuner=loading.thread_tuner(self._plan, config.rounded_dir),
        )

    def _road(self, models: Models, graphs: Callable[[], Graphs | None]) -> Road:
        """By which road frames are made. What failed in the middle of its work is not taken again."""
        from .card import trial
        from .card.roads import RoadMemory

        config, plan = self._config, self._plan
        if not plan.torch_device.startswith("cuda") or not plan.graphs:
            return "steps"
        before, self._built_on = self._built_on, "graphs"
        if before is not None:
            if before != "graphs":
                log.warning("Frames are made by graphs from now on: the road %s failed", before)
            return "graphs"
        key = trial.key_of(
            plan.torch_device,
            driver=plan.driver,
            model=" ".join(plan.models),
            dtype=plan.dtype if plan.quantize == "none" else f"{plan.dtype} {plan.quantize}",
            slots=config.slots,
            asked=config.frames,
        )
        memory = RoadMemory(config.roads_dir) if config.roads_dir is not None else None
        self._built_on = trial.road_for(config.frames, models.checkpoints[0].model, key, memory, graphs).road
        return self._built_on

    def _came_about(self, runners: Sequence[ModelRunner]) -> DevicePlan:
        """The plan, as far as it could be kept."""
        why = next((runner.why_no_graphs for runner in runners if runner.why_no_graphs), None)
        if why is not None:
            return self._plan.without_graphs(why)
        return replace(self._plan, kernels=next((runner.kernels_name for runner in runners), ""))

    def _tell_loop(self) -> None:
        self._call(self._settled.set)

    def _tell_fatal(self, error: BaseException) -> None:
        self._call(lambda: self._on_fatal(error))

    def _call(self, function: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(function)


def speakers(config: ModelConfig) -> tuple[Voice, ...]:
    """A checkpoint's speakers as voices: ``ryan-en`` and so on, in the languages that it knows, also beyond the ten.

    A fine-tuned checkpoint may have speakers of its own: what cannot be in a voice's name becomes ``_`` in it.
    """
    known = languages_of(config.talker.languages)
    return tuple(
        Voice(
            VoiceName(f"{''.join(c if c.isalnum() or c in ' _' else '_' for c in speaker)[:60]}-{code}"),
            f"{speaker.replace('_', ' ').title()} ({language.title()})",
            (code,),
            Runtime.name,
            speaker,
            takes_instruct=config.takes_instruct,
        )
        for speaker in sorted(config.talker.speakers)
        for code, language in sorted(known.items(), key=lambda item: (item[0] not in LANGUAGES, item[0]))
    )
