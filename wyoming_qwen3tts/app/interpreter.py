"""Python's own ways of keeping the event loop waiting, made short: threads that compute, and the search for garbage."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH_S = 0.0005


def answer_soon() -> None:
    """Have a thread that computes in Python give way after half a millisecond instead of five: the event loop asks for
    the interpreter anew in every lap, and one request takes ten of them."""
    sys.setswitchinterval(_SWITCH_S)


@contextmanager
def keeping_loaded() -> Iterator[None]:
    """Inside, never look for garbage among what is loaded now. Those hundreds of thousands of objects take a tenth of a
    second of every full search, during which all threads stand still."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
