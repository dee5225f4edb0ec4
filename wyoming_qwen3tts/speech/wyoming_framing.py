"""Bytes to events and back. Knows the frame, not the meaning; every byte read here comes from a stranger.

A frame is one line of JSON (``type``, ``data``, ``data_length``, ``payload_length``), then ``data_length`` bytes of
JSON that are merged into ``data``, then ``payload_length`` bytes. https://github.com/OHF-Voice/wyoming
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from wyoming.event import Event

from ..errors import ProtocolError


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What one event may cost. The header's limit is the ``limit`` of the stream reader."""

    data_bytes: int
    payload_bytes: int
    event_s: float


async def read_event(first: bytes, reader: asyncio.StreamReader, limits: FrameLimits) -> Event:
    """`read_sized_event` without the size."""
    return (await read_sized_event(first, reader, limits))[0]


async def read_sized_event(first: bytes, reader: asyncio.StreamReader, limits: FrameLimits) -> tuple[Event, int]:
    """The event whose first byte is ``first``, and its bytes; the rest has ``event_s`` seconds to follow.

    Raises:
        ProtocolError: for anything that is not a well-formed event within the limits.
        EOFError: if the peer closed in mid-event, which is its right and no news.
    """
    try:
        async with asyncio.timeout(limits.event_s):
            line = first + await reader.readuntil(b"\n") if first != b"\n" else first
            header = _object(line)
            kind = header.get("type")
            if not isinstance(kind, str) or not kind:
                raise ProtocolError('An event needs a "type", as in {"type": "describe"}.')
            data_length = _length(header, "data_length", limits.data_bytes)
            payload_length = _length(header, "payload_length", limits.payload_bytes)
            data = header.get("data")
            if data is not None and not isinstance(data, dict):
                raise ProtocolError("The data of an event must be a JSON object.")
            more = _object(await reader.readexactly(data_length)) if data_length else {}
            payload = await reader.readexactly(payload_length) if payload_length else None
    except TimeoutError:
        raise ProtocolError(f"The rest of the event did not arrive within {limits.event_s:g} s.") from None
    except asyncio.IncompleteReadError:
        raise EOFError from None
    except asyncio.LimitOverrunError:
        raise ProtocolError(
            "The first line of the event is too long. Send long text as data_length bytes of data."
        ) from None
    return Event(kind, {**(data or {}), **more}, payload), len(line) + data_length + payload_length


def _object(raw: bytes) -> dict[str, Any]:
    """A JSON object out of hostile bytes."""
    try:
        value = json.loads(raw)  # may hold halves of characters, which JSON can spell: texts are joined from such
    except (
        ValueError,
        RecursionError,
    ):  # JSONDecodeError and both Unicode errors are ValueErrors, as are 5,000-digit numbers
        raise ProtocolError("That is not a Wyoming event: a line of JSON in UTF-8 was expected.") from None
    if not isinstance(value, dict):
        raise ProtocolError("That is not a Wyoming event: a JSON object was expected.")
    return value


def _length(header: dict[str, Any], field: str, limit: int) -> int:
    length = header.get(field)
    if length is None:
        return 0
    if type(length) is not int or not 0 <= length <= limit:  # `type`, not isinstance: True is an int too
        raise ProtocolError(f"{field} must be a whole number from 0 to {limit}.")
    return length


def encode_event(event: Event) -> bytes:
    """The event as one piece of bytes, so that events of two tasks never mix on a connection."""
    data = json.dumps(event.data, ensure_ascii=False).encode(errors="replace") if event.data else b""
    header: dict[str, Any] = {"type": event.type, "version": "1.10.2"}
    if data:
        header["data_length"] = len(data)
    if event.payload:
        header["payload_length"] = len(event.payload)
    return json.dumps(header).encode() + b"\n" + data + (event.payload or b"")
