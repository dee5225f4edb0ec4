"""``/v1/engine``: which model speaks, and the doors to load, unload and change it."""

from __future__ import annotations

import re
from typing import Any, Protocol

from fastapi import APIRouter

from ..service import SpeechService


class EngineControl(Protocol):
    """Loads, unloads and changes the model. Each returns at once; ``state`` of the engine tells how far it is."""

    @property
    def models(self) -> tuple[str, ...]:
        """Those that may be asked for: the configured ones."""
        ...

    @property
    def model(self) -> str | None:
        """The one that is chosen; None: all of them."""
        ...

    def load(self) -> None: ...

    def unload(self) -> None: ...

    def switch(self, model: str) -> None:
        """Speak with ``model`` from now on.

        Raises:
            BadRequest: if it is not one of ``models``.
        """
        ...

    def keep(self, seconds: float | None) -> None:
        """Unload after so many idle seconds; None: never."""
        ...


def routes(service: SpeechService, control: EngineControl | None) -> APIRouter:
    router = APIRouter(tags=["engine"])

    @router.get("/v1/engine", summary="Which engine speaks, and how it is")
    async def engine() -> dict[str, Any]:
        return engine_json(service, control)

    return router


def engine_json(service: SpeechService, control: EngineControl | None) -> dict[str, Any]:
    """``progress``: 0 to 1 while something is loaded or downloaded, as far as that is known."""
    state = service.engine.state
    return {
        "kind": service.engine.name,
        "state": state,
        "progress": _progress(state),
        "model": control.model if control else None,
        "models": list(control.models) if control else [],
        "can_unload": control is not None,
    }


def _progress(state: str) -> float | None:
    found = re.search(r"(\d+(?:\.\d+)?) ?%", state)
    return min(1.0, float(found[1]) / 100) if found else None
