"""The JSON of an announcement, over MQTT and HTTP. Every byte read here comes from a stranger."""

from __future__ import annotations

import difflib
import json
import re
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictStr, ValidationError

from ..errors import BadRequest, SpeechError, TextTooLong
from ..speech.voice import LONGEST_SENTENCE_PAUSE_S
from ..util.surrogates import join_halves
from .announcement import Announcement

_PRIORITIES = {"low": -5, "normal": 0, "high": 5, "critical": 10}
_ID_PATTERN = re.compile(r'"id"\s*:\s*"([^"\\\x00-\x1f]{1,128})"')
_JSON = re.compile(r"\s*(?:\{|\[\s*[{\"])")
_MARKS = re.compile(r"[\s\ufeff]*")
_ENDS_BYTES = 4096


def _priority(value: object) -> object:
    return _PRIORITIES.get(value.strip().lower(), value) if isinstance(value, str) else value


def _targets(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _number(value: object) -> object:
    """Numbers only: neither ``true`` nor ``"0.5"``, which pydantic would take."""
    if type(value) not in (int, float) and value is not None:
        raise ValueError("must be a number")
    return value


Text = Annotated[StrictStr, Field(max_length=200)]


class SayPayload(BaseModel):
    """What ``<base>/say`` and ``POST /v1/announce`` take."""

    model_config = ConfigDict(extra="forbid")

    text: StrictStr
    voice: Text | None = None
    language: Text | None = None
    instruct: Annotated[StrictStr, Field(max_length=4_096)] | None = None
    target: Annotated[list[Text], BeforeValidator(_targets), Field(max_length=32)] | None = None
    volume: Annotated[float, BeforeValidator(_number), Field(ge=0, le=1)] | None = None
    announce: StrictBool | None = None
    id: Annotated[StrictStr, Field(min_length=1, max_length=128)] | None = None
    priority: Annotated[int, BeforeValidator(_priority), Field(ge=-10, le=10)] | None = None
    format: Literal["wav", "mp3", "flac"] | None = None
    chime: StrictBool | None = None
    speed: Annotated[float, BeforeValidator(_number), Field(ge=0.5, le=2)] | None = None
    sentence_pause_s: Annotated[float, BeforeValidator(_number), Field(ge=0, le=LONGEST_SENTENCE_PAUSE_S)] | None = None
    seed: Annotated[int, BeforeValidator(_number), Field(ge=0, lt=1 << 63)] | None = None
    ssml: StrictBool | None = None
    expires: Annotated[float, BeforeValidator(_number), Field(gt=0, le=86_400)] | None = None
    audio: StrictBool | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A payload that is no announcement. ``id`` is the publisher's, where it could be found."""

    id: str
    error: SpeechError


def new_id() -> str:
    """An id for those who gave none."""
    return secrets.token_hex(8)


def parse_say(payload: bytes, limit_bytes: int, *, audio: bool = False) -> Announcement | Unreadable:
    """Plain text, or an object of JSON. ``audio``: whether the sound is published for those who do not say.

    What begins like JSON is JSON or refused, never read aloud; ``[sigh] fine`` is text.
    """
    if len(payload) > limit_bytes:
        why = f"The payload has more than {limit_bytes:,} bytes. Send it in parts, or raise limits.mqtt_payload_bytes."
        return Unreadable(_id_in(payload) or new_id(), TextTooLong(why))
    try:
        text = _text(payload)
    except UnicodeDecodeError:
        return Unreadable(_id_in(payload) or new_id(), BadRequest("The payload is not UTF-8 text."))
    if not _JSON.match(text):
        return Announcement(new_id(), text, take_sound=audio)
    return _parse_json(payload, text, audio=audio)


def parse_stop(payload: bytes, limit_bytes: int) -> str | None:
    """Whom to stop: an id or a target, empty for all; None for what cannot be read, which is to stop nobody.

    All is nothing, ``all`` or what Home Assistant's button says. Else it is a name, or an object with one.
    """
    try:
        text = _text(payload).strip() if len(payload) <= limit_bytes else None
        if text is None or not text.startswith("{"):
            return "" if text in ("PRESS", "all") else text
        data = json.loads(text)
    except (ValueError, RecursionError):  # not UTF-8, or not JSON
        return None
    which = data.get("id") if "id" in data else data.get("target")
    if type(which) is int:  # as an announcement's own id may be
        which = str(which)
    return which if isinstance(which, str) and which else None


def _text(payload: bytes) -> str:
    """Without the byte order marks that PowerShell and editors put before it, and the zeros that C programs put behind.

    Raises:
        UnicodeDecodeError: if it is not UTF-8.
    """
    text = payload.rstrip(b"\0").decode()
    start = _MARKS.match(text)
    return text[start.end() :] if start and "\ufeff" in start[0] else text


def parse_announce(body: bytes) -> Announcement | Unreadable:
    """An object of JSON, from the web."""
    try:
        return _parse_json(body, _text(body), server="http")
    except UnicodeDecodeError:
        return Unreadable(_id_in(body) or new_id(), BadRequest("The body is not UTF-8 text."))


def _parse_json(payload: bytes, text: str, *, audio: bool = False, server: str = "mqtt") -> Announcement | Unreadable:
    try:
        data = json.loads(text)
        if isinstance(data, dict) and isinstance(data.get("text"), str):
            data["text"] = join_halves(data["text"])[0]
        json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair can be spelt, but not be put out again
    except (ValueError, RecursionError) as error:
        why = f"{error.msg}, character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else "cannot be read"
        begins = "The payload begins like JSON, but is none" if server == "mqtt" else "The body is not JSON"
        return Unreadable(_id_in(payload) or new_id(), BadRequest(f"{begins}: {why}."))
    if isinstance(data, list) and server == "mqtt":
        return Unreadable(_id_in(payload) or new_id(), BadRequest("The payload is a list. Send one object a message."))
    if not isinstance(data, dict):
        return Unreadable(new_id(), BadRequest('The body must be a JSON object such as {"text": "Dinner is ready."}.'))
    return _announcement(data, audio=audio, server=server)


def _announcement(data: dict[str, Any], *, audio: bool, server: str) -> Announcement | Unreadable:
    given = data.get("id")
    if type(given) is int:  # a time stamp of Node-RED's
        data["id"] = given = str(given)
    try:
        said = SayPayload.model_validate(data)
    except ValidationError as error:
        known = given if isinstance(given, str) and 1 <= len(given) <= 128 else None
        return Unreadable(known or new_id(), BadRequest(_explained(error)))
    return Announcement(
        id=said.id or new_id(),
        text=said.text,
        voice=said.voice or None,
        language=said.language or None,
        instruct=said.instruct or None,
        seed=said.seed,
        speed=said.speed,
        sentence_pause_s=said.sentence_pause_s,
        ssml=bool(said.ssml),
        targets=tuple(said.target or ()),
        volume=said.volume,
        announce=said.announce is not False,
        priority=said.priority or 0,
        format=said.format,
        chime=said.chime,
        expires_s=said.expires,
        take_sound=audio if said.audio is None else said.audio,
        server=server,
    )


def _explained(error: ValidationError) -> str:
    """The first thing that is wrong, in words for whoever wrote the payload."""
    first = error.errors(include_url=False, include_context=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, SayPayload.model_fields, n=1)
        hint = f'Did you mean "{near[0]}"?' if near else f"Known are {', '.join(SayPayload.model_fields)}."
        return f"There is no field {name[:40]!r}. {hint}"
    if first["type"] == "missing":
        return f'The field "{name}" is missing.'
    message = first["msg"].removeprefix("Value error, ")
    return f'"{name}": {message[0].lower()}{message[1:]}.'


def _id_in(payload: bytes) -> str | None:
    """The id in a payload that cannot be read, if it is where people put it."""
    ends = payload[:_ENDS_BYTES] + b"\n" + payload[-_ENDS_BYTES:]
    found = _ID_PATTERN.search(ends.decode(errors="replace"))
    return found[1] if found else None
