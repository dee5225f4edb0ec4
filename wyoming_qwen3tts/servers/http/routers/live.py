"""``GET /v1/live``: what the server is doing, as it changes."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections import deque
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ....monitoring import metrics
from ....service.stats import RequestStats
from ...connections import Use
from ..natural import House
from ..streaming import ResponseStream, StreamedResponse, used_for
from .engine import EngineControl, engine_json
from .speech import event

_EVERY_S = 0.25
_SIGN_OF_LIFE_S = 15.0  # proxies cut connections that are silent for a minute
_ERRORS = 20
_SERVERS_FAULT = 500  # from this status on; below, whoever asked made a mistake
_FIXES = {
    "busy": "Raise limits.queue or engine.slots, or send less at once.",
    "text-too-long": "Send the text in parts, or raise limits.text_chars.",
    "unknown-voice": "See the list of voices; a voice whose model is not configured cannot speak.",
    "listener-stalled": "The listener stopped reading: look at the player, or the network to it.",
    "out-of-memory": "Lower engine.slots, choose a smaller model, or free memory of the card.",
    "engine-down": "See the state of the engine, and the log.",
    "model-missing": "Check the network and engine.model; `wyoming-qwen3tts download` fetches ahead of time.",
}


class StreamRecorder:
    """The last errors of replies, for whoever looks later. ``observe`` is for the service."""

    def __init__(self) -> None:
        self._errors: deque[dict[str, Any]] = deque(maxlen=_ERRORS)

    def observe(self, stats: RequestStats) -> None:
        if stats.error is None:
            return
        at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        code = stats.error.code
        fix = _FIXES.get(code, "See the log of the server.")
        is_mistake = stats.error.http_status < _SERVERS_FAULT
        said = {"at": at, "code": code, "message": str(stats.error), "fix": fix, "is_mistake": is_mistake}
        self._errors.appendleft(said)

    def forget(self) -> None:
        self._errors.clear()

    def errors(self) -> list[dict[str, Any]]:
        """The newest first."""
        return list(self._errors)


def routes(house: House, control: EngineControl | None, recorder: StreamRecorder, closing: asyncio.Event) -> APIRouter:
    router = APIRouter(tags=["server"])

    @router.delete("/v1/live/errors", status_code=204, summary="Forget the errors that /v1/live tells of")
    async def forget() -> None:
        recorder.forget()

    @router.get(
        "/v1/live",
        summary="What the server is doing, as events",
        response_class=StreamedResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "A snapshot now and at each change."}},
    )
    async def live(request: Request) -> Response:
        used_for(request, Use.IDLE)  # the page opens it again

        async def produce(outlet: ResponseStream) -> None:
            await outlet.open("text/event-stream")
            said, said_at = b"", 0.0
            while not closing.is_set():
                now = event(snapshot(house, control, recorder))
                if now != said:
                    said, said_at = now, time.monotonic()
                    await outlet.write(now)
                elif time.monotonic() - said_at > _SIGN_OF_LIFE_S:
                    said_at = time.monotonic()
                    await outlet.write(b": still here\n\n")
                try:
                    async with asyncio.timeout(_EVERY_S):
                        await closing.wait()
                except TimeoutError:
                    continue

        return StreamedResponse(produce)

    return router


def snapshot(house: House, control: EngineControl | None, recorder: StreamRecorder) -> dict[str, Any]:
    """Everything that the page shows at a glance."""
    now, service = time.monotonic(), house.service
    streams = [_stream(reply.stats, now) for reply in service.replies]
    speaking = sum(stream["state"] == "speaking" for stream in streams)
    return {
        "streams": streams,
        "queue": {"speaking": speaking, "waiting": service.active - speaking},
        "engine": engine_json(service, control),
        "memory": metrics.memory(),
        "errors": recorder.errors(),
        "download": asdict(house.download.state) if house.download and house.download.state else None,
    }


def _stream(stats: RequestStats, now: float) -> dict[str, Any]:
    return {
        "door": stats.server,
        "client": stats.client,
        "voice": stats.voice,
        "instead_of": stats.instead_of,
        "instead_why": stats.instead_why,
        "engine": stats.engine,
        "chars": stats.chars,
        "ttfa_ms": None if stats.ttfa_s is None else round(stats.ttfa_s * 1000),
        "lead_s": round(stats.lead_s(now), 1),
        "seconds": round(now - stats.started, 1),
        "state": "waiting" if stats.ttfa_s is None else "speaking",
    }
