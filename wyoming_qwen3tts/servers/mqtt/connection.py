"""Keeps us connected to the broker: back-off with jitter, subscriptions renewed every time, a last will."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ...errors import SpeechError
from ...settings import Mqtt, Settings
from ...util.backoff import Backoff
from .client import BrokerClient, Incoming
from .error_messages import why
from .outbox import Outbox, Outgoing
from .tls import tls_context

log = logging.getLogger(__name__)

_IN_FLIGHT = 64
_FLUSH_S = 1.5
_PROVEN_S = 30.0  # a connection that has lived as long is a good one; the next break begins with short pauses again
_PACKET_HEAD_BYTES = 4096  # of a packet beside its payload: topic, properties
_RECENT = 1024  # a broker sends at most 20 (mosquitto) messages again; more is cheap


@dataclass(frozen=True, slots=True)
class Broker:
    """Where it is, and who we are to it."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class NoBroker(SpeechError):
    """Nobody told us of a broker. No fault of anybody's: one may come."""


class BrokerConnection:
    """Runs until `stop`. Event loop only."""

    def __init__(
        self,
        settings: Settings,
        find: Callable[[], Awaitable[Broker]],
        *,
        will: Outgoing,
        subscriptions: Sequence[str],
        hello: Callable[[], Iterable[Outgoing]],
        receive: Callable[[Incoming], None],
        outbox: Outbox | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings, self._find, self._will, self._subscriptions = settings.mqtt, find, will, subscriptions
        self._hello, self._receive = hello, receive
        self._packet_bytes = settings.limits.mqtt_payload_bytes + _PACKET_HEAD_BYTES
        self._session_s = settings.announce.expires_s  # the broker keeps messages as long as they may wait here
        self._backoff = backoff or Backoff()
        self._tls = tls_context(settings.mqtt) if _has_tls(settings.mqtt) else None
        self._outbox = Outbox() if outbox is None else outbox
        self._recent: deque[tuple[int, str, int]] = deque(maxlen=_RECENT)
        self._identifier = f"qwen3tts-{secrets.token_hex(4)}"
        self._version_5 = settings.mqtt.protocol != "3.1.1"
        self._stopping = asyncio.Event()
        self._said: str | None = None  # the trouble that the log knows
        self._away_since: float | None = None  # None: never connected
        self._client: BrokerClient | None = None
        self._met_too_large = False
        self.count = 0  # connections so far
        self.connected = False

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """As soon as there is a connection, at least once."""
        self._outbox.put(Outgoing(topic, payload, retain))

    @property
    def unsent(self) -> int:
        """Messages that the broker has not confirmed."""
        return len(self._outbox)

    def stop(self) -> None:
        """Send what there is, say that we go, and end `run`."""
        self._stopping.set()

    async def run(self) -> None:
        """Connect, as often as it takes."""
        while not self._stopping.is_set():
            broker = None
            try:
                broker = await self._find()
                await self._connect_and_serve(broker)
            except* (aiomqtt.MqttError, OSError, SpeechError, ValueError) as errors:
                self._trouble(broker, _first(errors))
            if self.connected:
                self.connected, self._away_since = False, time.monotonic()
            await self._pause(self._backoff.next_s())

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _trouble(self, broker: Broker | None, error: BaseException) -> None:
        if self._settings.protocol == "auto" and not self.connected and _may_be_the_version(error):
            self._version_5 = not self._version_5
        reason = why(error, tls=broker is not None and broker.tls)
        level = logging.INFO if isinstance(error, NoBroker) else logging.WARNING
        level = logging.DEBUG if reason == self._said else level
        self._said = reason
        log.log(level, "mqtt: no connection to %s: %s. Trying again", broker or "the broker", reason)

    def drop(self) -> None:
        """Break the connection as a network would; `run` makes a new one."""
        if self._client is not None:
            self._client.cut()

    # -- one connection

    async def _connect_and_serve(self, broker: Broker) -> None:
        client = self._client = self._new_client(broker)
        try:
            await client.__aenter__()
        except BaseException:
            client.abandon()
            raise
        try:
            await self._subscribe(client)
            self.connected, self._said = True, None
            self.count += 1
            version = "5" if self._version_5 else "3.1.1"
            log.info("mqtt: connected to %s, MQTT %s; say something on %s", broker, version, self._subscriptions[0])
            self._outbox.begin(self._hello())
            proven = asyncio.get_running_loop().call_later(_PROVEN_S, self._backoff.reset)
            try:
                await self._serve(client)
            finally:
                proven.cancel()
        finally:
            await self._leave(client)

    async def _leave(self, client: BrokerClient) -> None:
        try:
            await client.__aexit__(None, None, None)
        except aiomqtt.MqttError as error:
            log.debug("mqtt: no orderly end of the connection: %s", error)
            client.abandon()

    def _new_client(self, broker: Broker) -> BrokerClient:
        version: dict[str, object] = {"protocol": aiomqtt.ProtocolVersion.V311, "clean_session": True}
        if self._version_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = int(self._session_s)
            properties.MaximumPacketSize = self._packet_bytes
            away_s = None if self._away_since is None else time.monotonic() - self._away_since
            version = {
                "protocol": aiomqtt.ProtocolVersion.V5,
                "clean_start": away_s is None or away_s > self._session_s,  # old news is not spoken
                "properties": properties,
            }
        tls = (self._tls or tls_context(self._settings)) if broker.tls else None
        return BrokerClient(
            self._take,
            self._publication_refused,
            self._packet_too_large,
            packet_bytes=self._packet_bytes,
            hostname=broker.host,
            port=broker.port,
            username=broker.username or None,
            password=broker.password or None,
            identifier=self._identifier,
            keepalive=self._settings.keepalive_s,
            will=aiomqtt.Will(self._will.topic, self._will.payload, qos=1, retain=self._will.retain),
            tls_context=tls,
            max_inflight_messages=_IN_FLIGHT,
            **version,
        )

    async def _subscribe(self, client: BrokerClient) -> None:
        granted = await client.subscribe([(topic, 1) for topic in self._subscriptions])
        codes = [code.value if isinstance(code, ReasonCode) else code for code in granted]
        for topic, code in zip(self._subscriptions, codes, strict=True):
            if code < 0x80:
                continue
            reason = f"the broker's access rules (ACL) do not let us subscribe to {topic}"
            if topic == self._subscriptions[0]:
                raise aiomqtt.MqttError(reason)
            log.warning("mqtt: %s", reason)

    async def _serve(self, client: BrokerClient) -> None:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._until_it_breaks(client))
            sending = tasks.create_task(self._send_all(client))
            await self._stopping.wait()
            self._outbox.put(self._will)
            try:
                async with asyncio.timeout(_FLUSH_S):
                    await self._outbox.emptied()
            except TimeoutError:
                log.warning("mqtt: %d messages were not confirmed by the broker", len(self._outbox))
            watching.cancel()
            sending.cancel()

    async def _until_it_breaks(self, client: BrokerClient) -> None:
        async for _ in client.messages:  # none come this way; the end of the connection does
            log.debug("mqtt: a message went past us")

    async def _send_all(self, client: BrokerClient) -> None:
        free = asyncio.Semaphore(_IN_FLIGHT)

        async def send(number: int, message: Outgoing) -> None:
            try:
                await client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            finally:
                free.release()
            self._outbox.sent(number)
            if not message.retain:  # those are mostly our greeting, which a broker takes before it hangs up on the rest
                self._backoff.reset()

        async with asyncio.TaskGroup() as tasks:  # each begins in its turn, and waits for its confirmation by itself
            while True:
                await free.acquire()
                tasks.create_task(send(*await self._outbox.next()))

    def _publication_refused(self) -> None:
        if self._said is None:
            self._said = "publication"
            log.warning(
                "mqtt: the broker's access rules (ACL) do not let us publish everything: config/examples/mosquitto.acl "
                "has those that suffice"
            )

    def _packet_too_large(self, size: int) -> None:
        log.log(
            logging.DEBUG if self._met_too_large else logging.WARNING,
            "mqtt: hung up on a message of %d bytes; set message_size_limit in the broker to %d",
            size,
            self._packet_bytes,
        )
        self._met_too_large = True

    def _take(self, message: Incoming) -> None:
        """Hand it on, unless the broker sent it again though we had it."""
        key = (message.mid, message.topic, hash(message.payload))
        if message.redelivered and key in self._recent:
            log.debug("mqtt: a message came twice")
            return
        if message.mid:
            self._recent.append(key)
        try:
            self._receive(message)
        except Exception:  # a bug in what is done with one message must not end the door
            log.exception("mqtt: internal error; the message is skipped")


def _has_tls(settings: Mqtt) -> bool:
    return bool(settings.tls or settings.ca or settings.certificate)


def _may_be_the_version(error: BaseException) -> bool:
    text = str(error)
    return "rotocol" in text or "hung up before" in text or "timed out" in text


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
