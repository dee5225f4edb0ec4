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


#: What the log of a start warns of. Who speaks is said there anyway; the engine itself says what needs PyTorch, servers
#: elsewhere are told of by who asks them, and so is the broker.
_AT_START: list[Subject] = [memory.check, disk.check, models.check, voice.check, languages.check, homeassistant.check]


def warn_at_start(settings: Settings, environ: Mapping[str, str]) -> None:
    """A line for the log about each thing that is not well, with what to do. May wait for neighbours: not for the event
    loop."""
    kind = settings.engine.chosen_kind
    engine_says = kind == "qwen3" or (kind == "auto" and may_have_card())
    place = CheckContext(settings, environ, probe=probe_driver)
    for subject in _AT_START:
        if engine_says and subject in (memory.check, models.check):
            continue
        for check in subject(place):
            if not check.ok:
                log.warning("%s: %s. %s", check.check, check.detail, check.fix)


__all__ = ["SUBJECTS", "Check", "CheckContext", "Subject", "examine", "warn_at_start"]
