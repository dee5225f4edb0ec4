"""``bench``: measure, print a table or one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from ...errors import BadRequest, SpeechError
from ...settings import Settings
from . import wyoming


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
    if chosen.wyoming:
        result, table = _servers(chosen.wyoming, streams, chosen.rounds), wyoming.table
    elif chosen.building:
        from . import building

        counts = building.counts_of(chosen.building)
        result, table = building.bench_building(counts, Path(chosen.plot) if chosen.plot else None), building.table
    elif chosen.peers:
        from .peers import compare

        result = _peers(settings, chosen)
        table = compare.table
    elif chosen.simulate or ((chosen.random_weights or settings.engine.model) and _on_card(settings)):
        from . import card

        result, table = _card(settings, streams, chosen), card.table
    elif chosen.random_weights or settings.engine.model:
        from . import model

        result = _model(settings, chosen.random_weights, streams, chosen)
        table = model.table
    else:
        raise BadRequest("Say what to measure: --wyoming tcp://127.0.0.1:10200, or --random-weights 0.6B")
    sys.stdout.write((json.dumps(result, indent=2) if chosen.json else table(result)) + "\n")
    return 0


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
    plan = cpu_plan(config, has_bfloat16=cpu_has_bfloat16())
    source = size or next(fetched(settings, settings.engine.model))
    sizes = {"streams": streams, "frames": chosen.frames, "rounds": chosen.rounds}
    return bench_model(source, **sizes, plan=plan, rounded_dir=config.rounded_dir)


def _on_card(settings: Settings) -> bool:
    from ..say_model import model_device

    return model_device(settings).startswith("cuda")


def _card(settings: Settings, streams: list[int], chosen: Namespace) -> dict[str, Any]:
    """On a card, or with ``--simulate`` on its stand-in: a tiny model where none is named."""
    import torch

    from ..download import fetched
    from ..say_model import model_device
    from .card import bench_card, tiny_folder

    if chosen.frames < 2:
        raise BadRequest("--frames starts at 2: the first frame is the time to first audio, the others the speed.")
    device = "cpu" if chosen.simulate else model_device(settings)
    dtype = torch.float32 if chosen.simulate or settings.engine.dtype == "float32" else torch.bfloat16
    with tempfile.TemporaryDirectory() as scratch:
        source = chosen.random_weights or next(iter(fetched(settings, settings.engine.model)), None)
        return bench_card(
            source or tiny_folder(Path(scratch)),
            streams=streams,
            frames=chosen.frames,
            rounds=chosen.rounds,
            device=device,
            dtype=dtype,
            simulate=chosen.simulate,
        )
