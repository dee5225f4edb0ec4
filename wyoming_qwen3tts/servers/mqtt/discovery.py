"""How Home Assistant finds us over MQTT: one device with five entities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ... import __version__
from .topics import Topics

STATES = ("idle", "loading", "speaking", "error")
EVENTS = ("started", "done", "failed")
AUTO = "auto"  # the voice selector's way to say: by the language of the text
_PROJECT = "https://github.com/wyoming-qwen3tts/wyoming-qwen3tts"


def device(topics: Topics, voices: Iterable[str], page_url: str | None = None) -> dict[str, Any]:
    """The discovery message: ``notify`` says what it is given, ``sensor`` tells our state, ``select`` chooses the
    voice, ``button`` stops, ``event`` tells what became of announcements."""
    about: dict[str, Any] = {
        "identifiers": [topics.device_id],
        "name": "Qwen3-TTS",
        "manufacturer": "wyoming-qwen3tts",
        "model": "Voice server",
        "sw_version": __version__,
    }
    if page_url:
        about["configuration_url"] = page_url
    components = _components(topics, voices)
    for name, component in components.items():
        component["unique_id"] = f"{topics.device_id}_{name}"
    return {
        "device": about,
        "origin": {"name": "wyoming-qwen3tts", "sw_version": __version__, "support_url": _PROJECT},
        "availability_topic": topics.status,
        "components": components,
        "qos": 1,
    }


def _components(topics: Topics, voices: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {
        "say": {"platform": "notify", "name": "Say", "command_topic": topics.say, "icon": "mdi:bullhorn"},
        "state": {
            "platform": "sensor",
            "name": "State",
            "state_topic": topics.state,
            "device_class": "enum",
            "options": list(STATES),
            "icon": "mdi:account-voice",
        },
        "voice": {
            "platform": "select",
            "name": "Voice",
            "state_topic": topics.voice,
            "command_topic": topics.voice_set,
            "options": [AUTO, *voices],
            "entity_category": "config",
            "icon": "mdi:account-tie-voice",
        },
        "stop": {"platform": "button", "name": "Stop", "command_topic": topics.stop, "icon": "mdi:stop"},
        "announcement": {
            "platform": "event",
            "name": "Announcement",
            "state_topic": topics.event,
            "event_types": list(EVENTS),
            "icon": "mdi:message-text",
        },
    }
