"""The NVIDIA driver, the card, and whether this torch has code for it."""

from __future__ import annotations

from ..engine.qwen3.hardware.nvml import read_cards
from ..engine.qwen3.hardware.probe import Hardware, nvidia_on_bus, runs
from ..util.installation import qwen3_advice
from .checks import Check, CheckContext, fine, wrong

_CONTAINER = (
    "Install the driver; in a container, also the NVIDIA container toolkit, and give the container the card "
    "(docker: --gpus all; compose: the file for one GPU in docker/)"
)


def check(place: CheckContext) -> list[Check]:
    if place.settings.engine.kind in ("builtin", "remote", "wyoming"):
        return [fine("card", f"not needed: engine.kind is {place.settings.engine.kind}")]
    hardware = place.hardware
    checks = [_driver(place, hardware)]
    if hardware.driver is not None:
        checks += [_card(hardware), _code(place, hardware)]
    return [*checks, _chosen(place)]


def _driver(place: CheckContext, hardware: Hardware) -> Check:
    if hardware.driver is not None and hardware.wheel_hip is not None:
        return fine("driver", f"AMD {hardware.driver}")
    if hardware.driver is not None:
        cuda = f", runs CUDA {_dotted(hardware.driver_cuda)} and older" if hardware.driver_cuda else ""
        return fine("driver", f"NVIDIA {hardware.driver}{cuda}")
    if place.settings.engine.device == "cuda":
        return wrong("driver", "no NVIDIA driver, though engine.device is cuda", _CONTAINER)
    if nvidia_on_bus():
        return wrong("driver", "an NVIDIA card is in this machine, but no driver for it is in reach", _CONTAINER)
    return fine("driver", "no NVIDIA card and no driver")


def _card(hardware: Hardware) -> Check:
    if hardware.cards:
        shown = "; ".join(
            f"{card.name}, compute capability {_dotted(card.capability)}, "
            f"{card.free_mb:,} of {card.total_mb:,} MiB free"
            for card in hardware.cards
        )
        now = "; ".join(str(reading) for reading in read_cards() if str(reading))
        return fine("card", f"{shown}; now {now}" if now else shown)
    if hardware.torch is None or (hardware.wheel_cuda or hardware.wheel_hip) is None:
        return fine("card", "not asked: torch for CUDA is not installed")
    why = f" ({hardware.cuda_error})" if hardware.cuda_error else ""
    return wrong("card", f"the driver shows no card{why}", "Look at nvidia-smi; CUDA_VISIBLE_DEVICES may hide it")


def _code(place: CheckContext, hardware: Hardware) -> Check:
    name = "code for the card"
    if hardware.torch is None:
        why = hardware.torch_error or "torch is not installed"
        return wrong(name, why, qwen3_advice(serve=True))
    if hardware.wheel_hip is not None:
        built = f"torch {hardware.torch}, code for {', '.join(hardware.arch_list) or '?'}"
        has_code = any(runs(hardware, card) for card in hardware.cards)
        return fine(name, built) if has_code else wrong(name, built, " ".join(place.plan.reasons))
    if hardware.wheel_cuda is None:
        return wrong(name, f"torch {hardware.torch} is a build for CPUs", qwen3_advice(serve=True))
    built = (
        f"torch {hardware.torch}, CUDA {_dotted(hardware.wheel_cuda)}, code for {', '.join(hardware.arch_list) or '?'}"
    )
    if any(runs(hardware, card) for card in hardware.cards):
        return fine(name, built)
    return wrong(name, built, " ".join(place.plan.reasons) or qwen3_advice(serve=True))


def _chosen(place: CheckContext) -> Check:
    """What the engine makes of all this."""
    chosen, wanted = place.plan, place.settings.engine
    reasons = " ".join(chosen.reasons)
    if chosen.device is not None:
        where = f"Qwen3-TTS on {chosen.device}, {chosen.dtype}, {', '.join(chosen.models)}"
        if chosen.device == "cpu" and wanted.device != "cpu":
            where += "; slower than speech, so long replies may pause"
        return fine("engine", f"{where}. {reasons}".rstrip(" ."))
    if wanted.chosen_kind == "auto" and wanted.device != "cuda" and place.hardware.driver is None:
        return fine(
            "engine",
            "the built-in voice speaks; Qwen3-TTS needs an NVIDIA card, or engine.natural_voice to use the CPU",
        )
    return wrong("engine", "the built-in voice speaks instead of Qwen3-TTS", reasons)


def _dotted(version: tuple[int, int] | None) -> str:
    return "?" if version is None else f"{version[0]}.{version[1]}"
