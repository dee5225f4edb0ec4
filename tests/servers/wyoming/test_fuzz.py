"""Any bytes: an event, an end, or a ProtocolError, and a session that ends in order."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness import serving
from wyoming_qwen3tts.errors import ProtocolError
from wyoming_qwen3tts.speech.wyoming_framing import FrameLimits, read_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "type": JSON | st.just("synthesize"),
        "data": JSON,
        "data_length": JSON | st.integers(0, 20),
        "payload_length": JSON,
    },
)


def parse(raw: bytes) -> object:
    async def read() -> object:
        reader = asyncio.StreamReader(limit=256)
        reader.feed_data(raw)
        reader.feed_eof()
        first = await reader.read(1)
        return await read_event(first, reader, FrameLimits(1024, 0, 1.0)) if first else None

    return asyncio.run(read())


LINES = st.builds(lambda fields, more: json.dumps(fields).encode() + b"\n" + more, FIELDS, st.binary(max_size=64))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=600) | LINES)
def test_any_bytes_are_an_event_an_end_or_a_protocol_error(raw: bytes) -> None:
    try:
        parse(raw)
    except (ProtocolError, EOFError):
        return


EVENTS = st.lists(
    st.sampled_from(
        [
            {"type": "describe"},
            {"type": "ping", "data": {"text": "x"}},
            {"type": "synthesize", "data": {"text": "Hello there."}},
            {"type": "synthesize", "data": {"text": ""}},
            {"type": "synthesize", "data": {"text": 7}},
            {"type": "synthesize-start", "data": {}},
            {"type": "synthesize-start", "data": {"voice": {"name": "builtin-de"}}},
            {"type": "synthesize-chunk", "data": {"text": "A piece, and"}},
            {"type": "synthesize-chunk", "data": {"text": " more of it. "}},
            {"type": "synthesize-stop"},
            {"type": "unheard-of", "data": {"a": [1]}},
        ]
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, st.sampled_from(["half-close", "close", "reset"]))
def test_any_order_of_events_and_any_end_leave_nothing(sent: list[dict[str, Any]], end: str) -> None:
    """P6, P7: what was asked for ends properly, or the connection closes; the harness checks the leftovers."""

    async def visit() -> None:
        async with serving() as server:
            wire = await server.connect()
            for event in sent:
                await wire.send(json.dumps(event).encode() + b"\n")
            if end == "reset":
                wire.reset()
                return
            if end == "close":
                await wire.close()
                return
            if not wire.writer.is_closing():
                wire.writer.write_eof()
            types = [event.type for event in await wire.until("never")]
            assert types.count("audio-start") == types.count("audio-stop") or types[-1] == "error"

    asyncio.run(visit())
