"""What NVIDIA's management library tells of cards, without a CUDA context on any of them: memory, temperature, load.

`libnvidia-ml.so.1` comes with the driver; where it is missing or refuses (a Jetson, some containers, WSL before 510),
nothing is told, and who asks has another way. Functions and structures by NVML's reference (nvml.h).
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_LIBRARY = "libnvidia-ml.so.1"
_TEMPERATURE_OF_THE_CHIP, _CLOCK_OF_MEMORY = 0, 2
_TEXT = 96  # longer than any name or uuid


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class _Rates(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


@dataclass(frozen=True, slots=True)
class Reading:
    """One card now. None: it does not tell."""

    uuid: str  # without what NVML writes before it
    name: str
    total_mb: int | None = None
    free_mb: int | None = None
    temperature_c: int | None = None
    load_percent: int | None = None
    bandwidth_gb_s: int | None = None  # of its memory, as built

    def __str__(self) -> str:
        parts = (
            (self.temperature_c, "{} degrees"),
            (self.load_percent, "{} % busy"),
            (self.bandwidth_gb_s, "memory of {} GB/s"),
        )
        return ", ".join(words.format(value) for value, words in parts if value is not None)


def read_cards(load: Callable[[str], Any] = ctypes.CDLL) -> tuple[Reading, ...]:
    """Every card of the machine, in the driver's order; none where the library cannot be asked."""
    try:
        library = load(_LIBRARY)
        with _open(library):
            count = ctypes.c_uint()
            if library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
                return ()
            return tuple(_readings(library, count.value))
    except (OSError, AttributeError):  # it is not there, or an old one that lacks a function
        return ()


@contextmanager
def _open(library: Any) -> Iterator[None]:
    """
    Raises:
        OSError: if the library refuses.
    """
    if code := library.nvmlInit_v2():
        raise OSError(f"NVML refuses with {code}")
    try:
        yield
    finally:
        library.nvmlShutdown()


def _readings(library: Any, count: int) -> Iterator[Reading]:
    for index in range(count):
        handle = ctypes.c_void_p()
        if library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle)):
            continue  # one that is lost, or not ours, hides no other
        memory, rates = _Memory(), _Rates()
        has_memory = not library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
        has_rates = not library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(rates))
        yield Reading(
            _text(library.nvmlDeviceGetUUID, handle).partition("-")[2],
            _text(library.nvmlDeviceGetName, handle),
            memory.total >> 20 if has_memory else None,
            memory.free >> 20 if has_memory else None,
            _number(library.nvmlDeviceGetTemperature, handle, _TEMPERATURE_OF_THE_CHIP),
            rates.gpu if has_rates else None,
            _bandwidth(library, handle),
        )


def _bandwidth(library: Any, handle: ctypes.c_void_p) -> int | None:
    """Two transfers a clock, over the width of the bus."""
    bits = _number(library.nvmlDeviceGetMemoryBusWidth, handle)
    mhz = _number(library.nvmlDeviceGetMaxClockInfo, handle, _CLOCK_OF_MEMORY)
    return None if bits is None or mhz is None else round(2 * mhz * bits / 8 / 1000)


def _number(ask: Callable[..., int], handle: ctypes.c_void_p, *what: int) -> int | None:
    value = ctypes.c_uint()
    return None if ask(handle, *what, ctypes.byref(value)) else value.value


def _text(ask: Callable[..., int], handle: ctypes.c_void_p) -> str:
    text = ctypes.create_string_buffer(_TEXT)
    return "" if ask(handle, text, _TEXT) else text.value.decode(errors="replace")
