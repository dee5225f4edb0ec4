"""Where the model runs: CUDA graphs, else CUDA without them, else the CPU or the built-in voice. Each step down is said
once, with its reason and what to do about it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from ....settings import EngineSettings as EngineSettings
from .memory import Need, need, smaller
from .probe import Card, Hardware, Probe, covers, probe

SMALL, LARGE = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice", "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice"
_LARGE_FROM_MB = 7_600  # cards sold with 8 GB show 7,600 to 8,190 MiB
_DRIVER_FOR = {12: "525", 13: "580"}  # the oldest for a CUDA major (NVIDIA's compatibility guide)
# What a machine can be told to do, a container cannot: there another image is the way.
_INSTALL = (
    "take the image for it, cu126, cu128 or cu130" if "IMAGE_USER" in os.environ else "script/run --engine.kind qwen3"
)


@dataclass(frozen=True, slots=True)
class DeviceWish:
    """What the settings ask for."""

    kind: str = "auto"  # auto, qwen3
    device: str = "auto"  # auto, cpu, cuda
    dtype: str = "auto"  # auto, float32, bfloat16
    models: tuple[str, ...] = ()  # none: chosen here
    slots: int = 4
    positions: int = 1_024  # of a slot
    vram_limit_mb: int = 0  # 0: what is free

    @classmethod
    def of(cls, engine: EngineSettings) -> DeviceWish:
        return cls(
            kind=engine.kind,
            device=engine.device,
            dtype=engine.dtype,
            models=engine.model,
            slots=engine.slots,
            vram_limit_mb=engine.vram_limit_mb,
        )


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What will be done. ``device`` None: the model is not loaded, and the built-in voice speaks."""

    device: str | None  # cuda:0, cpu
    dtype: str  # float32, bfloat16
    graphs: bool
    models: tuple[str, ...]
    reasons: tuple[str, ...] = ()  # one sentence for each step down, and what to do about it
    lines: tuple[str, ...] = ()  # five, for the log of the start

    @property
    def model(self) -> str:
        """The one that is loaded first."""
        return self.models[0]

    def without_graphs(self, why: str) -> DevicePlan:
        """The next step down, for a runner whose graphs could not be captured."""
        return replace(self, graphs=False, reasons=(*self.reasons, f"No CUDA graphs: {why}. Speech starts later."))


def plan(wish: DeviceWish, probe: Probe = probe) -> DevicePlan:
    """Choose for this machine."""
    hardware = probe()
    chosen = _choose(wish, hardware)
    return replace(chosen, lines=_lines(chosen, wish, hardware))


def _choose(wish: DeviceWish, hardware: Hardware) -> DevicePlan:
    if hardware.torch is None:
        why = f"torch cannot be loaded ({hardware.torch_error})" if hardware.torch_error else "torch is not installed"
        return _builtin(wish, f"Qwen3-TTS is off: {why}. Set it up: {_INSTALL}")
    if wish.device == "cpu":
        return _cpu(wish, hardware)
    card = _best_card(hardware)
    if card is None:
        reason = _why_no_cuda(hardware)
        if wish.device == "cuda":
            return _builtin(wish, f"No CUDA, though device is cuda: {reason}")
        if wish.kind == "qwen3":
            return _cpu(wish, hardware, f"The CPU speaks, slower than a graphics card: {reason}")
        return _builtin(wish, f"No CUDA: {reason}")
    return _cuda(wish, card)


def _best_card(hardware: Hardware) -> Card | None:
    able = [card for card in hardware.cards if covers(hardware.arch_list, card.capability)]
    return max(able, key=lambda card: card.free_mb, default=None)


def _why_no_cuda(hardware: Hardware) -> str:
    """One cause, the first that would have to be removed."""
    if hardware.driver is None:
        return (
            "there is no NVIDIA driver here. With a card: install the driver, and in a container add `--gpus all` and "
            "the NVIDIA container toolkit."
        )
    if hardware.wheel_cuda is None:
        return f"torch {hardware.torch} is a build for CPUs. Install one for this card: {_INSTALL}"
    if hardware.driver_cuda is not None and hardware.driver_cuda[0] < hardware.wheel_cuda[0]:
        enough = _DRIVER_FOR.get(hardware.wheel_cuda[0], "the newest")
        return (
            f"the driver {hardware.driver} runs CUDA {_dotted(hardware.driver_cuda)}, but torch {hardware.torch} needs "
            f"{_dotted(hardware.wheel_cuda)}. Update the driver to {enough} or later, or install a torch for CUDA "
            f"{hardware.driver_cuda[0]}: {_INSTALL}"
        )
    if not hardware.cards:
        return (
            f"the driver {hardware.driver} shows no card{f' ({hardware.cuda_error})' if hardware.cuda_error else ''}. "
            + ("Look at `nvidia-smi`; CUDA_VISIBLE_DEVICES may hide it.")
        )
    cards = ", ".join(f"{card.name} ({_dotted(card.capability)})" for card in hardware.cards)
    return f"torch {hardware.torch} has no code for {cards}, only {', '.join(hardware.arch_list)}. " + _other_wheel(
        hardware
    )


def _other_wheel(hardware: Hardware) -> str:
    newest = max(card.capability for card in hardware.cards)
    if newest < (7, 5):
        return f"Pascal and Volta need a cu126 build, torch 2.14 at the latest: {_INSTALL}"
    return f"Install a newer one, cu128 or cu130: {_INSTALL}"


def _builtin(wish: DeviceWish, *reasons: str) -> DevicePlan:
    return DevicePlan(None, "float32", graphs=False, models=wish.models or (SMALL,), reasons=reasons)


def _cpu(wish: DeviceWish, hardware: Hardware, *reasons: str) -> DevicePlan:
    dtype = wish.dtype
    if dtype == "auto":
        dtype = "bfloat16" if hardware.cpu_bfloat16 else "float32"
    return DevicePlan("cpu", dtype, graphs=False, models=wish.models or (SMALL,), reasons=reasons)


def _cuda(wish: DeviceWish, card: Card) -> DevicePlan:
    dtype, reasons = wish.dtype, []
    if dtype == "auto":
        dtype = "bfloat16" if card.capability >= (8, 0) else "float32"
        if dtype == "float32":
            reasons.append(
                f"float32 weights, twice the size: {card.name} ({_dotted(card.capability)}) does not compute with "
                "bfloat16, which begins with the RTX 30 series."
            )
    room_mb = min(card.free_mb, wish.vram_limit_mb or card.free_mb)
    models, graphs = wish.models or (_default_model(wish, card),), True
    fitting = []
    for model in models:
        fits, with_graphs, why = _fitted(model, dtype, wish, card, room_mb)
        reasons += why
        graphs = graphs and with_graphs
        fitting += [fits] if fits else []
    if not fitting:
        return _builtin(wish, *reasons)
    return DevicePlan(f"cuda:{card.index}", dtype, graphs, tuple(dict.fromkeys(fitting)), tuple(reasons))


def _default_model(wish: DeviceWish, card: Card) -> str:
    return LARGE if min(card.total_mb, wish.vram_limit_mb or card.total_mb) >= _LARGE_FROM_MB else SMALL


def _fitted(
    model: str, dtype: str, wish: DeviceWish, card: Card, room_mb: int
) -> tuple[str | None, bool, tuple[str, ...]]:
    """``model`` or its smaller brother, whether with graphs, and what is to be said about it. None: nothing fits.

    Each model is measured alone: where several are listed, the idle ones leave the memory.
    """
    why: tuple[str, ...] = ()
    candidate: str | None = model
    while candidate is not None:
        wanted = need(candidate, dtype=dtype, slots=wish.slots, positions=wish.positions)
        if wanted is None:
            return candidate, True, (*why, f"The size of {candidate} is not known; whether it fits will be seen.")
        if wanted.total_mb <= room_mb:
            return candidate, True, why
        if wanted.eager_mb <= room_mb:
            return candidate, False, (*why, f"No CUDA graphs, so speech starts later: {_room(wanted, wish, card)}")
        candidate, before = smaller(candidate), candidate
        then = f"{candidate} instead" if candidate else "it is not loaded"
        why = (*why, f"{before} does not fit, {then}: {_room(wanted, wish, card)}")
    return None, False, why


def _room(wanted: Need, wish: DeviceWish, card: Card) -> str:
    limited = 0 < wish.vram_limit_mb < card.free_mb
    if limited:
        room, fix = f"engine.vram_limit_mb allows {wish.vram_limit_mb:,}", "Raise it"
    else:
        room, fix = f"{card.free_mb:,} of {card.total_mb:,} MiB are free on {card.name}", "Free some"
    return f"it needs {wanted}, and {room}. {fix}, or lower engine.slots ({wish.slots})."


def _lines(chosen: DevicePlan, wish: DeviceWish, hardware: Hardware) -> tuple[str, ...]:
    cards = "; ".join(
        f"{card.name}, compute capability {_dotted(card.capability)}, {card.free_mb:,} of {card.total_mb:,} MiB free"
        for card in hardware.cards
    )
    driver = "no NVIDIA driver"
    if hardware.driver is not None:
        driver = f"driver {hardware.driver}" + (
            f", CUDA {_dotted(hardware.driver_cuda)}" if hardware.driver_cuda else ""
        )
    torch = "not installed" if hardware.torch is None else hardware.torch
    if hardware.wheel_cuda:
        torch += f", CUDA {_dotted(hardware.wheel_cuda)}, code for {', '.join(hardware.arch_list) or '?'}"
    where = "the built-in voice speaks" if chosen.device is None else f"Qwen3-TTS on {chosen.device}"
    if (chosen.device or "").startswith("cuda"):
        where += " with CUDA graphs" if chosen.graphs else " without CUDA graphs"
    wanted = need(chosen.model, dtype=chosen.dtype, slots=wish.slots, positions=wish.positions)
    size = f", {wanted}" if wanted and (chosen.device or "").startswith("cuda") else ""
    return (
        f"Card: {cards or 'none'} ({driver})",
        f"Torch: {torch}",
        f"Engine: {where}",
        f"Model: {', '.join(chosen.models)}, {chosen.dtype}, {wish.slots} slots{size}"
        if chosen.device
        else "Model: none",
        f"Steps down: {' '.join(chosen.reasons) or 'none'}",
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
