"""``/metrics``: what the service and its engine did, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable

from fastapi import APIRouter
from fastapi.responses import Response

from ....monitoring.health import health
from ....monitoring.metrics import CONTENT_TYPE, Metrics, memory
from ....service.service import SpeechService
from ....service.stats import RequestStats
from ....speech.engine import ServerCount


def of_service(service: SpeechService) -> Metrics:
    """Metrics that watch ``service`` from now on."""
    metrics = Metrics()
    service.observe(lambda stats: _count(metrics, stats))

    def speaking() -> int:
        return sum(reply.stats.ttfa_s is not None for reply in service.replies)

    def ready() -> bool:
        engine = service.engine
        return health(engine.name, engine.status, engine.liveness(), time.monotonic()).ready

    metrics.watch("qwen3tts_streams", "Replies that can be heard now.", speaking)
    metrics.watch("qwen3tts_queue", "Replies that wait for their first sound.", lambda: service.active - speaking())
    metrics.watch("qwen3tts_engine_ready", "1 if a request made now is spoken.", ready, {"engine": service.engine.name})
    metrics.watch("qwen3tts_memory_bytes", "Memory, without mapped files.", lambda: (memory()["rss_mb"] or 0) << 20)
    metrics.watch("qwen3tts_gpu_memory_bytes", "Memory of the card.", lambda: (memory()["gpu_mb"] or 0) << 20)
    words = "Replies that the built-in voice spoke for the model, by reason."
    metrics.count("qwen3tts_takeovers", words, "reason", lambda: service.engine.takeovers)
    _watch_servers(metrics, service)
    if (phrases := service.phrases) is not None:
        words = "Texts that were looked for among the recordings."
        metrics.count("qwen3tts_cache", words, "outcome", lambda: {"hit": phrases.hits, "miss": phrases.misses})
    words = "Replies, places and child processes that the watchdog had to free."
    metrics.count("qwen3tts_watchdog_freed", words, "what", lambda: service.watchdog.freed)
    metrics.gauges(
        "qwen3tts_language_mute",
        "1 for a language that cannot be spoken now.",
        "language",
        lambda: dict.fromkeys(service.mute_languages(), 1.0),
    )
    metrics.state(
        "qwen3tts_engine_state", "1 for the state that the engine is in.", lambda: service.engine.status.phase.value
    )
    return metrics


def _watch_servers(metrics: Metrics, service: SpeechService) -> None:
    """The servers that a remote engine speaks through."""

    def of_each(look: Callable[[ServerCount], float]) -> Callable[[], dict[str, float]]:
        return lambda: {server.url: look(server) for server in service.engine.servers()}

    words = "Sentences that a remote server was asked for."
    metrics.count("qwen3tts_server_asked", words, "server", of_each(lambda server: server.asked))
    words = "Sentences that a remote server failed at."
    metrics.count("qwen3tts_server_failed", words, "server", of_each(lambda server: server.failed))
    words = "Sentences that another server was asked for as well, as this one was silent."
    metrics.count("qwen3tts_server_hedged", words, "server", of_each(lambda server: server.hedged))
    words = "Audio that was asked for and has not come, estimated."
    metrics.gauges("qwen3tts_server_outstanding_seconds", words, "server", of_each(lambda s: s.outstanding_s))
    words = "1 for a remote server that is well."
    metrics.gauges("qwen3tts_server_well", words, "server", of_each(lambda server: server.state == "well"))


def routes(metrics: Metrics) -> APIRouter:
    router = APIRouter(tags=["server"])

    @router.get(
        "/metrics",
        summary="Numbers for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}, "description": "In Prometheus's text format."}},
    )
    async def numbers() -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    return router


def _count(metrics: Metrics, stats: RequestStats) -> None:
    outcome = "done" if stats.is_done else "cancelled"
    if stats.error is not None:
        outcome = stats.error.code
    metrics.reply(
        stats.engine,
        stats.server,
        ttfa_s=stats.ttfa_s,
        working_s=stats.working_s,
        speech_s=stats.seconds,
        chars=stats.chars,
        outcome=outcome,
        was_cut_off=stats.was_cut_off,
    )
    metrics.silence(stats.engine, stats.server, stats.format.seconds(stats.silence_bytes))
