"""``bench``: measure, print a table or one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import BadRequest, SpeechError
from ...settings import Settings
from . import instructions, wyoming

_Measured = tuple[dict[str, Any], Callable[[dict[str, Any]], str]]  # the result, and what makes a table of it


def bench(settings: Settings, chosen: Namespace) -> int:
    """Run what the flags ask for: servers (``--wyoming``), made-up weights, or the configured model.

    Raises:
        SpeechError: if something to measure is missing or cannot be reached.
    """
    try:
        streams = [int(count) for count in chosen.streams.split(",")]
    except ValueError:
        raise BadRequest(f"--streams takes numbers such as 1,4, not {chosen.streams!r}.") from None
    if chosen.rounds < 1 or min(streams) < 1:
        raise BadRequest("--rounds and --streams start at 1.")
    limited = _limited(settings, chosen)
    result, table = _measured(settings, streams, chosen)
    if limited:
        result["machine"] += f", {limited}"
    sys.stdout.write((json.dumps(result, indent=2) if chosen.json else table(result)) + "\n")
    return 0


def _measured(settings: Settings, streams: list[int], chosen: Namespace) -> _Measured:
    if chosen.wyoming:
        return _servers(chosen.wyoming, streams, chosen.rounds), wyoming.table
    if chosen.building or chosen.rooms or chosen.processes:
        return _many_rooms(chosen)
    if chosen.playback:
        from . import playback

        return playback.bench_playback(settings), playback.table
    if chosen.peers:
        from .peers import compare

        return _peers(settings, chosen), compare.table
    return _networks(settings, streams, chosen)


def _networks(settings: Settings, streams: list[int], chosen: Namespace) -> _Measured:
    if chosen.server:
        from . import server

        return _whole_server(settings, streams, chosen), server.table
    if chosen.simulate or ((chosen.random_weights or settings.engine.model) and _on_card(settings)):
        from . import card

        return _card(settings, streams, chosen), card.table
    if chosen.random_weights or settings.engine.model:
        from . import model

        return _model(settings, chosen.random_weights, streams, chosen), model.table
    raise BadRequest("Say what to measure: --wyoming tcp://127.0.0.1:10200, or --random-weights 0.6B")


def _limited(settings: Settings, chosen: Namespace) -> str:
    """In words, to what instructions ``--cpu`` has limited this process; empty: to none."""
    elsewhere = chosen.wyoming or chosen.peers or chosen.simulate or chosen.playback
    if chosen.cpu != instructions.AUTO and (elsewhere or settings.engine.device not in ("auto", "cpu")):
        raise BadRequest("--cpu is for the model on this machine's processor: --random-weights 0.6B, or engine.model.")
    limited = instructions.limit(chosen.cpu)
    if limited and settings.engine.device == "auto" and _on_card(settings):
        raise BadRequest(
            "--cpu is for a processor, and the model runs on a graphics card here: add --engine.device cpu"
        )
    return limited


def _many_rooms(chosen: Namespace) -> _Measured:
    """This server before simulated model servers."""
    from . import building, processes, rooms

    if chosen.building:
        counts = building.counts_of(chosen.building, "--building", "servers", 64)
        return building.bench_building(counts, Path(chosen.plot) if chosen.plot else None), building.table
    if chosen.rooms:
        return rooms.bench_rooms(building.counts_of(chosen.rooms, "--rooms", "rooms", 2_000)), rooms.table
    counts = building.counts_of(chosen.processes, "--processes", "processes", 16)
    return processes.bench_processes(counts), processes.table


def _servers(uris: str, streams: list[int], rounds: int) -> dict[str, Any]:
    try:
        return asyncio.run(wyoming.bench_wyoming(uris, streams=streams, rounds=rounds))
    except OSError as error:
        raise SpeechError(f"A server could not be reached: {error.strerror or error}") from None


def _peers(settings: Settings, chosen: Namespace) -> dict[str, Any]:
    import os

    from .peers.compare import bench_peers

    threads = len(os.sched_getaffinity(0))
    folder = settings.data_dir / "peers"
    return bench_peers(folder, frames=chosen.frames + 1, rounds=chosen.rounds, threads=threads)


def _model(settings: Settings, size: str | None, streams: list[int], chosen: Namespace) -> dict[str, Any]:
    """On the CPU: a card is measured by `_card`."""
    from ...engine.qwen3.config import EngineConfig
    from ...engine.qwen3.hardware.plan import cpu_plan
    from ...engine.qwen3.hardware.probe import cpu_has_bfloat16
    from ..download import fetched
    from .model import bench_model

    if chosen.frames < 2:
        raise BadRequest("--frames starts at 2: the first frame is the time to first audio, the others the speed.")
    config = EngineConfig.of(settings)
    plan = cpu_plan(config, has_bfloat16=chosen.cpu == instructions.AUTO and cpu_has_bfloat16())
    source = size or next(fetched(settings, settings.engine.model))
    sizes = {"streams": streams, "frames": chosen.frames, "rounds": chosen.rounds}
    return bench_model(source, **sizes, plan=plan, rounded_dir=config.rounded_dir)


def _whole_server(settings: Settings, streams: list[int], chosen: Namespace) -> dict[str, Any]:
    """On the CPU, in a process of its own."""
    from ...engine.qwen3.config import EngineConfig
    from ...engine.qwen3.hardware.plan import cpu_plan
    from ...engine.qwen3.hardware.probe import cpu_has_bfloat16
    from .server import bench_server

    if not chosen.random_weights:
        raise BadRequest("--server measures random weights: say which size, --random-weights 0.6B")
    if chosen.frames < 2:
        raise BadRequest("--frames starts at 2: the first frame is the time to first audio, the others the speed.")
    plan = cpu_plan(EngineConfig.of(settings), has_bfloat16=cpu_has_bfloat16())
    sizes = {"streams": streams, "frames": chosen.frames, "rounds": chosen.rounds}
    return bench_server(chosen.random_weights, **sizes, plan=plan, data_dir=settings.data_dir)


def _on_card(settings: Settings) -> bool:
    from ..say_model import model_device

    return model_device(settings).startswith("cuda")


def _card(settings: Settings, streams: list[int], chosen: Namespace) -> dict[str, Any]:
    """On a card, or with ``--simulate`` on its stand-in: a tiny model where none is named."""
    from ...engine.qwen3.precision import torch_dtype
    from ..download import fetched
    from .card import bench_card, tiny_folder

    if chosen.frames < 2:
        raise BadRequest("--frames starts at 2: the first frame is the time to first audio, the others the speed.")
    device, dtype = ("cpu", "float32") if chosen.simulate else _as_the_engine(settings, chosen.random_weights)
    with tempfile.TemporaryDirectory() as scratch:
        source = chosen.random_weights or next(iter(fetched(settings, settings.engine.model)), None)
        return bench_card(
            source or tiny_folder(Path(scratch)),
            streams=streams,
            frames=chosen.frames,
            rounds=chosen.rounds,
            device=device,
            dtype=torch_dtype(dtype),
            simulate=chosen.simulate,
        )


def _as_the_engine(settings: Settings, size: str | None) -> tuple[str, str]:
    """The card and the precision that the engine would choose here.

    Raises:
        SpeechError: why it would choose no card.
    """
    from ...engine.qwen3.config import EngineConfig
    from ...engine.qwen3.hardware.plan import plan, published

    config = EngineConfig.of(settings)
    chosen = plan(replace(config, models=(published(size),)) if size else config)
    if chosen.device is None or chosen.device == "cpu":
        raise SpeechError(" ".join(chosen.reasons))
    return chosen.device, chosen.dtype
