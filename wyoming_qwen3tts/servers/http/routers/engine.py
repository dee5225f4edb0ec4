"""``/v1/engine``: which model speaks, and the doors to load, unload and change it."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated, Any, Protocol

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ....service.service import SpeechService
from ....speech.engine import EngineStatus
from ..errors import HttpError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PARTS = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smh]))+", re.ASCII)
_LONGEST_S = 31_536_000.0


class EngineControl(Protocol):
    """Loads, unloads and changes the model. Each returns at once; ``status`` of the engine tells how far it is."""

    @property
    def models(self) -> tuple[str, ...]:
        """Those that may be asked for: the configured ones."""
        ...

    @property
    def model(self) -> str | None:
        """The one that was chosen; None: all of them, or what suits the card."""
        ...

    def load(self) -> None: ...

    def unload(self) -> None: ...

    def switch(self, model: str | None) -> None:
        """Speak with ``model`` only from now on; None: with all of them.

        Raises:
            BadRequest: if it is not one of ``models``.
        """
        ...

    def keep(self, seconds: float | None) -> None:
        """Unload after so many idle seconds; None: never."""
        ...


def seconds_of(keep_alive: float | str | None) -> float | str | None:
    """Ollama's ``keep_alive`` checked: seconds, or a duration such as ``5m`` or ``1h30m``.

    Raises:
        ValueError: if it is neither.
    """
    _ = idle_s(keep_alive)
    return keep_alive


def idle_s(keep_alive: float | str | None) -> float | None:
    """After how many idle seconds the model leaves; None, for anything negative: never."""
    if isinstance(keep_alive, str):
        text = keep_alive.strip().lower()
        sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
        if text.replace(".", "", 1).isdecimal() and text.isascii():
            seconds = float(text)
        elif _PARTS.fullmatch(text):
            found = re.findall(r"(\d+(?:\.\d+)?)(ms|[smh])", text)
            seconds = sum(float(number) * _UNITS[unit] for number, unit in found)
        else:
            raise ValueError('must be seconds, a duration such as "5m" or "1h30m", 0 (at once) or -1 (never)')
        keep_alive = sign * seconds
    if keep_alive is None or keep_alive < 0:
        return None
    return min(keep_alive, _LONGEST_S)


KeepAlive = Annotated[
    Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=40)] | None,
    AfterValidator(seconds_of),
]


class LoadBody(BaseModel):
    """How long to keep it, once loaded."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    keep_alive: KeepAlive = None
    """As in Ollama: idle seconds or "5m" until it is unloaded, 0 at once, -1 never. None: as it is set."""


class ModelBody(LoadBody):
    """Which model to speak with."""

    model: Annotated[str, Field(min_length=1, max_length=400)] | None
    """One of `models`; null for all of them."""


def routes(service: SpeechService, control: EngineControl | None) -> APIRouter:
    router = APIRouter(tags=["engine"])

    def door() -> EngineControl:
        if control is None:
            raise HttpError(409, "The built-in voice is always there: this server has no model to load or unload.")
        return control

    @router.get("/v1/engine", summary="Which engine speaks, and how it is")
    async def engine() -> dict[str, Any]:
        return engine_json(service, control)

    @router.post("/v1/engine/load", status_code=202, summary="Load the model; follow it by GET, or in /v1/live")
    async def load(body: LoadBody | None = None) -> dict[str, Any]:
        door().load()
        keep(control, body.keep_alive if body else None)
        return engine_json(service, control)

    @router.post("/v1/engine/unload", status_code=202, summary="Give its memory back once nobody is spoken to")
    async def unload() -> dict[str, Any]:
        door().unload()
        return engine_json(service, control)

    @router.put("/v1/engine/model", status_code=202, summary="Speak with another of the configured models")
    async def switch(body: ModelBody) -> dict[str, Any]:
        door().switch(body.model)
        keep(control, body.keep_alive)
        return engine_json(service, control)

    return router


def keep(control: EngineControl | None, keep_alive: float | str | None) -> None:
    """Do as ``keep_alive`` says, if it says something and there is a model."""
    if control is not None and keep_alive is not None:
        control.keep(idle_s(keep_alive))


def engine_json(service: SpeechService, control: EngineControl | None) -> dict[str, Any]:
    """What ``GET /v1/engine`` answers, and ``/v1/live`` has under ``engine``. ``servers``: each as a
    `ServerCount`, none where the engine speaks by itself."""
    return {
        "kind": service.engine.name,
        **status_json(service.engine.status),
        "model": control.model if control else None,
        "models": list(control.models) if control else [],
        "can_unload": control is not None,
        "servers": [asdict(server) for server in service.engine.servers()],
    }


def status_json(status: EngineStatus) -> dict[str, Any]:
    """``state`` is a sentence for people, the other keys are for programs. ``progress``: 0 to 1 in hundredths, while
    something is loaded or downloaded, as far as that is known. ``runs_on``: where and how a model computes, once it
    does."""
    return {
        "state": str(status),
        "phase": status.phase.value,
        "reason": status.reason or None,
        "progress": None if status.progress is None else round(status.progress, 2),
        "fallback": status.fallback,
        "runs_on": status.runs_on or None,
    }
