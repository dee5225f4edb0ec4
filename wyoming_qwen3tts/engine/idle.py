"""An engine that leaves the memory while nobody wants it, or when told to: other programs share the card."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from enum import Enum

from ..errors import EngineDown, EngineError, NotNow, Unsuitable
from ..speech.engine import AudioStream, Engine, EngineStatus, Phase
from ..speech.request import SpeechRequest
from ..util.backoff import Backoff
from ..util.tasks import cancel_and_wait
from .delegating import DelegatingEngine

log = logging.getLogger(__name__)


class _Residence(Enum):
    """Whether the model is in memory."""

    LOADED = "loaded"  # or being loaded for the first time
    UNLOADING = "unloading"
    UNLOADED = "unloaded"
    LOADING = "loading"


class IdleEngine(DelegatingEngine):
    """``inner``, unloaded once nobody was spoken to for ``after_s`` seconds (0: never), or by `unload_when_idle`. Event
    loop only.

    A request brings it back: ``speak`` waits for that, ``wake`` only begins it, so that somebody else can speak
    meanwhile. It is never unloaded under a reply: those in flight are counted. A load that failed is tried again by the
    next request, behind a pause; at once by ``start``; and without being asked if its reason may pass (`NotNow`). After
    `Unsuitable` only ``start`` and ``reload`` try again.
    """

    def __init__(
        self,
        inner: Engine,
        after_s: float,
        *,
        backoff: Backoff | None = None,
        look_again: Backoff | None = None,
        clock: Callable[[], datetime] = datetime.now,
    ) -> None:
        super().__init__(inner)
        self._after_s = after_s or None  # None: never by itself
        self._backoff = backoff or Backoff()  # between attempts that requests ask for
        self._look_again = look_again or Backoff(60.0, 300.0)  # between those that nobody asks for
        self._clock = clock
        self.in_flight = 0
        self._residence = _Residence.LOADED
        self._failure: str | None = None  # why the last attempt to load it failed
        self._looks_in_s: float | None = None  # after a failure that may pass: when to try again by itself
        self._is_unsuitable = False  # after a failure that only a person can change
        self._attempts = 0
        self._changed = asyncio.Condition()
        self._busy = asyncio.Event()  # since it was cleared, a reply has begun or ended, or somebody told us something
        self._is_told = False  # to unload as soon as nobody is spoken to
        self._change: Callable[[], None] | None = None  # to be made before it is loaded again
        self._wanted = asyncio.Event()
        self._asked = asyncio.Event()  # by a person, who does not wait for a pause
        self._keeper: asyncio.Task[None] | None = None

    @property
    def status(self) -> EngineStatus:
        """UNLOADED while it is out of memory; otherwise the engine's own."""
        if self._failure is not None:
            return EngineStatus(Phase.FAILED, self._failure)
        if self._residence in (_Residence.UNLOADING, _Residence.UNLOADED):
            return EngineStatus(Phase.UNLOADED)
        return self.inner.status

    def wake(self) -> None:
        if not self._is_unsuitable:
            self._wanted.set()

    def _ask(self) -> None:
        """Somebody wants it loaded now, whatever went wrong before."""
        self._asked.set()
        self._wanted.set()

    @property
    def can_unload(self) -> bool:
        """It decides itself when: see `unload_when_idle`."""
        return False

    def unload_when_idle(self) -> None:
        """Unload as soon as nobody is spoken to. The next request, or `wake`, loads it again."""
        self._is_told = True
        self._busy.set()

    def reload(self, change: Callable[[], None]) -> None:
        """Unload as soon as nobody is spoken to, ``change`` something, and load again."""
        self._change = change
        if self._residence is _Residence.UNLOADED:
            self._ask()
        else:
            self.unload_when_idle()

    def keep(self, seconds: float | None) -> None:
        """Unload after so many idle seconds from now on; None: never."""
        self._after_s = seconds
        self._busy.set()

    async def start(self) -> None:
        """Load; after a failure, once more and at once."""
        if self._keeper is not None:
            before = self._attempts
            self._ask()
            async with self._changed:
                await self._changed.wait_for(lambda: self._residence is _Residence.LOADED or self._attempts > before)
            if self._failure is not None:
                raise EngineDown(self._failure)
            return
        try:
            await self.inner.start()
        except Exception as error:  # raised again; the keeper goes on from here
            self._residence = _Residence.UNLOADED
            await self._tell(self._noted(error))
            self._keep_from_now_on()
            raise
        self._keep_from_now_on()

    async def close(self) -> None:
        await cancel_and_wait(self._keeper)
        await self.inner.close()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        self.in_flight += 1
        self._busy.set()
        try:
            await self._load_again()
            async with self.inner.speak(request) as audio:
                yield audio
        finally:
            self.in_flight -= 1
            self._busy.set()  # the idle time begins here

    async def _load_again(self) -> None:
        """Returns once it is loaded, or being loaded for the first time, for which the engine itself waits."""
        if self._residence is _Residence.LOADED:
            return
        self.wake()
        async with self._changed:
            await self._changed.wait_for(lambda: self._residence is _Residence.LOADED or self._failure is not None)
        if self._failure is not None:
            raise EngineDown(f"The model could not be loaded: {self._failure}")

    # -- the keeper, a task of its own

    def _keep_from_now_on(self) -> None:
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        while True:
            await self._until_loaded()
            await self._until_idle()
            await self._unload()

    async def _until_idle(self) -> None:
        while True:
            self._busy.clear()
            if self._is_told and not self.in_flight:
                return
            try:
                async with asyncio.timeout(None if self.in_flight else self._after_s):
                    await self._busy.wait()
            except TimeoutError:
                if not self.in_flight:
                    return

    async def _unload(self) -> None:
        self._wanted.clear()
        self._residence = _Residence.UNLOADING  # from here on `speak` waits, so nobody is spoken to while it goes
        why = "as it was told" if self._is_told else f"after {self._after_s:g} idle seconds"
        self._is_told = False
        log.info("The %s engine leaves the memory %s", self.name, why)
        try:
            await self.inner.unload()
        except Exception:  # it is loaded anew all the same, which shows what is left of it
            log.exception("The %s engine could not be unloaded", self.name)
        self._residence = _Residence.UNLOADED
        if self._change is not None:
            self.wake()

    async def _until_loaded(self) -> None:
        """Load when somebody wants it, or when what was in the way may be gone."""
        while self._residence is not _Residence.LOADED:
            await self._until_wanted()
            self._wanted.clear()
            self._asked.clear()
            self._residence = _Residence.LOADING
            if self._change is not None:
                self._change()
                self._change = None
            try:
                await self.inner.start()
            except Exception as error:  # whatever it is, the server goes on and says it
                trace = None if isinstance(error, EngineError) else error  # those are written for people
                log.error("The %s engine could not be loaded: %s", self.name, error, exc_info=trace)  # noqa: TRY400
                self._residence = _Residence.UNLOADED
                failure: str | None = self._noted(error)
            else:
                self._residence, failure = _Residence.LOADED, None
                self._looks_in_s, self._is_unsuitable = None, False
                self._backoff.reset()
                self._look_again.reset()
            await self._tell(failure)

    async def _until_wanted(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._looks_in_s):
                if self._failure is not None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._backoff.next_s()):
                            await self._asked.wait()
                await self._wanted.wait()

    def _noted(self, error: Exception) -> str:
        """What to say of a failure, and what to do about it. Nothing of the error itself is kept: it holds the frames
        of the load, and these the model."""
        self._is_unsuitable = isinstance(error, Unsuitable)
        self._looks_in_s = self._look_again.next_s() if isinstance(error, NotNow) else None
        words = str(error) or type(error).__name__
        if self._looks_in_s is None:
            return words
        at = self._clock() + timedelta(seconds=self._looks_in_s)
        return f"{words.rstrip('.')}. It looks again at {at:%H:%M}."

    async def _tell(self, failure: str | None) -> None:
        async with self._changed:
            self._attempts += 1
            self._failure = failure
            self._changed.notify_all()
