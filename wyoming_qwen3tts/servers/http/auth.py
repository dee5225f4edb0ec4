"""Who may ask: keys, names of this host, pages of other sites, and Home Assistant's ingress."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import HTTPConnection

from ...settings import Http
from ...settings.values import split_key
from .errors import HttpError
from .hosts import HostNames, host_name

SUPERVISOR = "172.30.32.2"  # ingress comes from this address and no other; everybody can send its headers
KEY_PROTOCOL = "openai-insecure-api-key."  # how browsers, which cannot set a header, hand a key to a WebSocket
_OTHER_SITE = "Pages of other sites may not use this server, unless their address is listed in http.origins."
_KEY_IN_URL = frozenset({"api_key", "apikey", "api-key", "key", "token", "access_token"})


class ForeignName(HttpError):
    """The server was called by a name that a stranger may own."""

    def __init__(self, name: str) -> None:
        self.name = name[:80]
        super().__init__(
            403,
            f"This server is not called {self.name!r}. If it is, add it to http.hosts: --http.hosts {self.name}",
            code="foreign-name",
        )


class OpenRouter(APIRouter):
    """Routes that need no key."""


class LinkedRouter(OpenRouter):
    """Routes that other sites may link to, or play from: the page, its files, and clips whose addresses cannot be
    guessed."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks."""

    name: str  # of the key, or the address
    address: str
    is_known: bool  # by a key, or through Home Assistant
    by_ingress: bool = False


class Gate:
    """Lets in, or says why not. ``supervisor`` is the address that ingress comes from; None outside the add-on."""

    def __init__(self, http: Http, supervisor: str | None = None) -> None:
        self._supervisor = supervisor
        self._keys = [_named(secret.get_secret_value(), number) for number, secret in enumerate(http.api_keys, 1)]
        own = {urlsplit(http.base_url).hostname} if http.base_url else set()
        self._origins = frozenset(http.origins)
        self._hosts = frozenset(host.lower() for host in (*http.hosts, *own) if host)
        self.names = HostNames(self._hosts)

    @property
    def needs_key(self) -> bool:
        return bool(self._keys)

    def by_ingress(self, host: str | None, headers: Mapping[str, str]) -> bool:
        """Whether Home Assistant vouches for the request.

        Raises:
            HttpError: if somebody only says so.
        """
        if "x-ingress-path" not in headers:
            return False
        if self._supervisor is None or host != self._supervisor:
            raise HttpError(403, "Only Home Assistant itself may come through ingress.")
        return True

    @property
    def has_origins(self) -> bool:
        """Whether pages of other sites are let in at all."""
        return bool(self._origins)

    def lets_in(self, origin: str) -> bool:
        """Whether that page of another site may use this server."""
        return "*" in self._origins or origin.lower() in self._origins

    def check_origin(
        self, client: str | None, headers: Mapping[str, str], *, is_linked: bool = False, for_all: bool = False
    ) -> None:
        """Keep pages of other sites out, also those whose name has just become an address of this house.

        ``is_linked``: it is for a route that other sites may link to; ``for_all``: any page may have it.

        Raises:
            HttpError: saying what to set.
        """
        if self.by_ingress(client, headers):
            return
        host = headers.get("host", "")
        name = host_name(host)
        if host and not self.names.include(name):
            raise ForeignName(name)
        origin = headers.get("origin")
        if for_all or (origin is not None and self.lets_in(origin)):
            return
        # No Origin comes with a link, an image or a form of method GET.
        is_foreign = headers.get("sec-fetch-site", "").lower() in ("cross-site", "same-site") and not is_linked
        if is_foreign or (origin is not None and not self._is_same(origin, host)):
            raise HttpError(403, _OTHER_SITE)

    def _is_same(self, origin: str, host: str) -> bool:
        parts = urlsplit(origin)
        return bool(parts.netloc) and (parts.netloc.lower() == host.lower() or parts.hostname in self._hosts)

    def admit(self, connection: HTTPConnection) -> Requester:
        """Who asks, if they may.

        Raises:
            HttpError: 401 without a right key.
        """
        address = connection.client.host if connection.client else "?"
        if self.by_ingress(address, connection.headers):
            return Requester("home-assistant", address, is_known=True, by_ingress=True)
        if not self._keys:
            return Requester(address, address, is_known=False)
        if _KEY_IN_URL.intersection(name.lower() for name in connection.query_params):
            raise HttpError(
                401, "A key in an address ends up in logs. Send it in the header: Authorization: Bearer KEY."
            )
        sent = _sent_key(connection)
        if sent is None:
            raise HttpError(401, "A key is needed: Authorization: Bearer KEY.")
        found = [
            name for name, key in self._keys if hmac.compare_digest(key, sent)
        ]  # every key is compared, so that timing tells nothing
        if not found:
            raise HttpError(401, "This key is not one of http.api_keys.")
        return Requester(found[0], address, is_known=True)


def _named(text: str, number: int) -> tuple[str, bytes]:
    name, key = split_key(text)
    return name or f"key-{number}", key.encode()


def _sent_key(connection: HTTPConnection) -> bytes | None:
    kind, _, key = connection.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and key.strip():
        return key.strip().encode()
    if connection.scope["type"] != "websocket":
        return None
    for protocol in connection.headers.get("sec-websocket-protocol", "").split(","):
        key = protocol.strip().removeprefix(KEY_PROTOCOL)
        if key and key != protocol.strip():
            return key.encode()
    return None
