"""HTTP to Home Assistant and its Supervisor: JSON, a token, and an answer in time."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..errors import first_line

if TYPE_CHECKING:
    import httpx

ANSWER_S = 30.0
_CONNECT_S = 5.0


class Unreachable(Exception):
    """There was no answer. The message says why; ``is_late`` if there was none in time."""

    def __init__(self, why: str, *, is_late: bool) -> None:
        super().__init__(why)
        self.is_late = is_late


@dataclass(frozen=True, slots=True)
class Answer:
    """Of whatever status."""

    status: int
    text: str
    json: Any = None
    is_json: bool = False

    @property
    def reason(self) -> str:
        """Why something was refused, in the other's words."""
        told = self.json.get("message") if isinstance(self.json, dict) else None
        page = self.text.lstrip().startswith("<")  # of something in between
        return str(told or ("" if page else self.text[:200]) or "no reason given")


class Requester:
    """Asks one server. ``async with`` closes its connections."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        answer_s: float = ANSWER_S,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        import httpx  # late: a home without Home Assistant does without

        self.base_url, self._answer_s = base_url.rstrip("/"), answer_s
        # Never through a proxy: these are neighbours, and the token is for them alone.
        self._http = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def ask(self, method: str, path: str, body: object = None, *, answer_s: float | None = None) -> Answer:
        """The answer of ``base_url`` + ``path``, within ``answer_s`` or else what the requester was made with.

        Raises:
            Unreachable: if there is none.
        """
        import httpx

        wait_s = self._answer_s if answer_s is None else answer_s
        timeout = httpx.Timeout(wait_s, connect=min(wait_s, _CONNECT_S))
        try:
            answer = await self._http.request(method, self.base_url + path, json=body, timeout=timeout)
        except httpx.TimeoutException as error:
            raise Unreachable(first_line(error), is_late=True) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(first_line(error), is_late=False) from None
        try:
            return Answer(answer.status_code, answer.text, answer.json(), is_json=True)
        except ValueError:
            return Answer(answer.status_code, answer.text)
