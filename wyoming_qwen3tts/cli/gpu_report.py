"""``doctor --gpu``: all that can be found out about this machine's card within ten minutes, without a download: a
text to read, a JSON file to attach to an issue, and a picture of its figures beside it.

A part that fails says why and stops no other one. The published sizes are measured with random weights: their work is
that of the real ones.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .. import __version__
from ..doctor import card as card_checks
from ..doctor import graphs as graph_checks
from ..doctor.checks import CheckContext
from ..engine.qwen3.card.roads import ROADS, choose
from ..engine.qwen3.hardware import memory
from ..engine.qwen3.hardware.nvml import read_cards
from ..engine.qwen3.hardware.plan import DevicePlan
from ..errors import SpeechError, first_line
from ..settings import Settings
from ..util.files import write_atomic
from .gpu_plot import plot

FORMAT = 1  # of the file
LIMIT_S = 540.0  # nothing new is begun after that
SIZES = ("0.6B", "1.7B")
STREAMS = (1, 2, 4, 8)
_FRAMES, _ROUNDS = 24, 3

Part = Callable[[], Any]


def make_report(
    settings: Settings,
    to: Path,
    *,
    sources: Sequence[str | Path] = SIZES,
    streams: Sequence[int] = STREAMS,
    now: Callable[[], float] = time.monotonic,
) -> int:
    """Look at the card, tell, and write ``to``; 0 if every part is well, else 1.

    Raises:
        SpeechError: why there is no card to look at, or if ``to`` cannot be written.
    """
    place = CheckContext(settings, os.environ)
    chosen = place.plan
    if chosen.device is None or chosen.device == "cpu":
        raise SpeechError(f"There is no card to look at. {' '.join(chosen.reasons)}".strip())
    device, dtype = chosen.torch_device, chosen.dtype
    began = now()
    report: dict[str, Any] = {"format": FORMAT, "version": __version__, "parts": {}}

    def bench(source: str | Path) -> Part:
        return lambda: _bench(source, streams, device, dtype)

    def road(source: str | Path) -> Part:
        return lambda: _roads(source, device, dtype)

    parts: list[tuple[str, Part]] = [
        ("machine", lambda: _machine(place, device)),
        ("checks", lambda: [asdict(check) for check in (*card_checks.check(place), *graph_checks.check(place))]),
        ("arithmetic", lambda: _arithmetic(device)),
        ("memory predicted", lambda: memory.table(max(streams), place.config.positions)),
        *((f"speed {_name(source)}", bench(source)) for source in sources),
        *((f"roads {_name(source)}", road(source)) for source in sources),
        ("kernels", lambda: _kernels(device)),
    ]
    for name, part in parts:
        report["parts"][name] = made = _made(part) if now() - began < LIMIT_S else {"error": "there was no time left"}
        sys.stdout.write("".join(f"{line}\n" for line in _lines(name, made)))
        sys.stdout.flush()
    picture, drawn = to.with_suffix(".svg"), plot(report)
    try:
        write_atomic(to, json.dumps(report, indent=2, ensure_ascii=False).encode(), is_shared=True)
        if drawn:
            write_atomic(picture, drawn.encode(), is_shared=True)
    except OSError as error:
        raise SpeechError(f"{to} cannot be written: {error.strerror or error}") from None
    files = f"{to} and {picture}. Attach them" if drawn else f"{to}. Attach it"
    sys.stdout.write(f"Written to {files} to an issue: that names the card and its figures, and nobody.\n")
    return 0 if all(_is_well(name, made) for name, made in report["parts"].items()) else 1


def _is_well(name: str, made: dict[str, Any]) -> bool:
    return "error" not in made and (name != "checks" or all(check["ok"] for check in made["found"]))


def _made(part: Part) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        return {"found": part(), "took_s": round(time.perf_counter() - began, 1)}
    except Exception as error:  # noqa: BLE001  whatever a card does: the other parts are to be told
        return {"error": f"{type(error).__name__}: {first_line(error)}"}


def _name(source: str | Path) -> str:
    return source.name if isinstance(source, Path) else source


def _machine(place: CheckContext, device: str) -> dict[str, Any]:
    import torch

    hardware = place.hardware
    free, total = torch.cuda.mem_get_info(device)
    cudnn: Any = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    return {
        "card": torch.cuda.get_device_name(device),
        "capability": list(torch.cuda.get_device_capability(device)),
        "free_mb": free >> 20,
        "total_mb": total >> 20,
        "now": [asdict(replace(reading, uuid="")) for reading in read_cards()],
        "driver": hardware.driver,
        "driver_cuda": hardware.driver_cuda,
        "torch": hardware.torch,
        "wheel_cuda": hardware.wheel_cuda,
        "architectures": list(hardware.arch_list),
        "cudnn": cudnn,
        "system": " ".join((os.uname().sysname, os.uname().release, os.uname().machine)),
        "cores": os.cpu_count(),
        "plan": place.plan.runs_on,
    }


def _arithmetic(device: str) -> dict[str, Any]:
    from ..engine.qwen3.card.self_check import BOUNDS, check_arithmetic

    verdict = check_arithmetic(device, tuple(BOUNDS))
    if verdict.why is not None:
        raise SpeechError(verdict.why)
    return {"errors": verdict.errors, "bounds": BOUNDS}


def _bench(source: str | Path, streams: Sequence[int], device: str, dtype: str) -> dict[str, Any]:
    from ..engine.qwen3.loading import empty_caches
    from ..engine.qwen3.precision import torch_dtype
    from .bench.card import bench_card

    empty_caches()  # what the size before has left
    return bench_card(
        source,
        streams=list(streams),
        frames=_FRAMES,
        rounds=_ROUNDS,
        device=device,
        dtype=torch_dtype(dtype),
        simulate=False,
    )


def _roads(source: str | Path, device: str, dtype: str) -> dict[str, Any]:
    """Each road tried, as the engine does it, and which one it would take if it knew this card."""
    from ..engine.qwen3.card.trial import try_road
    from ..engine.qwen3.loading import empty_caches, graphs_for
    from ..engine.qwen3.precision import torch_dtype
    from .bench.card import load_source

    empty_caches()
    (model, _), _ = load_source(source, device, torch_dtype(dtype))
    tried = [try_road(road, model, lambda: graphs_for(device, wanted=True)) for road in ROADS]
    shown = {each.road: each.error or f"{each.frame_ms:.2f} ms a frame" for each in tried}
    frame_ms = {each.road: round(each.frame_ms, 2) for each in tried if not each.error}
    return {"roads": shown, "frame_ms": frame_ms, **asdict(choose(tried))}


def _kernels(device: str, most: int = 12) -> list[dict[str, Any]]:
    """The operations of a few frames of a tiny model that take longest, with how often they ran."""
    import tempfile

    from torch.profiler import profile, supported_activities

    from ..engine.qwen3.card.self_check import SHAPE
    from ..engine.qwen3.loading import bench_utterance, load_models
    from ..engine.qwen3.runner.runner import ModelRunner
    from ..model.checkpoint.tiny import write_tiny_checkpoint

    with tempfile.TemporaryDirectory() as root:
        plan = DevicePlan(device, "float32", "none", graphs=False, models=())
        (checkpoint,), (codec,) = load_models(
            [write_tiny_checkpoint(Path(root) / "tiny", shape=SHAPE)], plan, None, lambda _: None
        )
    runner = ModelRunner(checkpoint, codec, slots=1, positions=64)
    utterance, voice = bench_utterance(runner, 0)
    runner.prefill(utterance, voice)
    activities = supported_activities()  # type: ignore[no-untyped-call]  # of this build
    with profile(activities=activities) as profiled:
        for _ in range(3):
            runner.frame([utterance], [float("-inf")])
            utterance.frames += 1
    found = [(event.self_device_time_total or event.self_cpu_time_total, event) for event in profiled.key_averages()]
    found.sort(key=lambda pair: -pair[0])
    return [{"name": event.key[:120], "times": event.count, "us": round(us)} for us, event in found[:most]]


def _lines(name: str, made: dict[str, Any]) -> Iterator[str]:
    if "error" in made:
        yield f"WRONG {name}: {made['error']}"
        return
    found = made["found"]
    if name.startswith("speed "):
        from .bench.card import table

        yield table(found)
    elif name == "checks":
        for check in found:
            yield f"{'ok   ' if check['ok'] else 'WRONG'} {check['check']}: {check['detail']}"
    elif isinstance(found, list):
        yield f"ok    {name}:"
        yield from (f"      {', '.join(f'{key} {value}' for key, value in row.items())}" for row in found)
    else:
        yield f"ok    {name}: {', '.join(f'{key} {value}' for key, value in found.items())}"
