"""The Home Assistant Supervisor: tells it where we are, and asks it for the broker. Only inside the add-on."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from ..errors import SpeechError
from ..util.backoff import Backoff
from ..util.tasks import cancel_and_wait
from .requester import Answer, Requester, Unreachable

log = logging.getLogger(__name__)

TOKEN = "SUPERVISOR_TOKEN"  # noqa: S105  the variable's name
URL = "SUPERVISOR_API"  # the variable by which Home Assistant's own bashio finds another Supervisor, for tests
BASE_URL = "http://supervisor"
_TIMEOUT_S = 10.0


class SupervisorError(SpeechError):
    """The Supervisor refused, or could not be reached; says why in its words."""

    code = "supervisor-failed"


@dataclass(frozen=True, slots=True)
class MqttService:
    """The broker that the Supervisor knows."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    ssl: bool = False


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Who to ask, and the token to ask with."""

    token: str = field(repr=False)
    base_url: str = BASE_URL

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Supervisor | None:
        """None outside the add-on."""
        token, base_url = environ.get(TOKEN, ""), environ.get(URL) or BASE_URL
        return cls(token, base_url.rstrip("/")) if token else None

    @property
    def core_api_url(self) -> str:
        """Home Assistant's REST API, with the same token; needs ``homeassistant_api``."""
        return f"{self.base_url}/core/api"

    @property
    def core_websocket_url(self) -> str:
        """Home Assistant's WebSocket API, with the same token."""
        return f"ws{self.base_url.removeprefix('http')}/core/websocket"

    async def mqtt_service(self) -> MqttService | None:
        """The broker of the Mosquitto add-on or of another one; None if there is none, which is no error.

        Raises:
            SupervisorError: if the Supervisor could not be asked.
        """
        answer = await self._ask("GET", "/services/mqtt")
        if answer.status == 400:  # "Service not enabled": no broker is installed
            return None
        data = self._data(answer, "/services/mqtt")
        try:
            return MqttService(
                host=str(data["host"]),
                port=int(data["port"]),  # a string from some brokers
                username=str(data.get("username") or ""),
                password=str(data.get("password") or ""),
                ssl=bool(data.get("ssl")),
            )
        except (KeyError, TypeError, ValueError):
            raise SupervisorError("the Supervisor's answer about the MQTT broker names no host and port") from None

    async def announce(self, uri: str) -> None:
        """Let Home Assistant discover the Wyoming server at ``uri``. Saying it again is harmless.

        Raises:
            SupervisorError: if it was not accepted; trying again later is the caller's.
        """
        body = {"service": "wyoming", "config": {"uri": uri}}
        self._data(await self._ask("POST", "/discovery", body), "/discovery")

    async def info(self) -> dict[str, Any]:
        """What the Supervisor knows of this add-on: version, ip_address, network, ...

        Raises:
            SupervisorError: if the Supervisor could not be asked.
        """
        path = "/addons/self/info"
        return self._data(await self._ask("GET", path), path)

    async def homeassistant_version(self) -> str:
        """Home Assistant's, such as ``2026.11.1``.

        Raises:
            SupervisorError: if the Supervisor could not be asked, or does not know yet.
        """
        version = self._data(await self._ask("GET", "/info"), "/info").get("homeassistant")  # every add-on may ask it
        if not isinstance(version, str) or not version:
            raise SupervisorError("the Supervisor does not know Home Assistant's version yet")
        return version

    async def _ask(self, method: str, path: str, body: object = None) -> Answer:
        try:
            async with Requester(self.base_url, self.token, answer_s=_TIMEOUT_S) as supervisor:
                return await supervisor.ask(method, path, body)
        except Unreachable as error:
            raise SupervisorError(f"the Supervisor cannot be reached at {self.base_url}: {error}") from None

    def _data(self, answer: Answer, path: str) -> dict[str, Any]:
        if answer.status == 200 and isinstance(answer.json, dict) and answer.json.get("result") == "ok":
            data = answer.json.get("data")
            return data if isinstance(data, dict) else {}
        raise SupervisorError(f"the Supervisor refused {path} ({answer.status}): {answer.reason}")


def own_uri(port: int) -> str:
    """Where Home Assistant reaches us inside the Supervisor's network: by the container's name."""
    return f"tcp://{socket.gethostname()}:{port}"


@asynccontextmanager
async def discovered(supervisor: Supervisor, uri: str, backoff: Backoff | None = None) -> AsyncIterator[None]:
    """Tell the Supervisor where we are, as often as it takes, while the block goes on. Enter it once the port answers:
    Home Assistant asks ``describe`` at once."""
    task = asyncio.create_task(_announce_until_heard(supervisor, uri, backoff or Backoff(2.0, 300.0)))
    try:
        yield
    finally:
        await cancel_and_wait(task)


async def _announce_until_heard(supervisor: Supervisor, uri: str, backoff: Backoff) -> None:
    warned = False
    while True:
        try:
            await supervisor.announce(uri)
        except SupervisorError as error:
            # Home Assistant may still be starting; once in the log is enough.
            log.log(logging.DEBUG if warned else logging.WARNING, "Not announced yet: %s. Trying again", error)
            warned = True
            await asyncio.sleep(backoff.next_s())
        else:
            level = logging.INFO if warned else logging.DEBUG  # the start says how it is, unless it was not
            log.log(level, "Announced to Home Assistant as %s: Settings > Devices & services, Discovered", uri)
            return
