"""The log waits for nobody, is filled by nobody, and repeats nobody's words."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator

import pytest

from wyoming_qwen3tts.errors import EngineError, without_text
from wyoming_qwen3tts.monitoring.logs import BackgroundHandler, DiscreetFormatter, FloodFilter, StrangerLog

CANARY = "the canary sings"


def record(message: str, *values: object, error: BaseException | None = None) -> logging.LogRecord:
    trace = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("here", logging.INFO, "x.py", 1, message, values, trace)


class Pipe:
    """Somebody who reads the log when ``open``."""

    def __init__(self) -> None:
        self.open, self.is_given = threading.Event(), threading.Event()
        self.lines: list[str] = []

    def __call__(self, line: bytes) -> None:
        self.is_given.set()
        self.open.wait(10)
        self.lines += line.decode().splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.open.set()


def test_who_logs_never_waits_and_what_is_lost_is_counted(pipe: Pipe) -> None:
    handler = BackgroundHandler(pipe, waiting=10)
    handler.handle(record("line 0"))
    assert pipe.is_given.wait(10)
    for number in range(1, 1_000):
        handler.handle(record("line %d", number))
    assert handler.dropped >= 980
    dropped = handler.dropped
    pipe.open.set()
    handler._lines.join()
    assert pipe.lines[0] == "line 0"
    assert sum(f"({dropped} lines" in line for line in pipe.lines) == 1
    assert len(pipe.lines) == 1_000 - dropped + 1


def test_closing_waits_for_a_reader_who_never_comes_a_second_at_most(pipe: Pipe) -> None:
    handler = BackgroundHandler(pipe)
    handler.handle(record("last words"))
    closing = threading.Thread(target=handler.close)
    closing.start()
    closing.join(8)
    assert not closing.is_alive()


def test_a_reader_who_is_gone_is_no_error() -> None:
    def gone(line: bytes) -> None:
        raise BrokenPipeError

    handler = BackgroundHandler(gone)
    handler.handle(record("line"))
    handler.handle(record("line"))
    handler.flush()
    assert not handler._lines.unfinished_tasks


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_flood_of_one_kind_is_bounded_and_numbered_and_hides_no_other() -> None:
    clock = Clock()
    flood = FloodFilter(clock)
    passed = told = 0
    for _ in range(10_000):
        clock.now += 0.001
        if flood.filter(line := record("closed a connection of %s", "10.0.0.9")):
            passed, told = passed + 1, told + _more(line)
    assert passed <= 60 + 2 * 10 + 1
    other = record("something else")
    assert flood.filter(other)
    clock.now += 60
    following = record("closed a connection of %s", "10.0.0.9")
    assert flood.filter(following)
    assert passed + told + _more(following) == 10_000
    assert following.getMessage().startswith("closed a connection of 10.0.0.9 (and ")


def _more(line: logging.LogRecord) -> int:
    found = re.search(r"and (\d+) more", line.getMessage())
    return int(found[1]) if found else 0


def test_a_flood_of_ever_new_kinds_is_bounded_too() -> None:
    clock = Clock()
    flood = FloodFilter(clock)
    passed = 0
    for number in range(20_000):
        clock.now += 0.001
        passed += flood.filter(record(f"line {number}"))
    assert passed <= 400 + 10 * 20 + 1
    assert len(flood._kinds) <= 1_000


async def test_what_a_stranger_repeats_is_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    log = StrangerLog(logging.getLogger("here"), clock)
    for _ in range(100):
        log.tell("10.0.0.9", "protocol-error", "closed: %s", "no JSON")
    log.tell("10.0.0.8", "protocol-error", "closed: %s", "no JSON")
    log.tell("10.0.0.9", "busy", "closed: %s", "busy")
    assert len(caplog.records) == 3
    clock.now = 61
    log.tell("10.0.0.9", "protocol-error", "closed: %s", "no JSON")
    assert [r.getMessage() for r in caplog.records[3:]] == [
        "protocol-error: 99 times more in the last minute, from 10.0.0.9",
        "closed: no JSON",
    ]
    for number in range(5_000):
        log.tell(f"10.0.{number}", "busy", "x")
    assert len(log._seen) <= 1_000


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except Exception as caught:  # noqa: BLE001  any kind
        return caught


def test_words_of_foreign_errors_are_withheld_and_ours_and_the_systems_are_not() -> None:
    form = DiscreetFormatter("%(message)s", "", withholds=True)
    foreign = raised(KeyError(CANARY), raised(ValueError(CANARY)))
    said = form.format(record("broke", error=foreign))
    assert CANARY not in said
    assert "KeyError" in said
    assert "ValueError" in said
    assert "test_logs.py" in said
    group = raised(ExceptionGroup("g", [raised(RuntimeError(CANARY))]))
    assert CANARY not in form.format(record("broke", error=group))
    assert "no sound" in form.format(record("broke", error=raised(EngineError("no sound"))))
    assert "disk full" in form.format(record("broke", error=raised(OSError(28, "disk full"))))
    assert CANARY in DiscreetFormatter("%(message)s", "", withholds=False).format(record("broke", error=foreign))


@pytest.mark.parametrize("text", [CANARY, "ꜰꜰꜰ", "a"])
def test_a_complaint_that_repeats_the_text_is_withheld(text: str) -> None:
    assert without_text(f"cannot read {text!r}", text) == "its complaint repeats the text"
    assert without_text("exit code 7", "the text") == "exit code 7"
    assert without_text("cannot read 'canary si'", CANARY) == "its complaint repeats the text"
    assert without_text("anything", "") == "anything"
