"""Numbers for Prometheus, in a registry of their own, and how much memory the process takes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_TTFA_S = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.5, 10.0)
_RTF = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0, 4.0)
_LAG_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_LOOK_S = 0.1  # how often the event loop is asked how late it is


class Metrics:
    """Counts replies as they end, and looks at everything else when it is asked. Event loop only."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        of_reply, here = ["engine", "door"], self.registry
        self._ttfa = Histogram(
            "qwen3tts_ttfa_seconds",
            "From the request, or its first text, to the first sound.",
            labelnames=of_reply,
            buckets=_TTFA_S,
            registry=here,
        )
        self._rtf = Histogram(
            "qwen3tts_rtf",
            "Time the engine was waited for, as a share of its sound.",
            of_reply,
            buckets=_RTF,
            registry=here,
        )
        self._speech = Counter("qwen3tts_speech_seconds", "Sound that was made.", of_reply, registry=here)
        words = "Silence that was sent while the text of a reply paused."
        self._silence = Counter("qwen3tts_silence_seconds", words, of_reply, registry=here)
        self._characters = Counter("qwen3tts_characters", "Text that was asked for.", of_reply, registry=here)
        self._replies = Counter(
            "qwen3tts_replies",
            "Replies that are over, by how they ended.",
            ["engine", "door", "outcome"],
            registry=here,
        )
        self._cancelled = Counter("qwen3tts_cancellations", "Listeners who left early.", registry=here)
        self._runaways = Counter(
            "qwen3tts_runaways", "Replies in which speech that did not end was stopped.", registry=here
        )
        self._lag = Histogram(
            "qwen3tts_event_loop_lag_seconds", "How late the event loop is.", buckets=_LAG_S, registry=here
        )
        self._timer: asyncio.TimerHandle | None = None

    def reply(
        self,
        engine: str,
        server: str,
        *,
        ttfa_s: float | None,
        working_s: float,
        speech_s: float,
        chars: int,
        outcome: str,
        was_cut_off: bool,
    ) -> None:
        """One is over. ``outcome`` is ``done``, ``cancelled`` or the code of an error."""
        if ttfa_s is not None:
            self._ttfa.labels(engine, server).observe(ttfa_s)
        if speech_s:
            self._rtf.labels(engine, server).observe(working_s / speech_s)
        self._speech.labels(engine, server).inc(speech_s)
        self._characters.labels(engine, server).inc(chars)
        self._replies.labels(engine, server, outcome).inc()
        self._cancelled.inc(outcome == "cancelled")
        self._runaways.inc(was_cut_off)

    def silence(self, engine: str, server: str, seconds: float) -> None:
        """So much was sent beside a reply's speech."""
        self._silence.labels(engine, server).inc(seconds)

    def watch(self, name: str, words: str, look: Callable[[], float], labels: Mapping[str, str] | None = None) -> None:
        """A gauge whose value is looked at when it is asked for."""
        gauge = Gauge(name, words, list(labels or ()), registry=self.registry)
        (gauge.labels(**labels) if labels else gauge).set_function(look)

    def count(self, name: str, words: str, label: str, look: Callable[[], Mapping[str, float]]) -> None:
        """Counters that somebody else keeps."""
        self.registry.register(CallbackCollector(CounterMetricFamily(name, words, labels=[label]), look))

    def gauges(self, name: str, words: str, label: str, look: Callable[[], Mapping[str, float]]) -> None:
        """Gauges that somebody else keeps, by label."""
        self.registry.register(CallbackCollector(GaugeMetricFamily(name, words, labels=[label]), look))

    def state(self, name: str, words: str, look: Callable[[], str]) -> None:
        """Which of several states something is in: 1 for that one."""
        self.registry.register(
            CallbackCollector(GaugeMetricFamily(name, words, labels=["state"]), lambda: {look(): 1.0})
        )

    def start(self) -> None:
        """Keep asking the event loop how late it is, until `stop`."""
        loop = asyncio.get_running_loop()
        due = loop.time() + _LOOK_S

        def look() -> None:
            nonlocal due
            self._lag.observe(max(0.0, loop.time() - due))
            due = loop.time() + _LOOK_S
            self._timer = loop.call_at(due, look)

        self._timer = loop.call_at(due, look)

    def stop(self) -> None:
        """Is idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)


class CallbackCollector(Collector):
    """What ``look`` finds, by label."""

    def __init__(
        self, family: CounterMetricFamily | GaugeMetricFamily, look: Callable[[], Mapping[str, float]]
    ) -> None:
        self._family, self._look = family, look

    def collect(self) -> list[Metric]:
        self._family.samples.clear()
        for label, value in self._look().items():
            self._family.add_metric([label], value)
        return [self._family]


def memory() -> dict[str, int | None]:
    """``rss_mb``: anonymous and shared memory, without files that are mapped. ``gpu_mb``: what torch holds of the card,
    None without one."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    kilobytes = sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem") if name in fields)
    return {"rss_mb": kilobytes // 1024, "gpu_mb": _card_mb()}


def _card_mb() -> int | None:
    torch = sys.modules.get("torch")  # never imported for this; asking for its statistics touches no device
    if torch is None or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.memory_reserved() >> 20)
