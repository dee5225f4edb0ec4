"""The web door's app: every route, behind one gate."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from ... import __version__
from ...audio import encode
from ...service.service import SpeechService
from ...settings import Settings
from ...studio.studio import VoiceStudio
from ...util.bounded_pool import BoundedPool
from . import errors, openapi
from .auth import SUPERVISOR, Gate, LinkedRouter, OpenRouter
from .installation import look
from .middleware import RequestGuard
from .natural import House, Tools
from .request import SpeechBody
from .routers import consents, doctor, engine, live, metrics, models, speech, spoken, status, voices, websocket
from .routers.engine import EngineControl

_ABOUT = (
    "OpenAI's speech API, sent while it is made; fields of our own stand beside OpenAI's. Live text: WebSocket "
    "/v1/audio/speech/stream. Where the server has keys, send one as `Authorization: Bearer KEY`."
)


def build_app(
    service: SpeechService,
    settings: Settings,
    *,
    studio: VoiceStudio | None = None,
    control: EngineControl | None = None,
    routers: Sequence[APIRouter] = (),
    supervisor: str | None = None,
    tools: Tools | None = None,
    own_names: Callable[[], set[str]] | None = None,
) -> FastAPI:
    """Everything that is spoken over HTTP. ``routers`` are guarded like our own, but for an `OpenRouter`.

    ``supervisor`` is the address from which ingress comes; by default the Supervisor's own where there is one.
    ``tools``: what the page can do beside speaking; by default nothing.
    ``own_names`` finds this machine's names, and may take its time.
    """
    if supervisor is None and "SUPERVISOR_TOKEN" in os.environ:
        supervisor = SUPERVISOR
    encode.load_libraries()
    gate = Gate(settings.http, supervisor)
    if own_names is not None:
        gate.names.learn(own_names)
    app = _empty_app()
    app.state.routes = []
    app.state.closing = closing = asyncio.Event()
    app.state.pool = pool = BoundedPool("spoken")
    open_routes: list[BaseRoute] = []
    linked_routes: list[BaseRoute] = []
    house = House(service, settings, studio, *(tools or Tools(look(os.environ))))
    may_make = voices.Permission(house)
    app.add_middleware(
        RequestGuard,
        gate=gate,
        limits=settings.limits,
        open_routes=open_routes,
        linked_routes=linked_routes,
        may_upload=voices.UploadPermission(house),
        base_url=settings.http.base_url,
    )
    app.state.metrics = metrics.of_service(service)
    recorder = live.StreamRecorder()
    service.observe(recorder.observe)
    kept = consents.Consents(settings.data_dir / "voice_consents")
    ours = (
        speech.routes(service, control),
        websocket.routes(service, settings.limits, closing),
        models.routes(service.catalog),
        voices.routes(service),
        voices.making(house, kept),
        consents.routes(kept, may_make),
        spoken.routes(service, settings, pool),
        engine.routes(service, control),
        doctor.routes(house),
        status.states(service, gate),
        status.routes(house, gate),
        live.routes(house, control, recorder, closing),
        metrics.routes(app.state.metrics),
        openapi.routes(app),
    )
    for router in (*ours, *routers):
        app.include_router(router)
        app.state.routes += router.routes
        if isinstance(router, OpenRouter):
            open_routes += router.routes
        if isinstance(router, LinkedRouter):
            linked_routes += router.routes
    return app


def _empty_app() -> FastAPI:
    app = FastAPI(
        title="wyoming-qwen3tts",
        version=__version__,
        description=_ABOUT,
        docs_url=None,  # FastAPI's pages load scripts from elsewhere; ours is in `docs`
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    errors.install(app, SpeechBody.model_fields)
    openapi.install(app)
    return app
