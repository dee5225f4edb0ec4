"""CUDA graphs on this card, tried on a tiny model, and what the published models would take of its memory."""

from __future__ import annotations

from ..engine.qwen3.hardware.memory import table
from ..errors import DeviceLost
from .checks import Check, CheckContext, fine, wrong


def check(place: CheckContext) -> list[Check]:
    """Nothing to say where no card is to be used. Takes some seconds where one is."""
    device = place.plan.device if place.wants_model else None
    if device is None or not device.startswith("cuda"):
        return []
    return [_memory(place), _arithmetic(place), _graphs(place, device)]


def _memory(place: CheckContext) -> Check:
    slots, positions = place.config.slots, place.config.positions
    rows = [f"{row['model']} {row['dtype']} {row['beside_mb']:,} MiB" for row in table(slots, positions)]
    return fine("memory of the card", f"predicted for {slots} slots, beside the CUDA context: {'; '.join(rows)}")


def _arithmetic(place: CheckContext) -> Check:
    from ..engine.qwen3.card.self_check import trusted

    name, fix = "arithmetic of the card", "Update driver and torch; if it stays, report it with this line"
    try:
        safer, said = trusted(place.plan, place.config)
    except DeviceLost as error:
        return wrong(name, str(error), "Restart the machine, or the container; update the driver")
    return fine(name, said) if safer is place.plan else wrong(name, safer.reasons[-1], fix)


def _graphs(place: CheckContext, device: str) -> Check:
    if not place.config.graphs:
        return fine("CUDA graphs", "off: engine.graphs")
    import torch

    from ..engine.qwen3.graph_check import check_graphs
    from ..engine.qwen3.runner.cuda_graphs import CudaGraphs

    found = check_graphs(device, lambda: CudaGraphs(torch.device(device)))
    return fine("CUDA graphs", found.detail) if found.ok else wrong("CUDA graphs", found.detail, found.fix)
