"""``/v1/audio/voices``: who can be asked for, and making, handing on and removing voices."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

from ....errors import SpeechError
from ....service.service import SpeechService
from ....speech.languages import LANGUAGES, model_language
from ....speech.voice import OWN_KINDS, Voice
from ....studio.studio import Variant, VoiceStudio
from ....voices.speakers import SPEAKERS
from ..errors import HttpError, error_body
from ..names import stands_for
from ..natural import Ability, House, Need, why_not
from ..streaming import ResponseStream, StreamedResponse
from .consents import Consents
from .speech import event

_Name = Annotated[str, Field(min_length=1, max_length=64)]
_Text = Annotated[str | None, Form(max_length=1_000)]


class DesignBody(BaseModel):
    """A voice in words."""

    model_config = ConfigDict(extra="forbid")

    description: Annotated[str, Field(min_length=1, max_length=2_000)]
    language: Annotated[str, Field(max_length=40)] = "en"
    text: Annotated[str | None, Field(max_length=1_000)] = None
    variants: Annotated[int, Field(ge=1, le=8)] = 3


class _VoiceForm(NamedTuple):
    """What a new voice is made with, beside a clip."""

    name: str
    kind: Literal["audio_sample", "prompt"]
    prompt: str | None
    text: str | None
    language: str
    consent: str | None
    keep_clip: bool


async def _voice_form(
    name: Annotated[str, Form(min_length=1, max_length=64)],
    consent: _Text = None,
    kind: Annotated[Literal["audio_sample", "prompt"], Form(alias="type")] = "audio_sample",
    prompt: Annotated[str | None, Form(max_length=2_000)] = None,
    text: _Text = None,
    language: Annotated[str, Form(max_length=40)] = "en",
    keep_clip: Annotated[bool, Form()] = False,
) -> _VoiceForm:
    return _VoiceForm(name, kind, prompt, text, language, consent, keep_clip)


class BlendBody(BaseModel):
    """A voice made of several."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    of: Annotated[str, Field(min_length=1, max_length=500)]
    """`ryan(2)+aiden(1)`: two parts of one and one of the other."""


class NameBody(BaseModel):
    """What a voice is to be called."""

    model_config = ConfigDict(extra="forbid")

    name: _Name


def routes(service: SpeechService) -> APIRouter:
    """For everybody."""
    router = APIRouter(tags=["voices"])

    @router.get("/v1/audio/voices", summary="Everybody who can be asked for")
    async def voices() -> dict[str, Any]:
        found = [_now(service, voice) for voice in service.catalog.all()]
        return {"object": "list", "data": found, "voices": found, "has_more": False}

    @router.get("/v1/audio/voices/{voice_id}", summary="One of them")
    async def voice(voice_id: str) -> dict[str, Any]:
        return _now(service, find(service, voice_id))

    return router


def making(house: House, consents: Consents) -> APIRouter:
    """For whoever is known, by a key or through Home Assistant, and only if the house allows it."""
    router = APIRouter(tags=["voices"])
    designer = Permission(house, "design")
    _creating(router, Permission(house, "clone"), designer, Permission(house, None), consents)
    _designing(router, designer)
    _moving(router, house.service, Permission(house))
    return router


def _creating(
    router: APIRouter, cloner: Permission, designer: Permission, listener: Permission, consents: Consents
) -> None:
    @router.post("/v1/audio/voices", summary="A voice from a clip of somebody, or from a description")
    async def create(
        request: Request,
        wanted: Annotated[_VoiceForm, Depends(_voice_form)],
        audio_sample: Annotated[UploadFile | None, File()] = None,
    ) -> dict[str, Any]:
        text = wanted.text or None
        if wanted.kind == "prompt":
            prompt, language = _needed(wanted.prompt, "prompt"), _code(wanted.language)
            return as_json(await _described(designer(request), wanted.name, prompt, language, text))
        maker = cloner(request)
        if audio_sample is None:
            raise HttpError(400, "'audio_sample' is missing: a clip of the voice.", field="audio_sample")
        note, keep_clip = consents.note(_needed(wanted.consent, "consent")), wanted.keep_clip
        clip = await audio_sample.read()
        with _named(clip="audio_sample"):
            return as_json(await maker.clone(wanted.name, clip, text=text, consent=note, keep_clip=keep_clip))

    @router.post("/v1/audio/voices/check", summary="Whether a clip can become a voice")
    async def check(request: Request, audio_sample: Annotated[UploadFile, File()]) -> dict[str, Any]:
        maker = listener(request)
        with _named(clip="audio_sample"):
            return (await maker.check(await audio_sample.read())).as_json()


def _designing(router: APIRouter, designer: Permission) -> None:
    @router.post(
        "/v1/audio/voices/design",
        summary="Proposals for a described voice, as events",
        response_class=StreamedResponse,
        responses={200: {"content": {"text/event-stream": {}}, "description": "A variant an event."}},
    )
    async def design(body: DesignBody, request: Request) -> Response:
        maker, code = designer(request), _code(body.language)

        async def produce(outlet: ResponseStream) -> None:
            made = maker.design(body.description, language=code, text=body.text or None, variants=body.variants)
            await _as_events(made, outlet)

        return StreamedResponse(produce)

    @router.post("/v1/audio/voices/design/{variant}", summary="Keep one of the proposals")
    async def keep(variant: str, body: NameBody, request: Request) -> dict[str, Any]:
        return as_json(await designer(request).keep(variant, body.name))


def _moving(router: APIRouter, service: SpeechService, any_maker: Permission) -> None:
    @router.post("/v1/audio/voices/blend", summary="A voice mixed from several: speakers of a model, or own voices")
    async def blend(body: BlendBody, request: Request) -> dict[str, Any]:
        return as_json(await any_maker(request).blend(body.name, body.of))

    @router.post("/v1/audio/voices/import", summary="A voice that was exported from a server like this")
    async def restore(
        request: Request,
        file: Annotated[UploadFile, File()],
        name: Annotated[str | None, Form(max_length=64)] = None,
    ) -> dict[str, Any]:
        with _named(clip="file", data="file"):
            return as_json(await any_maker(request).restore(await file.read(), name or None))

    @router.get(
        "/v1/audio/voices/{voice_id}/export",
        summary="A voice of this house as one file",
        response_class=Response,
        responses={200: {"content": {"application/octet-stream": {}}, "description": "The file."}},
    )
    async def export(voice_id: str, request: Request) -> Response:
        maker, voice = any_maker(request), _own(service, voice_id)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(voice.name)}.voice"}
        return Response(await maker.export(voice.name), media_type="application/octet-stream", headers=headers)

    @router.delete("/v1/audio/voices/{voice_id}", summary="Remove a voice of this house")
    async def remove(voice_id: str, request: Request) -> dict[str, Any]:
        maker, voice = any_maker(request), _own(service, voice_id)
        await maker.remove(voice.name)
        return {"id": voice.name, "deleted": True, "object": "audio.voice.deleted"}


class UploadPermission:
    """Refuses who may send no clip, before it comes: to have one judged needs no model."""

    def __init__(self, house: House) -> None:
        self._to_make, self._to_judge = Permission(house), Permission(house, None)

    def __call__(self, request: HTTPConnection) -> None:
        (self._to_judge if request.url.path.endswith("/check") else self._to_make)(request)


class Permission:
    """Gives the studio to whoever may use it; without an ``ability``, for what needs no model."""

    def __init__(self, house: House, ability: Ability | None = "mix") -> None:
        self._house, self._ability = house, ability

    def __call__(self, request: HTTPConnection) -> VoiceStudio:
        """The studio.

        Raises:
            HttpError: 403 for those who may not, 409 if this server cannot.
        """
        if not self._house.settings.voices.cloning:
            raise HttpError(403, Need("allowed", False, {}).sentence, code="cloning-off")
        if not request.state.client.is_known:
            raise HttpError(
                403, "Voices are made by those who have a key. Set one: --http.api-keys NAME:KEY", code="key-needed"
            )
        studio = self._house.studio
        reason = None if studio is not None and self._ability is None else why_not(self._house, self._ability or "mix")
        if studio is None or reason is not None:
            raise HttpError(409, str(reason), code="not-possible")
        return studio


async def _described(maker: VoiceStudio, name: str, prompt: str, language: str, text: str | None) -> Voice:
    """OpenAI's way: the first proposal is kept."""
    with _named(description="prompt"):
        proposals = maker.design(prompt, language=language, text=text or None, variants=1)
        async with _ended(proposals):
            async for variant in proposals:
                return await maker.keep(variant.id, name)
    raise HttpError(500, "No voice was made of this description.")


async def _as_events(proposals: AsyncIterator[Variant], outlet: ResponseStream) -> None:
    try:
        async with _ended(proposals):
            async for variant in proposals:
                if not outlet.is_open:
                    await outlet.open("text/event-stream")
                sound = base64.b64encode(variant.wav).decode()
                what = {"id": variant.id, "seed": variant.seed, "seconds": variant.seconds, "wav": sound}
                await outlet.write(event({"type": "variant", **what}))
    except SpeechError as error:
        if not outlet.is_open:
            raise
        await outlet.write(event({"type": "error", **error_body(error)}))
        return
    if not outlet.is_open:
        raise HttpError(500, "No voice was made of this description.")
    await outlet.write(event({"type": "done"}))


@asynccontextmanager
async def _ended(proposals: AsyncIterator[Variant]) -> AsyncIterator[None]:
    """Whoever leaves before the last proposal wants no more of them."""
    try:
        yield
    finally:
        if isinstance(proposals, AsyncGenerator):
            await proposals.aclose()


@contextmanager
def _named(**fields: str) -> Iterator[None]:
    """Blame the fields of this door for those of the studio."""
    try:
        yield
    except SpeechError as error:
        error.field = fields.get(error.field or "", error.field)
        raise


def _needed(value: str | None, field: str) -> str:
    if value is None or not value.strip():
        hints = {
            "consent": "the id of a consent, or a line that says the speaker agrees",
            "prompt": "the voice in words",
        }
        raise HttpError(400, f"{field!r} is missing: {hints[field]}.", field=field)
    return value.strip()


def _code(language: str) -> str:
    code = model_language(language)
    if code is None:
        raise HttpError(400, f"{language!r} is not one of our languages: {', '.join(LANGUAGES)}.", field="language")
    return code


def _own(service: SpeechService, voice_id: str) -> Voice:
    voice = find(service, voice_id)
    if voice.kind not in OWN_KINDS:
        raise HttpError(400, f"{voice.name} came with the server, and stays as it is.", field="voice_id")
    return voice


def find(service: SpeechService, voice_id: str) -> Voice:
    """The voice with exactly this name, in any case.

    Raises:
        HttpError: 404.
    """
    for voice in service.catalog.all():
        if voice.name.casefold() == voice_id.casefold():
            return voice
    raise HttpError(404, f"No voice is called {voice_id[:64]!r}.", field="voice_id", code="unknown-voice")


def _now(service: SpeechService, voice: Voice) -> dict[str, Any]:
    """`as_json`, and ``spoken_by``: who would speak in its place now, with the code of why; null if it would itself."""
    other = service.engine.substitute(voice)
    return as_json(voice) | {"spoken_by": other and {"voice": other.voice.name, "why": other.why}}


def as_json(voice: Voice) -> dict[str, Any]:
    """OpenAI's fields, and ours beside them. ``about``: what is known of a speaker that came with Qwen3-TTS."""
    return {
        "id": voice.name,
        "object": "audio.voice",
        "created_at": 0,
        "name": voice.name,
        "type": "prompt" if voice.kind == "design" else "audio_sample",
        "label": voice.label,
        "kind": voice.kind,
        "languages": list(voice.languages),
        "engine": voice.engine,
        "speaker": voice.speaker,
        "about": asdict(known) if (known := SPEAKERS.get(voice.speaker)) else None,
        "style": asdict(voice.style),
        "stands_for": stands_for(voice),
    }
