"""Piper as an app of the same Home Assistant: it stands in for the model where nothing else was said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..settings import Address
from ..settings.engine import EngineSettings
from ..settings.values import parse_address
from .supervisor import Supervisor

PIPER_APP: Final = Address("core-piper", 10200)  # its name on the Supervisor's network


def stand_in_addresses(engine: EngineSettings, environ: Mapping[str, str]) -> tuple[Address, ...]:
    """The servers that ``engine.stand_in`` means; none where it is the built-in voice."""
    if engine.stand_in == ("auto",):
        return (PIPER_APP,) if Supervisor.from_environ(environ) else ()
    return tuple(parse_address(name) for name in engine.stand_in if name != "builtin")
