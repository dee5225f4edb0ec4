"""A stream of segments that can be read more than once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Tee(Generic[T]):
    """What comes from ``source``, kept, so that a second reader gets all that a first one has taken. Event loop only.

    The source is asked only when a reader wants more than there is, and never by two at once. A reader who is
    cancelled while it waits loses nothing: the source is asked by a task of ours, as to cancel an asynchronous
    generator in the middle of a step is to end it. What is kept is bounded by the source, for text by
    ``limits.text_chars``.
    """

    def __init__(self, source: AsyncIterator[T]) -> None:
        self._source = source
        self._kept: list[T] = []
        self._ended = False
        self._error: Exception | None = None  # how the source ended; every reader comes to it
        self._asking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    async def first(self) -> T | None:
        """The first item, as soon as it is there; None if there is none."""
        return self._kept[0] if await self._has(0) else None

    def reader(self) -> AsyncIterator[T]:
        """All of it from the beginning, whatever others have read. May be left at any point; needs no closing."""
        return _Reader(self)

    async def item(self, index: int) -> T:
        """The item at ``index``, as soon as it is there.

        Raises:
            StopAsyncIteration: if there are fewer.
        """
        if not await self._has(index):
            raise StopAsyncIteration
        return self._kept[index]

    async def _has(self, index: int) -> bool:
        while len(self._kept) <= index:
            if self._error is not None:
                raise self._error
            if self._ended:
                return False
            if self._asking is None:
                self._asking = asyncio.get_running_loop().create_task(self._ask())
            await asyncio.wait({self._asking})
        return True

    async def _ask(self) -> None:
        try:
            self._kept.append(await anext(self._source))
        except StopAsyncIteration:
            self._ended = True
        except Exception as error:  # noqa: BLE001  it belongs to the readers, who raise it
            self._error = error
        finally:
            self._asking = None


class _Reader(Generic[T]):
    """An iterator, not a generator: one that is given up half-way would have to be closed by somebody."""

    def __init__(self, tee: Tee[T]) -> None:
        self._tee, self._index = tee, 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = await self._tee.item(self._index)
        self._index += 1
        return item
