"""What the log looks like. Secrets and, above DEBUG, spoken text never get here, and nothing waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable

from ..errors import SettingsError, SpeechError

_FORMAT, _DATE = "%(asctime)s %(levelname)-7s %(message)s", "%Y-%m-%d %H:%M:%S"
_WAITING = 2_000  # lines that wait for whoever reads the log
_FLUSH_S = 1.0
_MINUTE_S = 60.0
_HOSTS = 1_000  # host and kind: of more, the oldest is forgotten
_KIND_BURST, _KIND_PER_S = 60, 2.0  # lines of one kind
_ALL_BURST, _ALL_PER_S = 400, 10.0  # and all lines together


def set_up(level: str, *, in_background: bool = False) -> None:
    """One line an event, on stderr, so that ``say -o -`` may own stdout. ``in_background``: for a server, which must
    neither wait for a log that nobody reads nor fill a disk with what a stranger causes."""
    is_debug = level.upper() == "DEBUG"
    handler: logging.Handler = BackgroundHandler(_stderr()) if in_background else logging.StreamHandler(sys.stderr)
    handler.setFormatter(DiscreetFormatter(_FORMAT, _DATE, withholds=not is_debug))
    if in_background and not is_debug:
        handler.addFilter(FloodFilter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    if not is_debug:
        # These speak of their own inner life at INFO and WARNING; what matters of it we say ourselves.
        for name in ("zeroconf", "asyncio", "hibari", "py3langid", "httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.ERROR)


def quoted(text: str, limit: int = 80) -> str:
    """A stranger's text, safe in a log line: escaped, so that it cannot forge a line of its own, and cut."""
    return repr(text if len(text) <= limit else text[:limit] + "…")


class DiscreetFormatter(logging.Formatter):
    """Withholds what an exception says unless we or the system wrote it: others put what they were given into it, which
    is what was to be spoken. Its type and its trace stay."""

    def __init__(self, form: str, date: str, *, withholds: bool) -> None:
        super().__init__(form, date)
        self._withholds = withholds

    def formatException(self, ei: object) -> str:  # noqa: N802  logging's
        error = ei[1] if isinstance(ei, tuple) else None
        if not self._withholds or not isinstance(error, BaseException):
            return super().formatException(ei)  # type: ignore[arg-type]  # as it is handed on
        return "\n".join(_discreet(error))


def _discreet(error: BaseException) -> list[str]:
    lines: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        lines += [*_discreet(cause), "", "Then, or because of it:"]
    lines.append("Traceback (most recent call last):")
    lines += "".join(traceback.format_tb(error.__traceback__)).splitlines()
    is_ours = isinstance(error, SpeechError | SettingsError | OSError | ImportError)
    words = str(error) if is_ours else "its words are withheld, log_level debug shows them"
    lines.append(f"{type(error).__name__}: {words}")
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            lines += [f"  | {line}" for line in _discreet(inner)]
    return lines


# -- a log that nobody reads


def _stderr() -> Callable[[bytes], object]:
    """Writes to stderr itself: a thread that hangs in Python's own would keep the interpreter from its end."""
    try:
        number = sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):  # none, or one that a program has put there
        stream = sys.stderr
        return lambda line: stream.write(line.decode())

    def write(line: bytes) -> None:
        while line:
            line = line[os.write(number, line) :]

    return write


class BackgroundHandler(logging.Handler):
    """Writes in a thread of its own. Of lines that come while ``waiting`` are unwritten only the number is told."""

    def __init__(self, write: Callable[[bytes], object], waiting: int = _WAITING) -> None:
        super().__init__()
        self._write = write
        self._lines: queue.Queue[bytes] = queue.Queue(waiting)
        self.dropped = 0
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(f"{self.format(record)}\n".encode(errors="backslashreplace"))
        except queue.Full:
            self.dropped += 1
        except Exception:  # noqa: BLE001  as every handler of logging does
            self.handleError(record)

    def flush(self) -> None:
        """Wait until all is written, for a second at most."""
        end = time.monotonic() + _FLUSH_S
        while self._lines.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.005)

    def close(self) -> None:
        self.flush()
        super().close()

    def _write_all(self) -> None:
        while True:
            line = self._lines.get()
            dropped, self.dropped = self.dropped, 0
            note = f"({dropped} lines of the log were lost: nobody read it in time)\n".encode() if dropped else b""
            with contextlib.suppress(OSError, ValueError):  # whoever read it is gone; there is nobody to tell
                self._write(line + note)
            self._lines.task_done()


# -- a log that a stranger fills


class _Bucket:
    """Full of ``burst`` at first; ``per_s`` come back."""

    def __init__(self, burst: float, per_s: float, now: float) -> None:
        self._burst, self._per_s, self._left, self._at = burst, per_s, burst, now
        self.withheld = 0

    def take(self, now: float) -> bool:
        self._left = min(self._burst, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1:
            self.withheld += 1
            return False
        self._left -= 1
        return True


class FloodFilter(logging.Filter):
    """Bounds lines by kind, which is their text without what is filled in, and all together; what is withheld is told
    as a number with the next line of its kind."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock, self._lock = clock, threading.Lock()
        self._all = _Bucket(_ALL_BURST, _ALL_PER_S, clock())
        self._kinds: dict[tuple[str, str], _Bucket] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        kind = (record.name, str(record.msg)[:100])
        with self._lock:
            bucket = self._kinds.pop(kind, None) or _Bucket(_KIND_BURST, _KIND_PER_S, now)
            self._kinds[kind] = bucket
            if len(self._kinds) > _HOSTS:
                del self._kinds[next(iter(self._kinds))]
            if not (bucket.take(now) and self._all.take(now)):
                return False
            more, bucket.withheld = bucket.withheld, 0
        if more:
            record.msg, record.args = f"{record.getMessage()} (and {more} more like it)", ()
        return True


class StrangerLog:
    """What strangers cause: told once a minute for each host and kind, the rest as a number. Event loop only."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._seen: dict[tuple[str, str], list[float]] = {}  # since when, and how many more

    def tell(self, host: str, kind: str, message: str, *values: object, level: int = logging.INFO) -> None:
        """Log ``message % values``, or count it."""
        if not self._log.isEnabledFor(level):
            return
        now, key = self._clock(), (host, kind)
        seen = self._seen.get(key)
        if seen is not None and now - seen[0] < _MINUTE_S:
            seen[1] += 1
            self._log.debug(message, *values)
            if seen[1] == 1:
                with contextlib.suppress(RuntimeError):  # without a loop it is told with the next
                    asyncio.get_running_loop().call_later(seen[0] + _MINUTE_S - now, self._sum_up, key)
            return
        self._sum_up(key)
        self._seen[key] = [now, 0]
        if len(self._seen) > _HOSTS:
            del self._seen[next(iter(self._seen))]
        self._log.log(level, message, *values)

    def _sum_up(self, key: tuple[str, str]) -> None:
        seen = self._seen.pop(key, None)
        if seen is not None and seen[1]:
            self._log.info("%s: %d times more in the last minute, from %s", key[1], int(seen[1]), key[0])
