"""NVIDIA's management library, scripted: what it tells, what it does not, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wyoming_qwen3tts.engine.qwen3.hardware.nvml import Reading, read_cards

NOT_SUPPORTED = 3  # NVML_ERROR_NOT_SUPPORTED


class Library:
    """Two cards: one that tells all, and one that tells its name. ``open`` counts."""

    def __init__(self, *, init: int = 0, lost: int | None = None, lacks: str = "") -> None:
        self._init, self._lost = init, lost
        self.open = 0
        self._lacks = lacks

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("nvml") and name == self._lacks:
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    def nvmlInit_v2(self) -> int:  # noqa: N802
        self.open += not self._init
        return self._init

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.open -= 1
        return 0

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:  # noqa: N802
        count._obj.value = 2
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: int, handle: Any) -> int:  # noqa: N802
        handle._obj.value = 100 + index
        return 15 if index == self._lost else 0

    def nvmlDeviceGetUUID(self, handle: Any, text: Any, _: int) -> int:  # noqa: N802
        text.value = f"GPU-uuid-{handle.value - 100}".encode()
        return 0

    def nvmlDeviceGetName(self, handle: Any, text: Any, _: int) -> int:  # noqa: N802
        text.value = b"NVIDIA GeForce RTX 4090" if handle.value == 100 else b"Orin"
        return 0

    def nvmlDeviceGetMemoryInfo(self, handle: Any, memory: Any) -> int:  # noqa: N802
        memory._obj.total, memory._obj.free = 24 << 30, 20 << 30
        return self._only_the_first(handle)

    def nvmlDeviceGetUtilizationRates(self, handle: Any, rates: Any) -> int:  # noqa: N802
        rates._obj.gpu = 37
        return self._only_the_first(handle)

    def nvmlDeviceGetTemperature(self, handle: Any, sensor: int, value: Any) -> int:  # noqa: N802
        assert sensor == 0
        value._obj.value = 54
        return self._only_the_first(handle)

    def nvmlDeviceGetMemoryBusWidth(self, handle: Any, value: Any) -> int:  # noqa: N802
        value._obj.value = 384
        return self._only_the_first(handle)

    def nvmlDeviceGetMaxClockInfo(self, handle: Any, clock: int, value: Any) -> int:  # noqa: N802
        assert clock == 2
        value._obj.value = 10_501
        return self._only_the_first(handle)

    def _only_the_first(self, handle: Any) -> int:
        return 0 if handle.value == 100 else NOT_SUPPORTED


FIRST = Reading("uuid-0", "NVIDIA GeForce RTX 4090", 24_576, 20_480, 54, 37, 1_008)
SECOND = Reading("uuid-1", "Orin")


def test_it_tells_what_the_driver_tells_and_closes_what_it_opened() -> None:
    library = Library()

    assert read_cards(lambda _: library) == (FIRST, SECOND)
    assert library.open == 0
    assert (str(FIRST), str(SECOND)) == ("54 degrees, 37 % busy, memory of 1008 GB/s", "")


def test_a_lost_card_hides_no_other() -> None:
    assert read_cards(lambda _: Library(lost=0)) == (SECOND,)


def missing(_: str) -> Any:
    raise OSError("cannot open shared object file")


@pytest.mark.parametrize(
    "load",
    [missing, lambda _: Library(init=9), lambda _: Library(lacks="nvmlDeviceGetMemoryBusWidth"), lambda _: object()],
    ids=["no library", "it refuses", "an old one", "another one"],
)
def test_where_it_cannot_be_asked_nothing_is_told(load: Callable[[str], Any]) -> None:
    assert read_cards(load) == ()
