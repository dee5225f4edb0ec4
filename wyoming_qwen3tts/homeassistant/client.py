"""Home Assistant's REST API: what is there, and do this."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx

from ..errors import DeliveryFailed

_CONNECT_S, _ANSWER_S = 5.0, 30.0


class HomeAssistant:
    """``api_url`` ends with ``/api`` (``http://homeassistant.local:8123/api``, ``http://supervisor/core/api``).
    ``async with`` closes its connections."""

    def __init__(self, api_url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = api_url.rstrip("/")
        # Never through a proxy: Home Assistant is a neighbour, and the token is for it alone.
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def state(self, entity: str) -> dict[str, Any] | None:
        """The state of ``entity`` as Home Assistant tells it; None if there is no such entity.

        Raises:
            DeliveryFailed: if Home Assistant cannot be asked.
        """
        answer = await self._ask("GET", f"/states/{entity}")
        if answer.status_code == 404:
            return None
        found = self._json(answer)
        return found if isinstance(found, dict) else None

    async def states(self) -> list[dict[str, Any]]:
        """The states of everything there is.

        Raises:
            DeliveryFailed: if Home Assistant cannot be asked.
        """
        found = self._json(await self._ask("GET", "/states"))
        return [state for state in found if isinstance(state, dict)] if isinstance(found, list) else []

    async def call(self, domain: str, service: str, data: dict[str, Any], *, answer_s: float = _ANSWER_S) -> None:
        """Have Home Assistant do something; returns when it has.

        Raises:
            DeliveryFailed: if it refused, or did not answer within ``answer_s``.
        """
        self._json(await self._ask("POST", f"/services/{domain}/{service}", data, answer_s))

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, answer_s: float = _ANSWER_S
    ) -> httpx.Response:
        timeout = httpx.Timeout(answer_s, connect=_CONNECT_S)
        try:
            return await self._http.request(method, self._url + path, json=body, timeout=timeout)
        except httpx.TimeoutException:
            raise DeliveryFailed(f"Home Assistant did not answer {path} in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise DeliveryFailed(f"Home Assistant cannot be reached at {self._url}: {why}") from None

    def _json(self, answer: httpx.Response) -> Any:
        if answer.status_code in (401, 403):
            raise DeliveryFailed(
                "Home Assistant does not accept the token: set homeassistant.token to a long-lived access token of "
                "your profile page."
            )
        if answer.status_code >= 400:
            raise DeliveryFailed(f"Home Assistant refused ({answer.status_code}): {_reason(answer)}")
        try:
            return answer.json()
        except ValueError:
            raise DeliveryFailed(f"{self._url} is not Home Assistant's API: the answer was no JSON.") from None


def _reason(answer: httpx.Response) -> str:
    try:
        message = answer.json().get("message")
    except (ValueError, AttributeError):
        message = None
    return str(message or answer.text[:200] or "no reason given")
