"""``/v1/doctor`` and ``/v1/download``: what the command line does, for the page."""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import ip_address
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from ..errors import HttpError
from ..natural import House

_FORWARDED = {"forwarded", "via", "x-forwarded-for", "x-real-ip"}


class ExaminationBody(BaseModel):
    """What to look at."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    speed: bool = False
    """Measure instead, for 20 s, what this processor would do with Qwen3-TTS."""


class DownloadBody(BaseModel):
    """What to fetch."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    model: Annotated[str, Field(min_length=1, max_length=400)]
    """One of those that are configured, by default the two that are published."""


def owner(request: Request) -> None:
    """What takes both cores or gigabytes is not for everybody who reaches the page.

    Raises:
        HttpError: 403, unless a key was sent, or the request comes from this machine or through Home Assistant.
    """
    client = request.state.client
    is_forwarded = not _FORWARDED.isdisjoint(request.headers.keys())  # by a proxy here, for somebody elsewhere
    if not (client.is_known or (_is_this_machine(client.address) and not is_forwarded)):
        raise HttpError(
            403,
            "This is for who has a key, or sits at the machine itself. Set one: --http.api-keys NAME:KEY",
            code="owner-only",
        )


def _is_this_machine(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def routes(house: House) -> APIRouter:
    router = APIRouter(tags=["server"])

    @router.post("/v1/doctor", summary="Look at everything that speech needs, as the command doctor does")
    async def doctor(request: Request, body: ExaminationBody | None = None) -> dict[str, Any]:
        if body and body.speed:
            owner(request)
        if house.examination is None:
            raise HttpError(409, "This server cannot examine itself. Run: wyoming-qwen3tts doctor")
        return {"checks": await house.examination(speed=body.speed if body else False)}

    @router.post(
        "/v1/download",
        status_code=202,
        dependencies=[Depends(owner)],
        summary="Fetch a model's files; /v1/live tells how far it is",
    )
    async def start(body: DownloadBody) -> dict[str, Any]:
        if house.download is None:
            raise HttpError(409, "This server fetches no models. Run: wyoming-qwen3tts download")
        house.download.start(body.model)
        return asdict(house.download.state) if house.download.state else {}

    @router.delete(
        "/v1/download", status_code=204, dependencies=[Depends(owner)], summary="Leave the download as far as it is"
    )
    async def stop() -> None:
        if house.download is not None:
            house.download.stop()

    return router
