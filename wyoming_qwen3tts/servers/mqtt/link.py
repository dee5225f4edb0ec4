"""What the MQTT server and those who publish through it share before there is a connection."""

from __future__ import annotations

from dataclasses import dataclass

from ...settings import Settings
from .hermes import HermesSpeaker
from .outbox import Outbox, Outgoing


@dataclass(frozen=True, slots=True)
class Link:
    """What will go out over the connection, and the way to Rhasspy's satellites, if they are served."""

    outbox: Outbox
    hermes: HermesSpeaker | None

    @classmethod
    def of(cls, settings: Settings) -> Link:
        outbox = Outbox()

        def publish(topic: str, payload: str | bytes) -> None:
            outbox.put(Outgoing(topic, payload))

        return cls(outbox, HermesSpeaker(publish) if settings.mqtt.hermes else None)
