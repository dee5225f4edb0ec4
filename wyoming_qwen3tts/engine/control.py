"""What people may do with the model by hand: load it, unload it, keep it, and change it."""

from __future__ import annotations

from ..errors import BadRequest
from .failover import FailoverEngine
from .idle import IdleEngine


class ModelControl:
    """Loads, unloads and changes the model inside ``engine``, whose fallback speaks meanwhile. Event loop only.

    Everything returns at once; the engine's ``status`` tells how far it is.
    """

    def __init__(self, engine: FailoverEngine, idle: IdleEngine) -> None:
        self._engine, self._idle = engine, idle

    @property
    def models(self) -> tuple[str, ...]:
        """Those that `switch` may name."""
        return self._idle.models()

    @property
    def model(self) -> str | None:
        """The one that was chosen; None: all that are configured, or what suits the card."""
        return self._idle.chosen_model

    def load(self) -> None:
        """Load it, unless that is done or being done."""
        self._engine.start_primary()
        self._idle.wake()

    def unload(self) -> None:
        """Give its memory back as soon as nobody is spoken to by it. The next request loads it again."""
        self._idle.unload_when_idle()

    def keep(self, seconds: float | None) -> None:
        """Unload it after so many idle seconds from now on; None: never."""
        self._idle.keep(seconds)

    def switch(self, model: str | None) -> None:
        """Speak with ``model`` only, as soon as nobody is spoken to by the one before; None: with all of them.

        Raises:
            BadRequest: if it is not one that may be downloaded and loaded here.
        """
        if not self.models:
            raise BadRequest(f"The {self._idle.name} engine has no models to choose from.", field="model")
        if model is not None and model not in self.models:
            raise BadRequest(f"{model[:200]!r} is not configured. There are: {', '.join(self.models)}.", field="model")
        self._idle.reload(lambda: self._idle.use(model))
