"""aiomqtt's client where it keeps to itself what we need: the DUP flag, refusals, and the end of a failed attempt."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiomqtt
from paho.mqtt.client import Client as Paho
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

CONNECT_S = 4.0
ANSWER_S = 5.0

_paho_log = logging.getLogger("wyoming_qwen3tts.paho")
_paho_log.setLevel(logging.CRITICAL)  # what matters of its inner life is raised, and said by us


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message from the broker."""

    topic: str
    payload: bytes
    retained: bool
    redelivered: bool
    mid: int


class PatchedClient(aiomqtt.Client):
    """Survives a connection that breaks between a decision to write and the writing. aiomqtt would give the event loop
    a closed socket's number then, or that of another socket which has got it since."""

    def _on_socket_register_write(self, client: Paho, userdata: Any, sock: Any) -> None:
        def write() -> None:
            try:
                client.loop_write()
            except (OSError, ValueError) as error:  # a broken pipe and its like: the connection is over
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if sock.fileno() != -1:
                self._loop.add_writer(sock.fileno(), write)

        self._loop.call_soon_threadsafe(register)  # paho may be connecting, in a thread of its own

    def _on_socket_unregister_write(self, client: Paho, userdata: Any, sock: Any) -> None:
        if sock.fileno() != -1:
            self._loop.remove_writer(sock.fileno())


#: Without it each answer waits 40 ms behind the confirmation of what it answers (Nagle's algorithm).
AT_ONCE = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class BrokerClient(PatchedClient):
    """One connection. Messages are handed to ``receive`` in the event loop, without a queue in between: whoever cannot
    keep up has to refuse, and not to hoard."""

    def __init__(
        self,
        receive: Callable[[Incoming], None],
        refused: Callable[[], None],
        oversized: Callable[[int], None] = lambda _: None,
        *,
        packet_bytes: int,
        **options: Any,
    ) -> None:
        super().__init__(logger=_paho_log, timeout=ANSWER_S, socket_options=AT_ONCE, **options)
        self._client.connect_timeout = CONNECT_S
        self._receive, self._refused = receive, refused
        self._hang_up_above(packet_bytes, oversized)

    def _hang_up_above(self, packet_bytes: int, oversized: Callable[[int], None]) -> None:
        """End the connection where the head of a packet announces more than ``packet_bytes``: paho would collect it
        all. With MQTT 5 the broker keeps such a packet to itself."""
        paho: Any = self._client
        receive = paho._sock_recv

        def receive_bounded(size: int) -> bytes:
            packet = paho._in_packet
            if packet["have_remaining"] and packet["remaining_length"] > packet_bytes:
                oversized(packet["remaining_length"])
                return b""  # paho takes it for the end
            return bytes(receive(size))

        paho._sock_recv = receive_bounded

    def abandon(self) -> None:
        """Let go of an attempt that came to nothing; aiomqtt would leave its socket open."""
        if self._client.socket() is not None:
            self._client.disconnect()
        self.cut()

    def cut(self) -> None:
        """Break the connection without a word."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            try:
                sock.shutdown(socket.SHUT_RDWR)  # paho sees the end, and closes it with all that belongs to it
            except OSError:
                _paho_log.debug("The socket was shut already")

    def _on_message(self, client: Paho, userdata: Any, message: MQTTMessage) -> None:
        self._receive(
            Incoming(
                message.topic, bytes(message.payload), message.retain, message.dup and message.qos > 0, message.mid
            )
        )

    def _on_publish(
        self, client: Paho, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            self._refused()
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self,
        client: Paho,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():  # aiomqtt would wait for its time-out
            self._connected.set_exception(aiomqtt.MqttError("the broker hung up before it answered"))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_connect(
        self,
        client: Paho,
        userdata: Any,
        flags: ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        if not self._connected.done():
            super()._on_connect(client, userdata, flags, reason_code, properties)
