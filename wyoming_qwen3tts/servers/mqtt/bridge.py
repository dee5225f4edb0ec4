"""What messages mean: announcements in, results, events and states out."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Iterable

from ...announcements.announcement import Announcement, Result, Started, error_json
from ...announcements.announcer import Announcer
from ...announcements.clips import Clip
from ...announcements.payload import Unreadable, parse_say, parse_stop
from ...errors import Busy, DeliveryFailed, SpeechError
from ...monitoring.logs import StrangerLog, quoted
from ...service.service import SpeechService
from ...settings import Settings
from ...speech.engine import Phase
from ...util.lru import LruCache
from . import discovery
from .client import Incoming
from .connection import BrokerConnection
from .hermes import Hermes
from .outbox import Outgoing
from .topics import Topics

log = logging.getLogger(__name__)

_IDS = 4096  # how many answered ids are remembered
_RETOLD_S = 5.0  # whoever asks more often for what was answered is answered no more often
_LOOK_S = 0.25  # how often our state is looked at
_BIRTH_DELAY_S = 2.0  # at most, at random: everybody answers Home Assistant's birth at once
_AUDIO_BYTES = 8 << 20  # of one WAV on a topic, almost three minutes; brokers are not made for files


class Bridge:
    """Between the broker and the announcer. Event loop only. Hand it its ``connection`` before it runs."""

    connection: BrokerConnection
    hermes: Hermes | None = None

    def __init__(
        self,
        service: SpeechService,
        announcer: Announcer,
        settings: Settings,
        *,
        page_url: str | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._service, self._announcer = service, announcer
        self._mqtt, self._page_url, self._chance = settings.mqtt, page_url, chance
        self._payload_bytes = settings.limits.mqtt_payload_bytes
        self.topics = Topics(settings.mqtt.base_topic, settings.mqtt.discovery_prefix)
        self._told = LruCache[tuple[int, float]](_IDS)  # by id: over which connection, and when
        self._strangers = StrangerLog(log)
        self._sounds: dict[str, Clip] = {}  # of announcements whose sound goes to a topic
        self._state = ""
        self._voices: tuple[str, ...] = ()
        self._born = asyncio.Event()  # Home Assistant has started

    @property
    def subscriptions(self) -> list[str]:
        """The most important one first: without it we are of no use."""
        topics = [self.topics.say, self.topics.stop, self.topics.voice_set]
        if self.topics.discovery_prefix:
            topics.append(self.topics.birth)
        if self.hermes is not None:
            topics += self.hermes.subscriptions
        return topics

    @property
    def will(self) -> Outgoing:
        return Outgoing(self.topics.status, "offline", retain=True)

    # -- in

    def receive(self, message: Incoming) -> None:
        """What the broker brought. Retained commands are old, and would be obeyed after every reconnection."""
        if message.retained:
            log.debug("mqtt: ignored a retained message on %s", quoted(message.topic))
        elif message.topic == self.topics.say and not message.payload:
            log.debug("mqtt: ignored an empty message on %s: it clears a retained one", quoted(message.topic))
        elif message.topic == self.topics.say:
            self._say(parse_say(message.payload, self._payload_bytes, audio=self._mqtt.audio))
        elif message.topic == self.topics.stop:
            self._stop(message.payload)
        elif message.topic == self.topics.voice_set:
            self._set_voice(message.payload)
        elif message.topic == self.topics.birth:
            if message.payload == b"online":
                self._born.set()
        elif self.hermes is not None:
            self.hermes.receive(message)

    def _say(self, wanted: Announcement | Unreadable) -> None:
        if isinstance(wanted, Unreadable):
            code = wanted.error.code
            self._strangers.tell("the broker", f"mqtt: {code}", "mqtt: %s: %s", code, wanted.error)
            self._publish_result(Result(wanted.id, None, wanted.error))
            told = {"event_type": "failed", "id": wanted.id, "target": [], "error": error_json(wanted.error)}
            self.connection.publish(self.topics.event, _json(told))
            return
        self._announcer.submit(wanted, self)

    def _stop(self, payload: bytes) -> None:
        which = parse_stop(payload, self._payload_bytes)
        if which is None:
            said = "mqtt: stopped nothing: a payload of %d bytes names neither an id nor a target"
            self._strangers.tell("the broker", "mqtt: stop", said, len(payload), level=logging.WARNING)
            return
        log.info("mqtt: stopped %d announcements", self._announcer.stop(which))

    def _set_voice(self, payload: bytes) -> None:
        name = payload[:256].decode(errors="replace").strip()
        name = "" if name.lower() == discovery.AUTO else name
        try:
            self._announcer.choose_voice(name)
        except SpeechError as error:
            said = "mqtt: the voice was not changed: %s"
            self._strangers.tell("the broker", "mqtt: voice", said, error, level=logging.WARNING)
        self._publish_voice()  # also where it was wrong, so that a selector shows what is in use

    # -- out: what became of announcements (`announcements.Listener`)

    def started(self, announcement: Announcement, how: Started, clip: Clip | None) -> None:
        if announcement.take_sound and clip is not None:
            self._sounds[announcement.id] = clip
        self._answer(Result(announcement.id, how, how.error))
        instead_of = {"instead_of": how.instead_of} if how.instead_of else {}
        self._event("started", announcement, voice=how.voice, url=how.url, **instead_of)

    def refused(self, announcement: Announcement, error: SpeechError) -> None:
        self._answer(Result(announcement.id, None, error))
        if not isinstance(error, Busy):  # a flood is answered, and not told about as well
            self._event("failed", announcement, error=error_json(error))

    def repeated(self, announcement: Announcement, result: asyncio.Future[Result]) -> None:
        """Its answer may have died with a broker, gone out over HTTP, or come when whoever asked was not subscribed
        yet after a break of their own: whoever asks again is told again, over one connection once in `_RETOLD_S`."""
        log.debug("mqtt: the announcement %s came again", quoted(announcement.id))

        def tell(answered: asyncio.Future[Result]) -> None:
            connection, at = self._told.get(announcement.id) or (-1, 0.0)
            if connection != self.connection.count or time.monotonic() - at > _RETOLD_S:
                self._answer(answered.result())

        if result.done():
            tell(result)
        else:
            result.add_done_callback(tell)

    def done(self, announcement: Announcement, duration_s: float | None) -> None:
        clip = self._sounds.pop(announcement.id, None)
        if clip is not None and len(clip.data) > _AUDIO_BYTES:
            too_large = DeliveryFailed(
                f"The sound has more than {_AUDIO_BYTES >> 20} MiB; fetch it by its URL instead."
            )
            self._event("failed", announcement, error=error_json(too_large))
            return
        if clip is not None:
            self.connection.publish(self.topics.audio(announcement.id), bytes(clip.data))
        self._event("done", announcement, duration=None if duration_s is None else round(duration_s, 3))

    def failed(self, announcement: Announcement, error: SpeechError) -> None:
        self._sounds.pop(announcement.id, None)
        self._event("failed", announcement, error=error_json(error))

    def _answer(self, result: Result) -> None:
        self._told.put(result.id, (self.connection.count, time.monotonic()))
        self._publish_result(result)

    def _publish_result(self, result: Result) -> None:
        self.connection.publish(self.topics.result, _json(result.as_json()))

    def _event(self, kind: str, announcement: Announcement, **facts: object) -> None:
        told = {"event_type": kind, "id": announcement.id, "target": list(announcement.targets), **facts}
        self.connection.publish(self.topics.event, _json(told))

    # -- out: how we are

    def hello(self) -> Iterable[Outgoing]:
        """What a new connection begins with; all of it retained."""
        yield from self._discovery()
        yield Outgoing(self.topics.status, "online", retain=True)
        yield Outgoing(self.topics.state, self._state_now(), retain=True)
        yield Outgoing(self.topics.voice, self._announcer.voice or discovery.AUTO, retain=True)

    async def watch(self) -> None:
        """Publish states and voices when they change, and everything when Home Assistant was started anew."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._born.wait()
            except TimeoutError:
                self._publish_changes()
                continue
            self._born.clear()
            log.info("mqtt: Home Assistant has started; telling it about us")
            await asyncio.sleep(_BIRTH_DELAY_S * self._chance())
            for message in self.hello():
                self.connection.publish(message.topic, message.payload, retain=True)

    def _publish_changes(self) -> None:
        state, voices = self._state_now(), self._voice_names()
        if state != self._state:
            self._state = state
            self.connection.publish(self.topics.state, state, retain=True)
        if voices != self._voices:
            for message in self._discovery():
                self.connection.publish(message.topic, message.payload, retain=True)

    def _discovery(self) -> Iterable[Outgoing]:
        self._voices = self._voice_names()
        if self.topics.discovery_prefix:
            message = discovery.device(self.topics, self._voices, self._page_url)
            yield Outgoing(self.topics.discovery, _json(message), retain=True)

    def _voice_names(self) -> tuple[str, ...]:
        return tuple(str(voice.name) for voice in self._service.catalog.all())

    def _publish_voice(self) -> None:
        self.connection.publish(self.topics.voice, self._announcer.voice or discovery.AUTO, retain=True)

    def _state_now(self) -> str:
        status = self._service.engine.status
        if self._service.active:
            return "speaking"
        if status.can_speak:
            return "idle"
        return "error" if status.phase is Phase.FAILED else "loading"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
