"""``doctor``: looks at everything that speech depends on; each line is fine or says what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from ..engine.qwen3.hardware.probe import may_have_card, probe_driver
from ..settings import Settings
from . import (
    card,
    disk,
    graphs,
    homeassistant,
    languages,
    memory,
    models,
    mqtt,
    pace,
    ports,
    remote,
    stand_in,
    threads,
    voice,
)
from .checks import Check, CheckContext

log = logging.getLogger(__name__)

Subject = Callable[[CheckContext], list[Check]]

#: In the order in which they are shown. One file a subject; to add one, write it and name it here.
SUBJECTS: list[Subject] = [
    card.check,
    graphs.check,
    threads.check,
    pace.check,
    remote.check,
    stand_in.check,
    memory.check,
    disk.check,
    models.check,
    voice.check,
    languages.check,
    ports.check,
    mqtt.check,
    homeassistant.check,
]


def examine(place: CheckContext) -> Iterator[Check]:
    """Every check of every subject, as they are made."""
    for subject in SUBJECTS:
        yield from subject(place)


#: What the log of a start says, a line each. What needs torch is said by the engine, which has to load it anyway.
_IN_SHORT: list[tuple[str, list[Subject]]] = [
    ("Card", [card.check, remote.check]),
    ("Room", [memory.check, disk.check]),
    ("Voices", [models.check, voice.check]),
    ("Languages", [languages.check]),
    ("MQTT", [mqtt.check]),
    ("Home Assistant", [homeassistant.check]),
]


def say_at_start(settings: Settings, environ: Mapping[str, str]) -> None:
    """Five lines for the log: what is fine, and what to do about the rest. May wait for neighbours: not for the event
    loop."""
    kind = settings.engine.chosen_kind
    engine_says = kind == "qwen3" or (kind == "auto" and may_have_card())
    place = CheckContext(settings, environ, probe=probe_driver)
    for title, subjects in _IN_SHORT:
        if engine_says and title in ("Card", "Room", "Voices"):
            continue
        checks = [check for subject in subjects for check in subject(place)]
        if not checks:
            continue
        log.info("%s: %s", title, "; ".join(check.detail for check in checks if check.ok) or "see below")
        for check in checks:
            if not check.ok:
                log.warning("%s: %s. %s", check.check, check.detail, check.fix)


__all__ = ["SUBJECTS", "Check", "CheckContext", "Subject", "examine", "say_at_start"]
