"""What people may do with the model by hand: load it, unload it, keep it, and change it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ..errors import BadRequest
from ..speech.engine import Engine
from .failover import FailoverEngine
from .idle import IdleEngine


@runtime_checkable
class Choosing(Protocol):
    """An engine that can be told which of its models to load."""

    @property
    def only(self) -> str | None: ...

    def use(self, model: str | None) -> None: ...


class ModelControl:
    """The doors to a model that has a stand-in: whatever is done here, somebody goes on speaking. Event loop only.

    Everything returns at once; the engine's ``status`` tells how far it is.
    """

    def __init__(self, engine: FailoverEngine, idle: IdleEngine, models: tuple[str, ...]) -> None:
        self._engine, self._idle, self.models = engine, idle, models

    @property
    def model(self) -> str | None:
        """The one that was chosen; None: all that are configured, or what suits the card."""
        return self._idle.engine.only if isinstance(self._idle.engine, Choosing) else None

    def load(self) -> None:
        """Load it, unless that is done or being done."""
        self._engine.start_primary()
        self._idle.wake()

    def unload(self) -> None:
        """Give its memory back as soon as nobody is spoken to by it. The next request loads it again."""
        self._idle.unload()

    def keep(self, seconds: float | None) -> None:
        """Unload it after so many idle seconds from now on; None: never."""
        self._idle.keep(seconds)

    def switch(self, model: str | None) -> None:
        """Speak with ``model`` only, as soon as nobody is spoken to by the one before; None: with all of them.

        Raises:
            BadRequest: if it is not one that may be downloaded and loaded here.
        """
        engine = self._idle.engine
        if not isinstance(engine, Choosing):
            raise BadRequest(f"The {engine.name} engine has no models to choose from.", field="model")
        if model is not None and model not in self.models:
            raise BadRequest(f"{model[:200]!r} is not configured. There are: {', '.join(self.models)}.", field="model")
        self._idle.reload(lambda: engine.use(model))


def control_of(engine: Engine, models: tuple[str, ...]) -> ModelControl | None:
    """The doors to ``engine``; None if there is nothing to load."""
    if isinstance(engine, FailoverEngine) and isinstance(engine.primary, IdleEngine):
        return ModelControl(engine, engine.primary, models)
    return None
