"""The NVIDIA driver, the card, and whether this torch has code for it."""

from __future__ import annotations

from pathlib import Path

from ..engine.qwen3.hardware.probe import Machine, covers
from .checks import Check, Place, fine, wrong

_CONTAINER = (
    "Install the driver; in a container, also the NVIDIA container toolkit, and give the container the card "
    "(docker: --gpus all; compose: the file for one GPU in docker/)"
)
_PCI = Path("/sys/bus/pci/devices")


def check(place: Place) -> list[Check]:
    if place.settings.engine.kind in ("builtin", "remote"):
        return [fine("card", f"not needed: engine.kind is {place.settings.engine.kind}")]
    machine = place.machine
    checks = [_driver(place, machine)]
    if machine.driver is not None:
        checks += [_card(machine), _code(place, machine)]
    return [*checks, _chosen(place)]


def _driver(place: Place, machine: Machine) -> Check:
    if machine.driver is not None:
        cuda = f", runs CUDA {_dotted(machine.driver_cuda)} and older" if machine.driver_cuda else ""
        return fine("driver", f"NVIDIA {machine.driver}{cuda}")
    if place.settings.engine.device == "cuda":
        return wrong("driver", "no NVIDIA driver, though engine.device is cuda", _CONTAINER)
    if nvidia_on_bus():
        return wrong("driver", "an NVIDIA card is in this machine, but no driver for it is in reach", _CONTAINER)
    return fine("driver", "no NVIDIA card and no driver")


def nvidia_on_bus(devices: Path = _PCI) -> bool:
    """Whether a graphics card of NVIDIA's (vendor 10de, class 03) sits on the PCI bus, driver or not."""
    for device in sorted(devices.glob("*")):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
        except OSError:
            continue
        if vendor == "0x10de" and kind.startswith("0x03"):
            return True
    return False


def _card(machine: Machine) -> Check:
    if machine.cards:
        shown = "; ".join(
            f"{card.name}, compute capability {_dotted(card.capability)}, "
            f"{card.free_mb:,} of {card.total_mb:,} MiB free"
            for card in machine.cards
        )
        return fine("card", shown)
    if machine.torch is None or machine.wheel_cuda is None:
        return fine("card", "not asked: torch for CUDA is not installed")
    why = f" ({machine.cuda_error})" if machine.cuda_error else ""
    return wrong("card", f"the driver shows no card{why}", "Look at nvidia-smi; CUDA_VISIBLE_DEVICES may hide it")


def _code(place: Place, machine: Machine) -> Check:
    name = "code for the card"
    if machine.torch is None:
        why = machine.torch_error or "torch is not installed"
        return wrong(name, why, "Take the cu126, cu128 or cu130 image, or without containers: script/run")
    if machine.wheel_cuda is None:
        return wrong(name, f"torch {machine.torch} is a build for CPUs", "Take the cu126, cu128 or cu130 image")
    built = f"torch {machine.torch}, CUDA {_dotted(machine.wheel_cuda)}, code for {', '.join(machine.arch_list) or '?'}"
    if any(covers(machine.arch_list, card.capability) for card in machine.cards):
        return fine(name, built)
    return wrong(name, built, " ".join(place.plan.reasons) or "Take another image: cu126, cu128 or cu130")


def _chosen(place: Place) -> Check:
    """What the engine makes of all this."""
    chosen, wanted = place.plan, place.settings.engine
    reasons = " ".join(chosen.reasons)
    if chosen.device is not None:
        where = f"Qwen3-TTS on {chosen.device}, {chosen.dtype}, {', '.join(chosen.models)}"
        if chosen.device == "cpu" and wanted.device != "cpu":
            where += "; slower than speech, so long replies may pause"
        return fine("engine", f"{where}. {reasons}".rstrip(" ."))
    if wanted.kind == "auto" and wanted.device != "cuda" and place.machine.driver is None:
        return fine(
            "engine", "the built-in voice speaks; Qwen3-TTS needs an NVIDIA card, or engine.kind qwen3 to use the CPU"
        )
    return wrong("engine", "the built-in voice speaks instead of Qwen3-TTS", reasons)


def _dotted(version: tuple[int, int] | None) -> str:
    return "?" if version is None else f"{version[0]}.{version[1]}"
