"""Where the model runs: CUDA graphs, else CUDA without them, else the CPU or the built-in voice. Each step down is said
once, with its reason and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ....util.installation import qwen3_advice
from ..config import EngineConfig
from .memory import Need, cpu_need_mb, need, smaller
from .probe import Card, Hardware, Probe, cpu_has_bfloat16, probe, runs

SMALL, LARGE = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice", "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice"
_LARGE_FROM_MB = 7_600  # cards sold with 8 GB show 7,600 to 8,190 MiB
_DRIVER_FOR = {12: "525", 13: "580"}  # the oldest for a CUDA major (NVIDIA's compatibility guide)


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What will be done. ``device`` None: the model is not loaded, and the built-in voice speaks."""

    device: str | None  # cuda:0, cpu
    dtype: str  # float32, bfloat16
    quantize: str  # none, int8, int4 (the code predictor; the talker int8)
    graphs: bool
    models: tuple[str, ...]
    reasons: tuple[str, ...] = ()  # one sentence for each step down, and what to do about it
    lines: tuple[str, ...] = ()  # what was found and chosen, for whoever looks for a fault
    slots: int = 1  # replies at the same time
    card: str = ""  # its name
    why_no_graphs: str = ""  # in brackets, where they were planned and could not be had
    codec_tf32: bool = False
    kernels: str = ""  # of a road that computes by its own: compiled, fused
    driver: str = ""  # the version of NVIDIA's
    has_room: bool = True  # False: it would be loaded if there were more memory, which there may be later

    @property
    def model(self) -> str:
        """The one that is loaded first."""
        return self.models[0]

    @property
    def torch_device(self) -> str:
        """``device``, of a plan by which the model is loaded.

        Raises:
            ValueError: if it is not.
        """
        if self.device is None:
            raise ValueError("by this plan no model is loaded")
        return self.device

    @property
    def runs_on(self) -> str:
        """Where and how, in a line for people: as planned, or as `without_graphs` left it."""
        if self.device is None:
            return ""
        if self.device == "cpu":
            rounded = "" if self.quantize == "none" else f", {self.quantize}"
            return f"cpu, {self.dtype}{rounded}"
        own = f", {self.kernels} kernels" if self.kernels else ""
        rounded = "" if self.quantize == "none" else f", {self.quantize}"
        graphs = f"{'with' if self.graphs else 'without'} CUDA graphs{self.why_no_graphs}"
        return f"{self.device}, {self.dtype}{rounded}, {graphs}{own}"

    @property
    def voice(self) -> str:
        """Who is going to speak, and why in this way: a line of the log of the start."""
        if self.device is None:
            return "built-in, as Qwen3-TTS cannot be loaded here"
        names = ", ".join(model.rstrip("/").rpartition("/")[2].removeprefix("Qwen3-TTS-12Hz-") for model in self.models)
        where = f"on {self.runs_on}" if self.device != "cpu" else f"on the processor, {self.runs_on.partition(', ')[2]}"
        card = f" ({self.card})" if self.card else ""
        what = f"Qwen3-TTS {names}, {where}{card}, {self.slots} replies at a time; built-in until it is loaded"
        return ". ".join((what, *(reason.rstrip(".") for reason in self.reasons)))

    def without_graphs(self, why: str) -> DevicePlan:
        """The next step down, for a runner whose graphs could not be captured."""
        said = f"No CUDA graphs: {why}. Speech starts later."
        return replace(self, graphs=False, why_no_graphs=f" ({why})", reasons=(*self.reasons, said))


def plan(config: EngineConfig, probe: Probe = probe) -> DevicePlan:
    """Choose for this machine."""
    hardware = probe()
    chosen = _choose(config, hardware)
    card = next((card.name for card in hardware.cards if f"cuda:{card.index}" == chosen.device), "")
    lines = _lines(chosen, config, hardware)
    return replace(chosen, lines=lines, driver=hardware.driver or "", slots=config.slots, card=card)


def _choose(config: EngineConfig, hardware: Hardware) -> DevicePlan:
    if hardware.torch is None:
        why = f"torch cannot be loaded ({hardware.torch_error})" if hardware.torch_error else "torch is not installed"
        return _builtin(config, f"Qwen3-TTS is off: {why}. Set it up: {qwen3_advice(serve=True)}")
    if config.device == "cpu":
        return _on_cpu(config, hardware)
    card = _best_card(hardware)
    if card is None:
        reason = _why_no_cuda(hardware)
        if config.device == "cuda":
            return _builtin(config, f"No CUDA, though device is cuda: {reason}")
        if config.kind == "qwen3":
            slower = f"The CPU speaks, slower than a graphics card: {reason}"
            return _on_cpu(config, hardware, slower)
        return _builtin(config, f"No CUDA: {reason}")
    return _cuda(config, card)


def _best_card(hardware: Hardware) -> Card | None:
    able = [card for card in hardware.cards if runs(hardware, card)]
    return max(able, key=lambda card: card.free_mb, default=None)


def _why_no_cuda(hardware: Hardware) -> str:
    """One cause, the first that would have to be removed."""
    if hardware.wheel_hip is not None:
        return _why_no_rocm(hardware)
    if hardware.driver is None:
        return (
            "there is no NVIDIA driver here. With a card: install the driver, and in a container add `--gpus all` and "
            "the NVIDIA container toolkit."
        )
    if hardware.wheel_cuda is None:
        return f"torch {hardware.torch} is a build for CPUs. Install one for this card: {qwen3_advice(serve=True)}"
    if hardware.driver_cuda is not None and hardware.driver_cuda[0] < hardware.wheel_cuda[0]:
        enough = _DRIVER_FOR.get(hardware.wheel_cuda[0], "the newest")
        return (
            f"the driver {hardware.driver} runs CUDA {_dotted(hardware.driver_cuda)}, but torch {hardware.torch} needs "
            f"{_dotted(hardware.wheel_cuda)}. Update the driver to {enough} or later, or install a torch for CUDA "
            f"{hardware.driver_cuda[0]}: {qwen3_advice(serve=True)}"
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


def _why_no_rocm(hardware: Hardware) -> str:
    torch = f"torch {hardware.torch} is a build for AMD's cards (ROCm {_dotted(hardware.wheel_hip or (0, 0))})"
    if hardware.driver is None:
        return (
            f"{torch}, and there is no /dev/kfd. Install AMD's driver, and give a container the devices /dev/kfd and "
            f"/dev/dri; for a card of NVIDIA's, take another torch: {qwen3_advice(serve=True)}"
        )
    if not hardware.cards:
        complaint = f" ({hardware.cuda_error})" if hardware.cuda_error else ""
        return (
            f"{torch}, and its driver shows no card{complaint}. Look at `rocminfo`; the user has to be in the groups "
            "video and render, and HIP_VISIBLE_DEVICES may hide a card."
        )
    cards = ", ".join(f"{card.name} ({card.arch or '?'})" for card in hardware.cards)
    return (
        f"torch {hardware.torch} has no code for {cards}, only {', '.join(hardware.arch_list)}. A chip of the same "
        "family may run with HSA_OVERRIDE_GFX_VERSION; see ROCm's documentation."
    )


def _other_wheel(hardware: Hardware) -> str:
    newest = max(card.capability for card in hardware.cards)
    if newest < (7, 5):
        return f"Pascal and Volta need a cu126 build, torch 2.14 at the latest: {qwen3_advice(serve=True)}"
    return f"Install a newer one, cu128 or cu130: {qwen3_advice(serve=True)}"


def _builtin(config: EngineConfig, *reasons: str) -> DevicePlan:
    return DevicePlan(
        None, "float32", "none", graphs=False, models=config.models or (default_model(None),), reasons=reasons
    )


def _on_cpu(config: EngineConfig, hardware: Hardware, *reasons: str) -> DevicePlan:
    """`cpu_plan` with the models that there is memory for: an operating system ends who takes more than there is, and
    with the model the built-in voice would be gone."""
    chosen = cpu_plan(config, *reasons, has_bfloat16=hardware.cpu_bfloat16)
    if hardware.ram_mb is None or chosen.quantize == "none":
        return chosen
    room_mb, why, fitting = hardware.ram_mb, list(reasons), list[str]()
    for model in chosen.models:
        needed_mb = cpu_need_mb(model, dtype=chosen.dtype) or 0
        other = smaller(model)
        other_mb = (cpu_need_mb(other, dtype=chosen.dtype) or 0) if other else 0
        said = f"it needs about {needed_mb:,} MiB of memory, and {room_mb:,} can be had. Free some, or give it more."
        if needed_mb <= room_mb:
            fitting.append(model)
            room_mb -= needed_mb
        elif other is not None and other_mb <= room_mb:
            why.append(f"{model} does not fit, {other} instead: {said}")
            fitting.append(other)
            room_mb -= other_mb
        else:
            why.append(f"{model} does not fit, it is not loaded: {said}")
    if not fitting:
        return replace(_builtin(config, *why), has_room=False)
    return replace(chosen, models=tuple(dict.fromkeys(fitting)), reasons=tuple(why))


def cpu_plan(config: EngineConfig, *reasons: str, has_bfloat16: bool) -> DevicePlan:
    """What ``config`` comes to on a CPU, which computes with bfloat16 or not."""
    dtype, quantize = config.dtype, config.quantize
    if dtype == "auto":
        dtype = "bfloat16" if has_bfloat16 else "float32"
    if quantize == "auto":
        quantize = "int8"
    models = config.models or (default_model(None),)
    return DevicePlan("cpu", dtype, quantize, graphs=False, models=models, reasons=reasons)


def without_card(chosen: DevicePlan, config: EngineConfig, why: str) -> DevicePlan:
    """The next step down from a card that cannot be trusted: as on a machine that has none."""
    if config.kind == "qwen3" and config.device != "cuda":
        slower = f"The CPU speaks, slower than a graphics card: {why}."
        return cpu_plan(config, *chosen.reasons, slower, has_bfloat16=cpu_has_bfloat16())
    return _builtin(config, *chosen.reasons, f"Qwen3-TTS is off: {why}.")


def _cuda(config: EngineConfig, card: Card) -> DevicePlan:
    dtype, reasons = config.dtype, []
    if dtype == "auto":
        dtype = "bfloat16" if card.has_bfloat16 else "float32"
        if dtype == "float32":
            reasons.append(
                f"float32 weights, twice the size: {card.name} ({_dotted(card.capability)}) does not compute with "
                "bfloat16, which begins with the RTX 30 series."
            )
    quantize = "none" if config.quantize == "auto" else config.quantize
    if quantize != "none" and config.frames != "fused":
        reasons.append(
            f"engine.quantize {quantize} needs engine.frames fused on a card, whose kernels read rounded weights; on "
            f"cuda:{card.index} the model stays {dtype}."
        )
        quantize = "none"
    room_mb = min(card.free_mb, config.vram_limit_mb or card.free_mb)
    allowed_mb = min(card.total_mb, config.vram_limit_mb or card.total_mb)
    models, graphs = config.models or (default_model(allowed_mb),), config.graphs
    fitting = []
    for model in models:
        fits, with_graphs, why = _fitted(model, (dtype, quantize), config, card, room_mb)
        reasons += why
        graphs = graphs and with_graphs
        fitting += [fits] if fits else []
    if not fitting:
        return replace(_builtin(config, *reasons), has_room=False)
    tf32 = config.codec_tf32 and card.capability >= (8, 0) and not card.arch
    if config.codec_tf32 and not tf32:
        reasons.append(f"engine.codec_tf32 does nothing on {card.name}: TF32 begins with NVIDIA's RTX 30 series.")
    models = tuple(dict.fromkeys(fitting))
    return DevicePlan(f"cuda:{card.index}", dtype, quantize, graphs, models, tuple(reasons), codec_tf32=tf32)


def default_model(mib: int | None) -> str:
    """The model for a card that has, or may use, so much memory; None: no card."""
    return LARGE if mib is not None and mib >= _LARGE_FROM_MB else SMALL


def published(size: str) -> str:
    """The hub id of the published model of a size."""
    return {"0.6B": SMALL, "1.7B": LARGE}[size]


def suitable_models(config: EngineConfig, probe: Probe = probe) -> tuple[str, ...]:
    """What `plan` chooses on this machine while nothing else uses its cards: the models to fetch ahead of time."""
    hardware = probe()
    idle = tuple(replace(card, free_mb=card.total_mb) for card in hardware.cards)
    return _choose(config, replace(hardware, cards=idle, ram_mb=None)).models


def _fitted(
    model: str, precision: tuple[str, str], config: EngineConfig, card: Card, room_mb: int
) -> tuple[str | None, bool, tuple[str, ...]]:
    """``model`` or its smaller brother, whether with graphs, and what is to be said about it. None: nothing fits.

    ``precision``: type and rounding. Each model is measured alone: where several are listed, the idle ones leave the
    memory.
    """
    why: tuple[str, ...] = ()
    candidate: str | None = model
    while candidate is not None:
        wanted = need(
            candidate, dtype=precision[0], quantize=precision[1], slots=config.slots, positions=config.positions
        )
        if wanted is None:
            return candidate, True, (*why, f"The size of {candidate} is not known; whether it fits will be seen.")
        if wanted.total_mb <= room_mb:
            return candidate, True, why
        if wanted.eager_mb <= room_mb:
            return candidate, False, (*why, f"No CUDA graphs, so speech starts later: {_room(wanted, config, card)}")
        candidate, before = smaller(candidate), candidate
        then = f"{candidate} instead" if candidate else "it is not loaded"
        why = (*why, f"{before} does not fit, {then}: {_room(wanted, config, card)}")
    return None, False, why


def _room(wanted: Need, config: EngineConfig, card: Card) -> str:
    limited = 0 < config.vram_limit_mb < card.free_mb
    if limited:
        room, fix = f"engine.vram_limit_mb allows {config.vram_limit_mb:,}", "Raise it"
    else:
        room, fix = f"{card.free_mb:,} of {card.total_mb:,} MiB are free on {card.name}", "Free some"
    return f"it needs {wanted}, and {room}. {fix}, or lower engine.slots ({config.slots})."


def _lines(chosen: DevicePlan, config: EngineConfig, hardware: Hardware) -> tuple[str, ...]:
    cards = "; ".join(
        f"{card.name}, compute capability {_dotted(card.capability)}, {card.free_mb:,} of {card.total_mb:,} MiB free"
        for card in hardware.cards
    )
    driver = "no AMD driver" if hardware.wheel_hip else "no NVIDIA driver"
    if hardware.driver is not None:
        driver = f"driver {hardware.driver}" + (
            f", CUDA {_dotted(hardware.driver_cuda)}" if hardware.driver_cuda else ""
        )
    torch = "not installed" if hardware.torch is None else hardware.torch
    if hardware.wheel_hip:
        torch += f", ROCm {_dotted(hardware.wheel_hip)}, code for {', '.join(hardware.arch_list) or '?'}"
    if hardware.wheel_cuda:
        torch += f", CUDA {_dotted(hardware.wheel_cuda)}, code for {', '.join(hardware.arch_list) or '?'}"
    where = "the built-in voice speaks" if chosen.device is None else f"Qwen3-TTS on {chosen.device}"
    if (chosen.device or "").startswith("cuda"):
        where += " with CUDA graphs" if chosen.graphs else " without CUDA graphs"
    on_card = "none" if chosen.device == "cpu" else chosen.quantize
    wanted = need(chosen.model, dtype=chosen.dtype, quantize=on_card, slots=config.slots, positions=config.positions)
    size = f", {wanted}" if wanted and (chosen.device or "").startswith("cuda") else ""
    return (
        f"Card: {cards or 'none'} ({driver})",
        f"Torch: {torch}",
        f"Engine: {where}",
        f"Model: {', '.join(chosen.models)}, {chosen.dtype}, {config.slots} slots{size}"
        if chosen.device
        else "Model: none",
        f"Steps down: {' '.join(chosen.reasons) or 'none'}",
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
