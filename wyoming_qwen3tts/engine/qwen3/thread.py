"""The engine thread: the only one that touches torch. Commands in, audio out through mailboxes, and how it is doing."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from ...errors import DeviceLost, EngineDown, first_line
from ...speech.engine import EngineStatus, Phase
from .core import Command, Counters, EngineCore, Say
from .device_errors import let_go, may_pass

log = logging.getLogger(__name__)

RESTARTS = 3  # in RESTARTS_S; then the engine is broken beyond repair
RESTARTS_S = 600.0

Progress = Callable[[float], None]  # told the share of the loading that is done
_Signal = Literal["wake", "stop"]


class EngineThread:
    """Owns the thread. ``load`` reads the models there, once; ``build`` makes a core with fresh state from them.

    The engine thread writes ``status``, ``counters``, ``turn_began_at`` and ``step_began_at``; everybody reads them.
    On that thread ``changed`` is called when it is ready or failed, and ``fatal`` when an engine that has been ready is
    broken for good. One that never was (no memory, a damaged file) only fails: a new process would fare no better.
    """

    def __init__(
        self,
        load: Callable[[Progress], Any],
        build: Callable[[Any, Counters], EngineCore],
        *,
        changed: Callable[[], None] = lambda: None,
        fatal: Callable[[BaseException], None] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load, self._build, self._changed, self._fatal, self._now = load, build, changed, fatal, now
        self._commands: queue.SimpleQueue[Command | _Signal] = queue.SimpleQueue()
        # A daemon, because a call that hangs in a driver must not keep the process from exiting.
        self._thread = threading.Thread(target=self._run, name="qwen3-engine", daemon=True)
        self._core: EngineCore | None = None
        self._failures: deque[float] = deque(maxlen=RESTARTS + 1)
        self._was_ready = False
        self.may_pass = False  # it could not be loaded, for a reason that may pass by itself
        self._has_ended = False  # nothing will be obeyed any more
        self.status = EngineStatus(Phase.LOADING, progress=0.0)
        self.counters = Counters()
        self.turn_began_at: float | None = None  # of the turn in work
        self.step_began_at: float | None = None  # of the step of loading or building in work

    # -- event loop

    def start(self) -> None:
        self._thread.start()

    def post(self, command: Command) -> None:
        """Have a command obeyed before the next frame. To a dead engine: its reply fails now."""
        self._commands.put(command)
        if self._has_ended:
            self._refuse_commands()

    def wake(self) -> None:
        """A mailbox has room, or nobody behind it: look again."""
        self._commands.put("wake")

    def stop(self, within_s: float) -> bool:
        """End the thread; whether it did. Those who are spoken to fail. Blocks: call it off the event loop."""
        if self._thread.ident is None:
            return True
        self._commands.put("stop")
        self._thread.join(within_s)
        return not self._thread.is_alive()

    @property
    def busy_slots(self) -> int:
        core = self._core
        return core.busy_slots if core else 0

    @property
    def turn_s(self) -> float:
        """How long the turn in work has taken so far; 0 between turns."""
        began = self.turn_began_at
        return 0.0 if began is None else self._now() - began

    @property
    def was_ready(self) -> bool:
        """It has spoken, or could have."""
        return self._was_ready

    @property
    def loading_s(self) -> float:
        """How long ago loading last made a step forward; 0 when it is over."""
        began = self.step_began_at
        return 0.0 if began is None else self._now() - began

    # -- engine thread

    def _run(self) -> None:
        """Load, serve, start anew after an error: a thread's `except` that may catch everything."""
        error: BaseException | None = None
        models: Any = None
        self.step_began_at = self._now()
        try:
            models = self._load(self._progress)
            while (error := self._kept(self._serve(models))) is not None and self._may_restart(error):
                log.warning("The engine starts anew after an error; whoever was spoken to has been told")
        except BaseException as why:  # a model that cannot be loaded, for whatever reason
            log.exception("The engine cannot be started")
            error = self._kept(why)
        self._core = models = None  # a traceback in somebody's hands leads to this frame, too
        self.turn_began_at = self.step_began_at = None
        self.status = EngineStatus(Phase.FAILED, first_line(error)) if error else EngineStatus(Phase.CLOSED)
        self._has_ended = True
        self._refuse_commands()
        self._changed()
        if error is not None and (self._was_ready or isinstance(error, DeviceLost)):
            self._fatal(error)

    def _progress(self, share: float) -> None:
        self.status = EngineStatus(Phase.LOADING, progress=share)
        self.step_began_at = self._now()

    def _serve(self, models: Any) -> BaseException | None:
        """Serve with fresh state until told to stop; the error that ended it otherwise, after everybody was told."""
        core: EngineCore | None = None
        self.step_began_at = self._now()
        try:
            core = self._core = self._build(models, self.counters)
            self.step_began_at = None
            self.status, self._was_ready = EngineStatus(Phase.READY), True
            self._changed()
            self._loop(core)
            error = None
        except BaseException as why:  # the thread's last line: whatever ends it becomes the engine's status
            log.exception("The engine failed in the middle of its work")
            error = why
            self.status = EngineStatus(Phase.RESTARTING)
        self.turn_began_at = None
        if core is not None:
            core.fail_all(EngineDown("The engine is starting anew." if error else "The server is stopping."))
        core = self._core = None  # before the next one is built: a card has room for one
        return error

    def _kept(self, error: BaseException | None) -> BaseException | None:
        """An error that outlives its block, without the models and the state that its traceback holds."""
        if error is not None:
            self.may_pass = may_pass(error)
            let_go(error)
        return error

    def _loop(self, core: EngineCore) -> None:
        """Commands, then a turn; where there was nothing to do, wait for a command, or for who waits too long."""
        is_busy = False
        while True:
            try:
                command = self._commands.get(block=not is_busy, timeout=None if is_busy else core.rest_s())
                while True:
                    if command == "stop":
                        return
                    if command != "wake":
                        core.obey(command)
                    command = self._commands.get_nowait()
            except queue.Empty:
                pass
            self.turn_began_at = self._now()
            is_busy = core.turn()
            self.turn_began_at = None

    def _may_restart(self, error: BaseException) -> bool:
        if (
            isinstance(error, DeviceLost) or not self._was_ready
        ):  # a poisoned context fails every call from now on (antirez/ds4#759)
            return False
        self._failures.append(self._now())
        return len(self._failures) <= RESTARTS or self._failures[-1] - self._failures[0] > RESTARTS_S

    def _refuse_commands(self) -> None:
        """Tell whoever asked something of an engine that is no more."""
        try:
            while True:
                command = self._commands.get_nowait()
                if isinstance(command, Say) and not command.utterance.reply.is_over:
                    command.utterance.reply.is_over = True
                    command.utterance.reply.outlet.fail(EngineDown(f"The engine is {self.status}."))
        except queue.Empty:
            return
