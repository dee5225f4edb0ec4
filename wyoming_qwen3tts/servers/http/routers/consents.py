"""Recorded consents, as in OpenAI's API: whose voice it is says so, in a recording that is kept as it came.

The recording is evidence for people. It is never decoded, and leaves the server in no way.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from ....util.files import read_regular, write_atomic
from ..errors import HttpError

_ID = re.compile(r"cons_[0-9a-f]{24}")
_MAX = 200
_FILE_BYTES = 64 * 1024
_TYPES = ("audio/", "video/webm", "video/mp4", "application/octet-stream")  # browsers call their recordings video


@dataclass(frozen=True, slots=True)
class Consent:
    """What is known of one."""

    id: str
    name: str
    language: str
    created_at: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"object": "audio.voice_consent"}


class NewName(BaseModel):
    """Another label."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]


class Consents:
    """A folder with two files a consent: what is known of it, and the recording."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Consent]:
        """The oldest first."""
        found = (self._read(path) for path in self._folder.glob("cons_*.json"))
        return sorted((consent for consent in found if consent), key=lambda consent: (consent.created_at, consent.id))

    def find(self, number: str) -> Consent:
        """The consent with this id.

        Raises:
            HttpError: 404.
        """
        consent = self._read(self._folder / f"{number}.json") if _ID.fullmatch(number) else None
        if consent is None:
            raise HttpError(404, f"There is no consent {number[:64]!r}.", field="consent_id")
        return consent

    def note(self, consent: str) -> str:
        """What is written into a voice that was made with ``consent``: that of a recording, or the words themselves."""
        if not consent.startswith("cons_"):
            return consent
        try:
            found = self.find(consent)
        except HttpError as error:
            error.http_status, error.field = 400, "consent"
            raise
        return f"{found.name} ({found.language}), {found.id}"

    def add(self, name: str, language: str, recording: bytes) -> Consent:
        """Keep a recording.

        Raises:
            HttpError: if there are too many already.
        """
        if len(list(self._folder.glob("cons_*.json"))) >= _MAX:
            raise HttpError(409, f"There are {_MAX} consents already. Delete those that are no longer needed.")
        consent = Consent(f"cons_{secrets.token_hex(12)}", name, language, int(time.time()))
        write_atomic(self._folder / f"{consent.id}.recording", recording)
        self._write(consent)
        return consent

    def rename(self, number: str, name: str) -> Consent:
        old = self.find(number)
        consent = Consent(old.id, name, old.language, old.created_at)
        self._write(consent)
        return consent

    def remove(self, number: str) -> None:
        consent = self.find(number)
        for kind in ("recording", "json"):
            (self._folder / f"{consent.id}.{kind}").unlink(missing_ok=True)

    def _write(self, consent: Consent) -> None:
        write_atomic(self._folder / f"{consent.id}.json", json.dumps(asdict(consent), ensure_ascii=False).encode())

    @staticmethod
    def _read(path: Path) -> Consent | None:
        try:
            return Consent(**json.loads(read_regular(path, _FILE_BYTES)))
        except (OSError, ValueError, TypeError):
            return None


def routes(consents: Consents, may: Any) -> APIRouter:
    """``may`` refuses those who may make no voices."""
    router = APIRouter(tags=["voices"])

    @router.post("/v1/audio/voice_consents", summary="Keep the recording in which a speaker agrees")
    async def create(
        request: Request,
        name: Annotated[str, Form(min_length=1, max_length=200)],
        language: Annotated[str, Form(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9-]+$")],
        recording: Annotated[UploadFile, File()],
    ) -> dict[str, Any]:
        may(request)
        kind = (recording.content_type or "").lower()
        if not kind.startswith(_TYPES):
            raise HttpError(415, f"The recording must be audio, not {kind[:60]!r}.", field="recording")
        sound = await recording.read()
        if not sound:
            raise HttpError(400, "The recording is empty.", field="recording")
        return (await asyncio.to_thread(consents.add, name, language, sound)).as_json()

    @router.get("/v1/audio/voice_consents", summary="All of them")
    async def listed(
        request: Request, after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> dict[str, Any]:
        may(request)
        known = await asyncio.to_thread(consents.all)
        if after is not None:
            ids = [consent.id for consent in known]
            if after not in ids:
                raise HttpError(400, f"There is no consent {after[:64]!r}.", field="after")
            known = known[ids.index(after) + 1 :]
        page = [consent.as_json() for consent in known[:limit]]
        edges = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return {"object": "list", "data": page, "has_more": len(known) > limit, **edges}

    _one_by_one(router, consents, may)
    return router


def _one_by_one(router: APIRouter, consents: Consents, may: Any) -> None:
    @router.get("/v1/audio/voice_consents/{consent_id}", summary="One of them")
    async def one(consent_id: str, request: Request) -> dict[str, Any]:
        may(request)
        return (await asyncio.to_thread(consents.find, consent_id)).as_json()

    @router.post("/v1/audio/voice_consents/{consent_id}", summary="Give it another label")
    async def rename(consent_id: str, body: NewName, request: Request) -> dict[str, Any]:
        may(request)
        return (await asyncio.to_thread(consents.rename, consent_id, body.name)).as_json()

    @router.delete("/v1/audio/voice_consents/{consent_id}", summary="Delete it and its recording")
    async def remove(consent_id: str, request: Request) -> dict[str, Any]:
        may(request)
        await asyncio.to_thread(consents.remove, consent_id)
        return {"id": consent_id, "deleted": True, "object": "audio.voice_consent"}
