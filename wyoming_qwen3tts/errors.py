"""Everything that can go wrong with a request, and what each front door says about it.

SpeechError
├── BadRequest            the caller must change something
│   ├── TextTooLong
│   ├── TextStalled       the text was begun and never continued
│   ├── UnknownVoice
│   └── ProtocolError     the bytes were not a Wyoming event
├── Busy                  try again soon
│   └── NoPlace           every slot and queue place is taken, or this one was needed for others
├── Stalled               the listener stopped reading
├── Refused               an announcement that is not made: quiet hours, too old, stopped
├── DeliveryFailed        an announcement did not get to its speaker
└── EngineError           our fault
    ├── NoSound           there is none for this text; others are spoken
    ├── OutOfMemory       this request did not fit; the engine goes on
    ├── EngineDown        the engine is loading, restarting, or gone
    │   ├── NotNow        it cannot be loaded, for a reason that may pass by itself: no room, a file on its way
    │   ├── Unsuitable    this machine cannot run it as it is: no driver, the wrong torch
    │   └── DeviceLost    the device computes nothing any more; only a new process can help
    └── StoreError        a model's files are not here and could not be fetched
        └── NotFetched    the network or the disk was in the way; the next attempt may succeed

SettingsError             the start is refused; not a SpeechError, as no request is to blame
"""

import os
import re

_WINDOW_CHARS = 8
_ERRNO = re.compile(r"\[Errno -?\d+\] ")


class SpeechError(Exception):
    """Base of all errors this package raises on purpose. The message is fit to show a user.

    ``field`` names the input that is to blame, where one is: ``name``, ``clip``, ``text``, ...
    ``why`` is finer than ``code``, where programs may tell people in their own language what to do.
    """

    code = "speech-failed"  # Wyoming `error.code`; the other doors will say the same
    http_status = 500
    retry_after_s: int | None = None

    def __init__(self, *words: object, field: str | None = None, why: str | None = None) -> None:
        super().__init__(*words)
        self.field, self.why = field, why


class BadRequest(SpeechError):
    code, http_status = "bad-request", 400


class TextTooLong(BadRequest):
    code, http_status = "text-too-long", 413


class TextStalled(BadRequest):
    code, http_status = "text-stalled", 408


class UnknownVoice(BadRequest):
    code, http_status = "unknown-voice", 404


class ProtocolError(BadRequest):
    code = "protocol-error"


class Busy(SpeechError):
    code, http_status, retry_after_s = "busy", 503, 2


class NoPlace(Busy):
    """Every place is taken, or this one was needed for others."""


class Stalled(SpeechError):
    code, http_status = "listener-stalled", 408


class Refused(SpeechError):
    """``code`` says why: ``quiet-hours``, ``expired``, ``stopped``."""

    http_status = 409

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class DeliveryFailed(SpeechError):
    code, http_status = "delivery-failed", 502


class EngineError(SpeechError):
    code = "engine-failed"


class NoSound(EngineError):
    """There is no sound for this text; others in its language are spoken."""


class OutOfMemory(EngineError):
    code, http_status, retry_after_s = "out-of-memory", 503, 5


class EngineDown(EngineError):
    code, http_status, retry_after_s = "engine-down", 503, 5


class NotNow(EngineDown):
    """It cannot be loaded now, and may be later without anybody's doing: whoever loads it tries again by itself."""


class Unsuitable(EngineDown):
    """It cannot be loaded on this machine until somebody changes it: nobody tries again but when told to."""


class DeviceLost(EngineDown):
    """The device computes nothing any more, not even a retry; only a new process can (P8)."""


class StoreError(EngineError):
    code, http_status, retry_after_s = "model-missing", 503, 60


class NotFetched(StoreError):
    """The network or the disk was in the way: the next attempt may succeed without anybody's doing."""


def first_line(error: BaseException) -> str:
    """What an error says, as one line for people: at most 200 characters of its first one, without the system's numbers
    and the words that asyncio adds; its type if it says nothing."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0 and "Connect call failed" in str(error):
        return os.strerror(number)
    said = _ERRNO.sub("", str(error).strip().partition("\n")[0].strip())
    return said[:200] or type(error).__name__


def without_text(words: str, text: str) -> str:
    """What another program complained of while it was given ``text``, unless it repeats some of that: errors reach
    logs, and other people."""
    window = min(len(text), _WINDOW_CHARS)
    pieces = {text[start : start + window] for start in range(len(text) - window + 1)} if window else set()
    return "its complaint repeats the text" if any(piece in words for piece in pieces) else words


class SettingsError(Exception):
    """A setting that stops the start. The message names the setting and what to write instead, never a secret."""
