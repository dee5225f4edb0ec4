"""What strangers' bytes are given to. Each target takes any bytes, and fails only for what is a fault."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wyoming_qwen3tts.announcements.announcement import Announcement
from wyoming_qwen3tts.announcements.payload import Unreadable, parse_announce, parse_say, parse_stop
from wyoming_qwen3tts.audio.reference import decoder
from wyoming_qwen3tts.errors import BadRequest, ProtocolError
from wyoming_qwen3tts.servers.mqtt.client import Incoming
from wyoming_qwen3tts.servers.mqtt.hermes import SAY, Hermes, HermesSpeaker
from wyoming_qwen3tts.servers.mqtt.topics import Topics
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.wyoming_framing import FrameLimits, encode_event, read_event
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.lexicon import Lexicon, parse
from wyoming_qwen3tts.text.tracked_text import TrackedText
from wyoming_qwen3tts.util.names import is_safe_name
from wyoming_qwen3tts.voices import file_format

CORPUS = Path(__file__).parent / "corpus"
_LIMITS = FrameLimits(data_bytes=1024, payload_bytes=64, event_s=1.0)
_LOOP = asyncio.new_event_loop()
_CODES = tuple(LANGUAGES)


def wyoming_reader(data: bytes) -> None:
    """Events, an end or a `ProtocolError`; an event that was read can be written, and read again."""

    async def read() -> None:
        reader = asyncio.StreamReader(limit=256)
        reader.feed_data(data)
        reader.feed_eof()
        try:
            while first := await reader.read(1):
                event = await read_event(first, reader, _LIMITS)
                assert len(event.payload or b"") <= _LIMITS.payload_bytes
                encode_event(event)
        except (ProtocolError, EOFError):
            return

    _LOOP.run_until_complete(read())


def text_front_end(data: bytes) -> None:
    """The same is spoken, however the text is cut; the first byte chooses the language, the second the cuts."""
    if len(data) < 2:
        return
    language = _CODES[data[0] % len(_CODES)]
    is_ssml, step = data[1] >= 128, 1 + data[1] % 16
    text = data[2:2000].decode(errors="ignore")
    spoken = []
    for size in (len(text) or 1, step):
        front_end = FrontEnd(language=language, ssml=is_ssml)
        segments = []
        for start in range(0, len(text), size):
            segments += front_end.add(text[start : start + size])
        segments += front_end.close()
        spoken.append([(segment.text, segment.language) for segment in segments])
    assert spoken[0] == spoken[1], "the cuts decide what is spoken"


def clip_reader(data: bytes) -> None:
    """Samples that are numbers, or a refusal. In the server this runs in a child with limits; here without."""
    if len(data) > 100_000:
        return
    try:
        samples = decoder.decode(data)
    except decoder.ClipRefused:
        return
    assert samples.ndim == 1
    assert abs(samples).max(initial=0) <= 4 * decoder.PEAK_MAX


def lexicon(data: bytes) -> None:
    """Any file is entries and complaints, and what it replaces is bounded."""
    entries, _ = parse(data.decode("utf-8-sig", errors="replace"), "all.txt")
    book = Lexicon({"all": entries})
    for text in (" ".join(list(entries)[:20]), "The washing machine is done."):
        tracked = TrackedText(text)
        book.apply(tracked, "en")
        assert 0 <= book.boundary(text, len(text) // 2, "en") <= len(text) // 2


def voice_file(data: bytes) -> None:
    """A voice, or a `BadRequest`."""
    for read in (file_format.card, file_format.decode):
        try:
            read(data, "anna", "the file")
        except BadRequest:
            continue
    try:
        file_format.own_name(data, "the file")
    except BadRequest:
        return


def mqtt_payload(data: bytes) -> None:
    """An announcement or an answer with an id; no topic that a broker would refuse; a stop of somebody or of nobody."""
    topics = Topics("qwen3tts", "homeassistant")
    for wanted in (parse_say(data, 65_536), parse_announce(data)):
        assert isinstance(wanted, Announcement | Unreadable)
        assert 1 <= len(wanted.id) <= 128
        assert is_safe_name(topics.audio(wanted.id).rsplit("/", 1)[1])
        json.dumps(wanted.id, ensure_ascii=False).encode()
    assert isinstance(parse_stop(data, 65_536), str | None)
    published: list[tuple[str, Any]] = []

    def publish(topic: str, payload: str | bytes) -> None:
        published.append((topic, payload))

    asked: list[Announcement] = []
    speaker = HermesSpeaker(publish)
    Hermes(lambda wanted, _: asked.append(wanted), publish, speaker, 65_536).receive(
        Incoming(SAY, data, retained=False, redelivered=False, mid=0)
    )
    assert all(speaker.plays_on(target) for wanted in asked for target in wanted.targets)


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (wyoming_reader, text_front_end, clip_reader, lexicon, voice_file, mqtt_payload)
}
