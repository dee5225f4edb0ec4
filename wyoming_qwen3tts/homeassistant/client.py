"""Home Assistant's REST API: what is there, and do this."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import DeliveryFailed
from .requester import ANSWER_S, Answer, Requester, Unreachable

if TYPE_CHECKING:
    import httpx


class HomeAssistant:
    """``api_url`` ends with ``/api`` (``http://homeassistant.local:8123/api``, ``http://supervisor/core/api``).
    ``async with`` closes its connections."""

    def __init__(self, api_url: str, token: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = Requester(api_url, token, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def state(self, entity: str) -> dict[str, Any] | None:
        """The state of ``entity`` as Home Assistant tells it; None if there is no such entity.

        Raises:
            DeliveryFailed: if Home Assistant cannot be asked.
        """
        answer = await self._ask("GET", f"/states/{entity}")
        if answer.status == 404:
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

    async def call(self, domain: str, service: str, data: dict[str, Any], *, answer_s: float = ANSWER_S) -> None:
        """Have Home Assistant do something; returns when it has.

        Raises:
            DeliveryFailed: if it refused, or did not answer within ``answer_s``.
        """
        self._json(await self._ask("POST", f"/services/{domain}/{service}", data, answer_s))

    async def _ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, answer_s: float = ANSWER_S
    ) -> Answer:
        try:
            return await self._http.ask(method, path, body, answer_s=answer_s)
        except Unreachable as error:
            if error.is_late:
                raise DeliveryFailed(f"Home Assistant did not answer {path} in time.") from None
            raise DeliveryFailed(f"Home Assistant cannot be reached at {self._http.base_url}: {error}") from None

    def _json(self, answer: Answer) -> Any:
        if answer.status in (401, 403):
            raise DeliveryFailed(
                "Home Assistant does not accept the token: set homeassistant.token to a long-lived access token of "
                "your profile page."
            )
        if answer.status >= 400:
            raise DeliveryFailed(f"Home Assistant refused ({answer.status}): {answer.reason}")
        if not answer.is_json:
            raise DeliveryFailed(f"{self._http.base_url} is not Home Assistant's API: the answer was no JSON.")
        return answer.json
