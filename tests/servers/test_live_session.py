"""What a Wyoming session and a WebSocket share: the order of texts, their number, and the end."""

from __future__ import annotations

import pytest

from wyoming_qwen3tts.errors import Busy
from wyoming_qwen3tts.servers.live_session import LiveSession
from wyoming_qwen3tts.speech.text_stream import TextStream


class Order:
    """One of several that are alike."""


def text() -> TextStream:
    return TextStream(limit_chars=100, idle_s=1)


async def test_orders_come_in_their_turn_and_end_after_the_last_that_was_taken() -> None:
    live: LiveSession[str] = LiveSession(3, "requests")
    live.take("first")
    live.take("second")
    live.finish()
    live.finish()

    assert [order async for order in live.orders()] == ["first", "second"]


async def test_an_order_counts_until_it_is_done_and_one_too_many_is_busy() -> None:
    live: LiveSession[Order] = LiveSession(1, "requests of this connection")
    first, second = Order(), Order()
    live.take(first)
    with pytest.raises(Busy, match=r"^1 requests of this connection wait already\.$"):
        live.take(second)
    assert live.is_speaking

    live.done(first)
    assert not live.is_speaking
    live.take(second)


async def test_what_was_dropped_is_not_counted_twice_when_it_ends_later() -> None:
    """A cancelled utterance ends after the next one has begun."""
    live: LiveSession[Order] = LiveSession(1, "utterances")
    cancelled, following = Order(), Order()
    live.take(cancelled)
    live.drop_waiting()
    live.take(following)
    live.done(cancelled)

    with pytest.raises(Busy):
        live.check_room()


async def test_the_open_text_is_closed_by_its_end_and_by_the_end_of_all() -> None:
    live: LiveSession[str] = LiveSession(3, "requests")
    ended, cut_off = text(), text()
    live.open = ended
    live.end_text()
    assert ended.closed
    assert live.open is None

    live.open = cut_off
    live.finish()
    assert cut_off.closed
    assert live.is_finishing


async def test_dropping_what_waits_does_not_drop_the_end() -> None:
    live: LiveSession[str] = LiveSession(3, "requests")
    live.take("dropped")
    live.finish()
    live.drop_waiting()

    assert [order async for order in live.orders()] == []
