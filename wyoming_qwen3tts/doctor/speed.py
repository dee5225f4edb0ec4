"""``doctor --speed``: what this processor would do with the published models, and the one setting to change."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ..engine.qwen3.hardware.cores import cpu_quota, host_cores, usable_cores
from ..engine.qwen3.hardware.memory import cpu_need_mb
from ..engine.qwen3.hardware.plan import LARGE, SMALL, cpu_plan, published
from ..util.installation import qwen3_advice
from .checks import Check, CheckContext, fine, wrong

if TYPE_CHECKING:
    from ..engine.qwen3.profiling.sample import Sample

_FRAME_S = 0.08
_AT_ONCE = 0.95  # of real time, up to which replies begin at once: a margin for what else the machine does
_SLOWEST = 1.5  # beyond it too much of what is said would be spoken by another voice
_LAST_START_S = 12.0  # after which no further size is begun: all is to be over in 20 s
_ROUNDINGS = ("int8", "int4")

Take = Callable[[str], "Sample"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to speak here. ``alone``, ``two``: seconds of making by seconds of sound, for one listener and for each
    of two."""

    size: str
    quantize: str
    alone: float
    two: float
    needed_mb: int

    @property
    def name(self) -> str:
        return f"{self.size} {self.quantize}"


def checks(place: CheckContext, take: Take | None = None) -> Iterator[Check]:
    """Measure, and say. ``take`` measures with a precision of weights; by default the compiled library does."""
    if place.hardware.torch is None:
        why = place.hardware.torch_error or "PyTorch is not installed"
        yield wrong("speed", f"Qwen3-TTS cannot be measured: {why}", qwen3_advice())
        return
    load, cores = os.getloadavg()[0], host_cores()  # before we are one who uses them
    dtype = cpu_plan(place.config, has_bfloat16=place.hardware.cpu_bfloat16).dtype
    sample = (take or _taken(place))(dtype)
    yield fine("processor", _processor(sample))
    if load > cores:
        yield wrong(
            "quiet",
            f"other programs used the machine meanwhile: a load of {load:.1f} on {cores} cores",
            "Measure again in a quiet moment, or take the figures for what is left when it is as busy as this",
        )
    choices = list(_choices(sample, dtype))
    yield from (fine(choice.name, _words(choice, place), **_facts(choice, place)) for choice in choices)
    for size in ("0.6B", "1.7B"):
        if size not in {choice.size for choice in choices}:
            yield fine(size, "not measured: this machine is too slow, or too busy now, for more in 20 s")
    yield _advice(choices, place)


def _taken(place: CheckContext) -> Take:
    def take(dtype: str) -> Sample:
        from ..engine.qwen3.profiling.sample import sample
        from ..model.cpu.native.build import NoLibrary, library_path

        with suppress(NoLibrary):  # the sample says so
            library_path(place.config.rounded_dir)  # compiled here at first use, which is no part of the 20 s
        began = time.monotonic()
        return sample(dtype, place.config.rounded_dir, lambda: time.monotonic() - began < _LAST_START_S)

    return take


def _processor(sample: Sample) -> str:
    from ..engine.qwen3.hardware.threads import processor

    quota = cpu_quota()
    words = f"{processor() or 'of unknown name'}: {sample.runs_on}"
    if quota is not None and usable_cores(os.sched_getaffinity(0)) < len(os.sched_getaffinity(0)):
        words += f"; this container may use {quota:g} cores"
    if sample.why_slow:
        words += f"; slower than it could be, because {sample.why_slow}"
    return words


def _choices(sample: Sample, dtype: str) -> Iterator[Choice]:
    """Best first: the larger model, the finer rounding."""
    for size in ("1.7B", "0.6B"):
        for quantize in _ROUNDINGS:
            if (size, quantize, 1) in sample.frames:
                alone, two = (sample.frames[size, quantize, count].total / _FRAME_S for count in (1, 2))
                needed_mb = cpu_need_mb(published(size), dtype=dtype) or 0
                yield Choice(size, quantize, alone, two, needed_mb)


def _words(choice: Choice, place: CheckContext) -> str:
    words = f"{choice.alone * 80:.0f} ms for a frame of 80, so {choice.alone:.2f} of real time; two listeners "
    words += f"{choice.two:.2f}; about {choice.needed_mb:,} MiB of memory"
    return words if _has_room(choice, place) else f"{words}, more than can be had"


def _facts(choice: Choice, place: CheckContext) -> dict[str, object]:
    return asdict(choice) | {"fits": _has_room(choice, place)}


def _has_room(choice: Choice, place: CheckContext) -> bool:
    return place.hardware.ram_mb is None or choice.needed_mb <= place.hardware.ram_mb


def _advice(choices: list[Choice], place: CheckContext) -> Check:
    """The one setting to change: none, if the configured way is the best that keeps up."""
    able = [choice for choice in choices if _has_room(choice, place)]
    best = next((choice for choice in able if choice.alone <= _AT_ONCE), None)
    best = best or min((choice for choice in able if choice.alone <= _SLOWEST), key=lambda one: one.alone, default=None)
    if best is None:
        least = min((choice.alone for choice in choices), default=0.0)
        why = f"the fastest way takes {least:.2f} of real time" if able else "there is too little memory"
        if place.wants_model and place.plan.device == "cpu":
            fix = "engine.kind builtin; another machine may speak for this one: engine.kind remote"
            return wrong("setting", f"Qwen3-TTS is too much for this machine: {why}", fix, verdict="builtin")
        stay = f"leave it at the built-in voice: {why}. A Piper may stand in: engine.stand_in"
        return fine("setting", stay, verdict="builtin")
    then = f"{best.name} {_what_it_means(best, place.settings.engine.head_start_s)}"
    change = _change(best, place)
    if change is None:
        return fine("setting", f"nothing to change: {then}", verdict="keep", best=best.name)
    told = {"verdict": "change", "best": best.name, "setting": change}
    now = next((choice for choice in choices if place.wants_model and _is_configured(choice, place)), None)
    if now is not None and now.alone > 1 >= best.alone:
        slow = f"{now.name}, as configured, takes {now.alone:.2f} of real time"
        return wrong("setting", slow, f"{change}: {then}", **told)
    return fine("setting", f"{change}: {then}", **told)


def _what_it_means(choice: Choice, most_s: float) -> str:
    if choice.alone <= 1:
        return "begins its replies at once"
    longest_s = most_s / (choice.alone - 1)
    return f"holds replies of up to {longest_s:.0f} s back, up to {most_s:g} s; longer ones another voice speaks"


def _change(best: Choice, place: CheckContext) -> str | None:
    """The first setting that keeps this machine from speaking like ``best``."""
    engine, model = place.settings.engine, published(best.size)
    if place.plan.device is not None and place.plan.device != "cpu":
        return None  # a card speaks
    if not place.wants_model:
        return "engine.natural_voice on" if engine.kind == "auto" else "engine.kind qwen3"
    if model not in place.plan.models and set(place.plan.models) & {SMALL, LARGE}:
        return f"engine.model {model}"
    return f"engine.quantize {best.quantize}" if place.plan.quantize != best.quantize else None


def _is_configured(choice: Choice, place: CheckContext) -> bool:
    return published(choice.size) in place.plan.models and place.plan.quantize == choice.quantize
