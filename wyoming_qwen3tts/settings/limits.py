"""Limits on everything a stranger sends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .values import Seconds, Section


class Limits(Section):
    """What one stranger on the LAN may cost us. Every limit is finite on purpose."""

    connections: Annotated[int, Field(ge=1, le=4096)] = 64
    """Connections at once. As many again may still ask `describe` and `ping`, but not speak."""
    host_connections: Annotated[int, Field(ge=1, le=4096)] = 16
    """Connections of one host that have not said anything yet."""
    hello_s: Seconds = 5.0
    """How long a connection may be silent before it counts for `host_connections`."""
    header_bytes: Annotated[int, Field(ge=256, le=1 << 20)] = 8 * 1024
    """The first line of a Wyoming event."""
    data_bytes: Annotated[int, Field(ge=1024, le=1 << 24)] = 256 * 1024
    """The JSON data of a Wyoming event."""
    payload_bytes: Annotated[int, Field(ge=0, le=1 << 24)] = 0
    """The payload of an incoming Wyoming event; text-to-speech needs none."""
    event_s: Seconds = 5.0
    """How long one event may take to arrive after its first byte."""
    idle_s: Seconds = 300.0
    """How long a connection may stay open without an event while nothing is spoken."""
    text_chars: Annotated[int, Field(ge=1, le=100_000)] = 8_000
    """The text of one request."""
    text_idle_s: Seconds = 30.0
    """How long a text stream may be quiet before it is ended."""
    write_stall_s: Seconds = 30.0
    """How long a listener may read nothing before it is dropped."""
    listener_behind_s: Seconds = 30.0
    """How far a listener may fall behind half of real time, pauses included, before it is dropped."""
    text_pause_s: Seconds = 2.0
    """How long a text stream may be quiet before it gives its place to others; it gets one again with its next text."""
    reply_audio_s: Annotated[float, Field(ge=1, le=86_400)] = 900.0
    """The sound of one reply; it ends there."""
    queue: Annotated[int, Field(ge=0, le=4096)] = 32
    """How many replies may wait for a slot; one more is told `busy` at once, unless another host has more than it."""
    utterances: Annotated[int, Field(ge=1, le=4096)] = 16
    """How many requests one connection may have waiting behind each other."""
    voices: Annotated[int, Field(ge=1, le=5_000)] = 200
    """How many voices of your own the server takes from its folder."""
    voice_cache_mb: Annotated[int, Field(ge=0, le=100_000)] = 512
    """How much of the disk may be taken by what was computed for voices of your own, in MiB; it lets them start as fast
    as the model's speakers. 0: nothing is kept."""
    mqtt_payload_bytes: Annotated[int, Field(ge=256, le=1 << 24)] = 64 * 1024
    """The payload of an MQTT message."""
    drain_s: Annotated[float, Field(ge=0, le=60)] = 6.0
    """How long speech in progress may go on after SIGTERM. The Home Assistant Supervisor kills after 10 s."""
    http_body_bytes: Annotated[int, Field(ge=1024, le=1 << 24)] = 64 * 1024
    """The body of a web request, other than an uploaded clip."""
    http_header_bytes: Annotated[int, Field(ge=1024, le=1 << 20)] = 16 * 1024
    """The headers of a web request, its address included."""
    http_header_s: Seconds = 10.0
    """How long the headers of a web request may take to arrive."""
    http_body_s: Seconds = 60.0
    """How long its body may take."""
    clip_bytes: Annotated[int, Field(ge=1024, le=1 << 28)] = 10 * 1024 * 1024
    """A clip, or a voice, that is uploaded through the web server."""
