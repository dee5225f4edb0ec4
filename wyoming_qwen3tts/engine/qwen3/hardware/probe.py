"""What this machine has for the model: torch, driver, cards. Looked at once, at the start; torch is imported here only
when it is called for."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....errors import first_line
from ....util.memory import available_bytes
from .nvml import Reading, read_cards

Version = tuple[int, int]
_PCI = Path("/sys/bus/pci/devices")


@dataclass(frozen=True, slots=True)
class Card:
    """One graphics card, as torch sees it."""

    index: int
    name: str
    capability: Version
    total_mb: int
    free_mb: int  # when we looked
    arch: str = ""  # of an AMD card: gfx1100

    @property
    def has_bfloat16(self) -> bool:
        """It computes with it. (`torch.cuda.is_bf16_supported` says yes to Turing, which emulates it.)"""
        return self.capability >= (8, 0)


@dataclass(frozen=True, slots=True)
class Hardware:
    """Plain values, so that a test can be any machine."""

    torch: str | None = None  # its version; None: not installed
    torch_error: str = ""  # why it cannot be imported, though it is installed
    wheel_cuda: Version | None = None  # the CUDA that the wheel was built with; None: a wheel for CPUs
    arch_list: tuple[str, ...] = ()  # what the wheel has code for: sm_86, compute_90, ...
    wheel_hip: Version | None = None  # the ROCm that the wheel was built with, for AMD's cards; it answers to "cuda"
    driver: str | None = None  # the version of NVIDIA's driver, or of AMD's for such a wheel; None: there is none
    driver_cuda: Version | None = None  # the newest CUDA that it runs
    cards: tuple[Card, ...] = ()
    cuda_error: str = ""  # why there are no cards, in torch's words
    cpu_bfloat16: bool = False  # the processor computes with it
    ram_mb: int | None = None  # main memory that can still be had, here and in this container; None: not known


Probe = Callable[[], Hardware]


def runs(hardware: Hardware, card: Card) -> bool:
    """Whether the wheel has code for ``card``. AMD's is for a chip by its name."""
    return card.arch in hardware.arch_list if card.arch else covers(hardware.arch_list, card.capability)


def covers(arch_list: tuple[str, ...], capability: Version) -> bool:
    """Whether a wheel made for ``arch_list`` has code for a card.

    Machine code (``sm_86``) runs on the same major and an equal or higher minor: sm_86 serves 8.9, sm_120 serves 12.1,
    whatever torch's own warning says (pytorch/pytorch#164596). ``sm_90a`` is for 9.0 alone, ``sm_100f`` for its family.
    PTX (``compute_90``) is compiled on the spot for anything newer.
    """
    for arch in arch_list:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", arch)
        if match is None:
            continue
        built = (int(match[2]), int(match[3]))
        if match[1] == "compute":
            fits = built <= capability
        elif match[4] == "a":
            fits = built == capability
        else:
            fits = built[0] == capability[0] and built[1] <= capability[1]
        if fits:
            return True
    return False


def probe() -> Hardware:
    """This machine. Takes as long as the import of torch; a card whose memory NVML does not tell gets a context."""
    driver, driver_cuda = _driver()
    try:
        torch: Any = importlib.import_module("torch")
    except ModuleNotFoundError as error:
        missing = "" if error.name == "torch" else str(error)
        return Hardware(torch_error=missing, driver=driver, driver_cuda=driver_cuda)
    except Exception as error:  # noqa: BLE001  a half-installed torch fails in many ways, mostly OSError
        return Hardware(torch_error=f"{type(error).__name__}: {error}", driver=driver, driver_cuda=driver_cuda)
    wheel_cuda, wheel_hip = _version(torch.version.cuda), _version(getattr(torch.version, "hip", None))
    cards: tuple[Card, ...] = ()
    error_text = ""
    if wheel_hip is not None:
        driver, driver_cuda = _amd_driver(), None
    if (wheel_cuda or wheel_hip) is not None and driver is not None:
        cards, error_text = _cards(torch)
    return Hardware(
        torch=str(torch.__version__),
        wheel_cuda=wheel_cuda,
        wheel_hip=wheel_hip,
        arch_list=tuple(torch.cuda.get_arch_list()) if cards else (),
        driver=driver,
        driver_cuda=driver_cuda,
        cards=cards,
        cuda_error=error_text,
        cpu_bfloat16=cpu_has_bfloat16(),
        ram_mb=None if (free := available_bytes()) is None else free >> 20,
    )


def probe_driver() -> Hardware:
    """What can be known without importing torch: the driver."""
    driver, driver_cuda = _driver()
    return Hardware(driver=driver, driver_cuda=driver_cuda)


def _version(text: object) -> Version | None:
    match = re.match(r"(\d+)\.(\d+)", text) if isinstance(text, str) else None
    return (int(match[1]), int(match[2])) if match else None


def _cards(torch: Any) -> tuple[tuple[Card, ...], str]:
    """What torch sees, without the cards that it cannot open, and its complaint. Its warnings about old drivers and new
    cards are ours to word."""
    found, complaint = [], ""
    readings = {reading.uuid: reading for reading in read_cards() if reading.uuid}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.cuda.init()
            count = torch.cuda.device_count()
        except Exception as error:  # noqa: BLE001  RuntimeError, AssertionError, and torch's own classes
            return (), first_line(error)
        for index in range(count):
            try:
                found.append(_card(torch, index, readings))
            except Exception as error:  # noqa: BLE001  a broken or exclusively used card does not hide the others
                complaint = first_line(error)
    return tuple(found), complaint


def _card(torch: Any, index: int, readings: Mapping[str, Reading]) -> Card:
    """Its memory by NVML, where that knows it: torch makes a context of 250 to 500 MB on each card that it asks. A part
    of a card (MIG) has a name of its own, and is asked."""
    capability, name = torch.cuda.get_device_capability(index), torch.cuda.get_device_name(index)
    known = readings.get(_uuid(torch, index))
    if known is not None and known.total_mb is not None and known.free_mb is not None:
        return Card(index, name, capability, known.total_mb, known.free_mb)
    free, total = torch.cuda.mem_get_info(index)
    arch = str(getattr(torch.cuda.get_device_properties(index), "gcnArchName", "")).partition(":")[0]
    return Card(index, name, capability, total >> 20, free >> 20, arch)


def _uuid(torch: Any, index: int) -> str:
    """As NVML has it; empty where this torch does not tell."""
    properties = torch.cuda.get_device_properties(index)
    return str(getattr(properties, "uuid", "")).removeprefix("GPU-")


def _driver() -> tuple[str | None, Version | None]:
    """NVIDIA's driver by its own library, which is the same in a container, under WSL and on bare metal."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
        number = ctypes.c_int(0)
        library.cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return None, None
    cuda = (number.value // 1000, number.value % 1000 // 10)
    try:
        found = re.search(r"Module\s+(?:for \S+\s+)?(\d+\.[\d.]+)", Path("/proc/driver/nvidia/version").read_text())
    except OSError:  # WSL has none
        found = None
    return (found[1] if found else "unknown"), cuda


def _amd_driver(kfd: Path = Path("/dev/kfd"), version: Path = Path("/sys/module/amdgpu/version")) -> str | None:
    """AMD's kernel driver: its compute device has to be in reach. The one that comes with Linux has no number."""
    if not kfd.exists():
        return None
    try:
        return version.read_text().strip()
    except OSError:
        return "of this Linux"


def cpu_has_bfloat16() -> bool:
    """Whether this processor computes with it."""
    try:
        flags = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags or "bf16" in re.findall(r"\w+", flags)


def may_have_card() -> bool:
    """Whether it is worth to import torch and look: it is installed, and there is a driver's device (on WSL: dxg;
    of AMD: kfd)."""
    devices = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/dxg", "/dev/kfd")
    return importlib.util.find_spec("torch") is not None and any(Path(device).exists() for device in devices)


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
