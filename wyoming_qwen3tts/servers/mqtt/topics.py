"""Our topics. Payloads: docs/announcements.md."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...util.names import safe_name


@dataclass(frozen=True, slots=True)
class Topics:
    """Everything below ``base``, and where Home Assistant looks and speaks."""

    base: str
    discovery_prefix: str

    @property
    def say(self) -> str:
        return f"{self.base}/say"

    @property
    def stop(self) -> str:
        return f"{self.base}/stop"

    @property
    def voice_set(self) -> str:
        return f"{self.base}/voice/set"

    @property
    def status(self) -> str:
        """Retained: ``online`` or ``offline``, by our last will too."""
        return f"{self.base}/status"

    @property
    def state(self) -> str:
        """Retained: ``idle``, ``loading``, ``speaking`` or ``error``."""
        return f"{self.base}/state"

    @property
    def voice(self) -> str:
        """Retained: who speaks announcements that name no voice."""
        return f"{self.base}/voice"

    @property
    def result(self) -> str:
        return f"{self.base}/result"

    @property
    def event(self) -> str:
        return f"{self.base}/event"

    def audio(self, announcement_id: str) -> str:
        """The id as far as it is a safe name; else one made of it."""
        return f"{self.base}/audio/{safe_name(announcement_id)}"

    @property
    def device_id(self) -> str:
        """A name for us that Home Assistant takes for one, and that stays."""
        return re.sub(r"[^a-zA-Z0-9_-]", "_", self.base)

    @property
    def discovery(self) -> str:
        return f"{self.discovery_prefix}/device/{self.device_id}/config"

    @property
    def birth(self) -> str:
        """Home Assistant says ``online`` here when it has started."""
        return f"{self.discovery_prefix}/status"
