"""Any machine, from plain values: where the model runs there, why not better, and what to do about it."""

from __future__ import annotations

import ctypes
import importlib
import re
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.engine.configs import engine_config
from wyoming_qwen3tts.cli.bench import command as bench_command
from wyoming_qwen3tts.engine.qwen3.config import EngineConfig
from wyoming_qwen3tts.engine.qwen3.hardware import plan as planning
from wyoming_qwen3tts.engine.qwen3.hardware import probe as probing
from wyoming_qwen3tts.engine.qwen3.hardware.memory import need, smaller
from wyoming_qwen3tts.engine.qwen3.hardware.nvml import Reading
from wyoming_qwen3tts.engine.qwen3.hardware.plan import LARGE, SMALL, DevicePlan, default_model, plan, suitable_models
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Card, Hardware, Version, covers, probe
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.settings import Settings

CU128 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
CU126 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
FAIL = "script/run --engine.kind qwen3"


def card(name: str, capability: Version, total_mb: int, free_mb: int | None = None, index: int = 0) -> Card:
    return Card(index, name, capability, total_mb, total_mb - 500 if free_mb is None else free_mb)


def box(*cards: Card, arch: tuple[str, ...] = CU128) -> Hardware:
    return Hardware(
        torch="2.11.0+cu128", wheel_cuda=(12, 8), arch_list=arch, driver="575.57.08", driver_cuda=(12, 9), cards=cards
    )


RTX_3060 = card("RTX 3060", (8, 6), 12_288)
RTX_4060 = card("RTX 4060", (8, 9), 7_816)
RTX_4090 = card("RTX 4090", (8, 9), 24_564)
RTX_5090 = card("RTX 5090", (12, 0), 32_607)
GTX_1080 = card("GTX 1080", (6, 1), 8_113)
RTX_2060 = card("RTX 2060", (7, 5), 5_927)
NO_GPU = Hardware(torch="2.11.0+cpu")


@dataclass(frozen=True)
class Case:
    """A machine, what is asked of it, and the plan: ``(device, dtype, graphs, model)``, and words of the reasons."""

    name: str
    hardware: Hardware
    expected: tuple[str | None, str, bool, str]
    says: tuple[str, ...] = ()
    config: EngineConfig = field(default_factory=engine_config)


BUILTIN = (None, "float32", False, SMALL)
CASES = [
    Case("4090", box(RTX_4090), ("cuda:0", "bfloat16", True, LARGE)),
    Case("an 8 GB card", box(RTX_4060), ("cuda:0", "bfloat16", True, LARGE)),
    Case("5090, cu128", box(RTX_5090), ("cuda:0", "bfloat16", True, LARGE)),
    Case("GB10 runs sm_120 code", box(card("GB10", (12, 1), 120_000)), ("cuda:0", "bfloat16", True, LARGE)),
    Case("Orin runs sm_80 code", box(card("Orin", (8, 7), 62_000)), ("cuda:0", "bfloat16", True, LARGE)),
    Case("a 4 GB card", box(card("RTX 3050", (8, 6), 3_900, 3_600)), ("cuda:0", "bfloat16", True, SMALL)),
    Case(
        "5090 with too old a torch", box(RTX_5090, arch=CU126), BUILTIN, ("no code for RTX 5090 (12.0)", "cu128", FAIL)
    ),
    Case("Pascal with too new a torch", box(GTX_1080), BUILTIN, ("no code for GTX 1080 (6.1)", "cu126", FAIL)),
    Case(
        "Pascal with cu126",
        box(GTX_1080, arch=CU126),
        ("cuda:0", "float32", True, SMALL),
        ("does not compute with bfloat16", f"{LARGE} does not fit, {SMALL} instead", "7,613 of 8,113 MiB are free"),
    ),
    Case(
        "Turing with 6 GB",
        box(RTX_2060),
        ("cuda:0", "float32", True, SMALL),
        ("does not compute with bfloat16",),
    ),
    Case(
        "no driver", replace(NO_GPU, torch="2.11.0+cu128", wheel_cuda=(12, 8)), BUILTIN, ("no NVIDIA driver", "--gpus")
    ),
    Case(
        "a torch for CPUs beside a card",
        replace(NO_GPU, driver="575.57.08", driver_cuda=(12, 9)),
        BUILTIN,
        ("is a build for CPUs", FAIL),
    ),
    Case(
        "cu130 on an old driver",
        Hardware(torch="2.12.0+cu130", wheel_cuda=(13, 0), driver="550.54.14", driver_cuda=(12, 4)),
        BUILTIN,
        ("550.54.14 runs CUDA 12.4", "needs 13.0", "580 or later", "torch for CUDA 12", FAIL),
    ),
    Case(
        "a card that is hidden",
        replace(box(), cuda_error="No CUDA GPUs are available"),
        BUILTIN,
        ("No CUDA GPUs are available", "CUDA_VISIBLE_DEVICES"),
    ),
    Case("no torch", Hardware(driver="575", driver_cuda=(12, 9)), BUILTIN, ("torch is not installed", FAIL)),
    Case("a broken torch", Hardware(torch_error="OSError: libcudart"), BUILTIN, ("OSError: libcudart", FAIL)),
    Case(
        "no card, qwen3 asked for", NO_GPU, ("cpu", "float32", False, SMALL), ("slower",), engine_config(kind="qwen3")
    ),
    Case(
        "no card, cuda asked for",
        NO_GPU,
        BUILTIN,
        ("though device is cuda",),
        engine_config(kind="qwen3", device="cuda"),
    ),
    Case("cpu asked for", box(RTX_4090), ("cpu", "float32", False, SMALL), (), engine_config(device="cpu")),
    Case(
        "a CPU with bfloat16",
        replace(NO_GPU, cpu_bfloat16=True),
        ("cpu", "bfloat16", False, SMALL),
        (),
        engine_config(device="cpu"),
    ),
    Case("float32 asked for", box(RTX_4090), ("cuda:0", "float32", True, LARGE), (), engine_config(dtype="float32")),
    Case(
        "the emptier card of two that fit",
        box(
            card("A", (8, 6), 24_000, 3_000),
            card("B", (8, 9), 12_000, 11_000, 1),
            card("C", (6, 1), 24_000, 24_000, 2),
        ),
        ("cuda:1", "bfloat16", True, LARGE),
    ),
    Case(
        "others share the card",
        box(replace(RTX_4090, free_mb=4_000)),
        ("cuda:0", "bfloat16", True, SMALL),
        (f"{LARGE} does not fit, {SMALL} instead", "4,767 MiB", "4,000 of 24,564 MiB are free on RTX 4090"),
    ),
    Case(
        "only graphs do not fit",
        box(replace(RTX_3060, free_mb=4_600)),
        ("cuda:0", "bfloat16", False, LARGE),
        ("No CUDA graphs", "4,600"),
    ),
    Case(
        "a ceiling",
        box(RTX_4090),
        ("cuda:0", "bfloat16", True, SMALL),
        (),
        engine_config(vram_limit_mb=6_000),
    ),
    Case(
        "a ceiling that is too low for anything",
        box(RTX_4090),
        BUILTIN,
        ("2,831 MiB", "engine.vram_limit_mb allows 2,000", "engine.slots (4)", "it is not loaded"),
        engine_config(vram_limit_mb=2_000),
    ),
    Case(
        "int8 asked for, by a road that has no products for it",
        box(RTX_4090),
        ("cuda:0", "bfloat16", True, LARGE),
        ("engine.quantize int8 needs engine.frames fused on a card", "on cuda:0 the model stays bfloat16."),
        engine_config(quantize="int8"),
    ),
    Case(
        "a card that holds the large model only with rounded weights",
        box(replace(RTX_4060, free_mb=4_000)),
        ("cuda:0", "bfloat16", True, LARGE),
        (),
        engine_config(models=(LARGE,), quantize="int4", frames="fused"),
    ),
    Case("graphs turned off", box(RTX_4090), ("cuda:0", "bfloat16", False, LARGE), (), engine_config(graphs=False)),
    Case(
        "a model asked for that does not fit",
        box(replace(RTX_4060, free_mb=4_000)),
        ("cuda:0", "bfloat16", True, "Qwen/Qwen3-TTS-12Hz-0.6B-Base"),
        ("0.6B-Base instead",),
        engine_config(models=("Qwen/Qwen3-TTS-12Hz-1.7B-Base",)),
    ),
    Case(
        "a model without a smaller brother",
        box(replace(RTX_4060, free_mb=4_000)),
        (None, "float32", False, "Qwen/Qwen3-TTS-12Hz-1.7B-VoiceDesign"),
        ("it is not loaded", "4,767"),
        engine_config(models=("Qwen/Qwen3-TTS-12Hz-1.7B-VoiceDesign",)),
    ),
    Case(
        "a model of unknown size",
        box(RTX_4060),
        ("cuda:0", "bfloat16", True, "someone/fine-tuned"),
        ("someone/fine-tuned is not known",),
        engine_config(models=("someone/fine-tuned",)),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_machine_gets_the_best_it_can_run_and_the_reason_for_what_it_cannot(case: Case) -> None:
    chosen = plan(case.config, lambda: case.hardware)

    assert (chosen.device, chosen.dtype, chosen.graphs, chosen.model) == case.expected
    assert bool(chosen.reasons) is bool(case.says), chosen.reasons
    assert not [words for words in case.says if words not in " ".join(chosen.reasons)], chosen.reasons


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_start_says_it_in_one_line_with_every_reason_once(case: Case) -> None:
    chosen = plan(case.config, lambda: case.hardware)
    said = "\n".join(chosen.lines)

    if chosen.device is None:
        assert chosen.voice == "built-in, as Qwen3-TTS cannot be loaded here"
    else:
        assert chosen.voice.startswith("Qwen3-TTS ")
        assert ("processor" if chosen.device == "cpu" else chosen.device) in chosen.voice
        assert all(chosen.voice.count(reason.rstrip(".")) == 1 for reason in chosen.reasons)

    assert [line.split(":")[0] for line in chosen.lines] == ["Card", "Torch", "Engine", "Model", "Steps down"]
    assert len(said.splitlines()) == 5
    assert all(said.count(reason) == 1 for reason in chosen.reasons)


@pytest.mark.parametrize(
    ("arch", "capability", "served"),
    [
        ("sm_86", (8, 9), True),
        ("sm_80", (8, 7), True),
        ("sm_86", (8, 0), False),
        ("sm_90", (8, 9), False),
        ("sm_120", (12, 0), True),
        ("sm_120", (12, 1), True),
        ("sm_100", (12, 0), False),
        ("sm_120", (10, 0), False),
        ("sm_90a", (9, 0), True),
        ("sm_100a", (10, 3), False),
        ("sm_100f", (10, 3), True),
        ("compute_90", (12, 0), True),
        ("compute_120", (9, 0), False),
        ("gfx1100", (11, 0), False),
    ],
)
def test_machine_code_serves_its_major_from_its_minor_on(arch: str, capability: Version, served: bool) -> None:
    assert covers((arch,), capability) is served


def test_a_wheel_with_no_code_serves_no_card() -> None:
    assert not covers((), (8, 6))


def test_a_step_down_later_on_is_said_like_the_others() -> None:
    chosen: DevicePlan = plan(engine_config(), lambda: box(RTX_4090))
    lower = chosen.without_graphs("capture failed")

    assert (chosen.graphs, lower.graphs, lower.device) == (True, False, "cuda:0")
    assert "capture failed" in lower.reasons[-1]


@pytest.mark.parametrize(
    ("hardware", "asked", "decided"),
    [
        (NO_GPU, "auto", "int8"),
        (NO_GPU, "none", "none"),
        (NO_GPU, "int4", "int4"),
        (box(RTX_4090), "auto", "none"),
        (box(RTX_4090), "int4", "none"),
    ],
)
def test_matrices_are_rounded_on_a_cpu_unless_asked_otherwise(hardware: Hardware, asked: str, decided: str) -> None:
    assert plan(engine_config(kind="qwen3", quantize=asked), lambda: hardware).quantize == decided


@pytest.mark.parametrize(
    ("mib", "model"),
    [(None, SMALL), (6_000, SMALL), (7_153, SMALL), (7_599, SMALL), (7_600, LARGE), (7_816, LARGE), (24_564, LARGE)],
)
def test_the_default_model_suits_the_cards_memory(mib: int | None, model: str) -> None:
    assert default_model(mib) == model


@pytest.mark.parametrize("total_mb", [3_900, 5_927, 7_152, 7_153, 7_300, 7_599, 7_600, 8_113, 24_564])
@pytest.mark.parametrize("capability", [(7, 5), (8, 9)])
@pytest.mark.parametrize("limit_mb", [0, 6_000])
def test_what_is_fetched_ahead_of_time_is_what_the_server_loads(
    total_mb: int, capability: Version, limit_mb: int
) -> None:
    """On each card, also one that something else uses while the model is fetched."""
    config = engine_config(vram_limit_mb=limit_mb)
    idle, busy = (box(card("a card", capability, total_mb, free_mb)) for free_mb in (total_mb, 100))

    assert suitable_models(config, lambda: busy) == plan(config, lambda: idle).models


@pytest.mark.parametrize("kind", ["auto", "qwen3"])
def test_without_a_card_the_small_model_is_fetched(kind: str) -> None:
    assert suitable_models(engine_config(kind=kind), lambda: NO_GPU) == (SMALL,)


@pytest.mark.parametrize(("model", "weights_mb"), [(SMALL, 1_600), (LARGE, 3_528)])
def test_the_weights_are_those_that_were_counted(model: str, weights_mb: int) -> None:
    """Without the text table, which stays on the host."""
    needed = need(model, dtype="bfloat16", slots=1, positions=1)

    assert needed is not None
    assert needed.weights_mb == weights_mb


def test_a_slot_takes_112_kib_a_position_and_double_in_float32() -> None:
    def slots_mb(dtype: str, slots: int) -> int:
        needed = need(SMALL, dtype=dtype, slots=slots, positions=1_024)
        assert needed is not None
        return needed.slots_mb

    assert slots_mb("bfloat16", 8) - slots_mb("bfloat16", 4) == 4 * (112 + 6)
    assert slots_mb("float32", 4) - slots_mb("bfloat16", 4) == 4 * 112


def test_a_folder_is_as_large_as_its_weights(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(bytes(2 << 20))
    needed = need(str(tmp_path), dtype="bfloat16", slots=1, positions=1)

    assert needed is not None
    assert needed.weights_mb == round(2 + 122_144_449 * 4 / (1 << 20))
    assert smaller(str(tmp_path)) is None


@pytest.mark.parametrize(("on", "used", "says"), [(RTX_3060, True, ""), (RTX_2060, False, "TF32 begins with NVIDIA")])
def test_tf32_is_for_cards_that_have_it(on: Card, used: bool, says: str) -> None:
    chosen = plan(engine_config(codec_tf32=True), lambda: box(on))

    assert chosen.codec_tf32 == used
    assert says in " ".join(chosen.reasons)
    assert not plan(engine_config(), lambda: box(on)).codec_tf32


ROCM = Hardware(torch="2.9.1+rocm6.4", wheel_hip=(6, 4), arch_list=("gfx1030", "gfx1100"))
RX_7900 = Card(0, "AMD Radeon RX 7900 XTX", (11, 0), 24_560, 24_000, "gfx1100")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "there is no /dev/kfd"),
        ({"driver": "6.14.14"}, "its driver shows no card. Look at `rocminfo`"),
        ({"driver": "6.14.14", "cuda_error": "HIP error"}, "shows no card (HIP error)"),
        (
            {"driver": "6.14.14", "cards": (replace(RX_7900, arch="gfx1201"),)},
            "no code for AMD Radeon RX 7900 XTX",
        ),
    ],
)
def test_where_an_amd_card_cannot_be_used_the_first_cause_is_told(changes: dict[str, Any], says: str) -> None:
    chosen = plan(engine_config(device="cuda"), lambda: replace(ROCM, **changes))

    assert chosen.device is None
    assert says in " ".join(chosen.reasons)


def test_a_rocm_build_of_torch_is_planned_for_as_any_other_card() -> None:
    chosen = plan(engine_config(codec_tf32=True), lambda: replace(ROCM, driver="6.14.14", cards=(RX_7900,)))

    assert (chosen.device, chosen.dtype, chosen.graphs, chosen.codec_tf32) == ("cuda:0", "bfloat16", True, False)
    assert "ROCm 6.4, code for gfx1030, gfx1100" in "\n".join(chosen.lines)


@pytest.mark.parametrize(("there", "driver"), [(True, "of this Linux"), (False, None)])
def test_amds_driver_is_known_by_its_device(tmp_path: Path, there: bool, driver: str | None) -> None:
    kfd = tmp_path / "kfd"
    if there:
        kfd.touch()

    assert probing._amd_driver(kfd, tmp_path / "version") == driver
    (tmp_path / "version").write_text("6.14.14\n")
    assert probing._amd_driver(kfd, tmp_path / "version") == ("6.14.14" if there else None)


# -- the probe itself, on scripted foreign parts
# -------------------------------------------------------------------------


def fake_torch(*, cards: int, error: Exception | None = None) -> Any:
    def init() -> None:
        if error is not None:
            raise error

    cuda = SimpleNamespace(
        init=init,
        device_count=lambda: cards,
        mem_get_info=lambda index: (7 << 30, 8 << 30),
        get_device_capability=lambda index: (8, 6),
        get_device_name=lambda index: f"Card {index}",
        get_device_properties=lambda index: SimpleNamespace(uuid=f"uuid-{index}"),
        get_arch_list=lambda: list(CU128),
    )
    return SimpleNamespace(__version__="2.11.0+cu128", version=SimpleNamespace(cuda="12.8"), cuda=cuda)


def test_the_probe_reads_torch_and_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cards=2))
    monkeypatch.setattr(probing, "_driver", lambda: ("575.57.08", (12, 9)))
    found = probe()

    assert found.cards == (Card(0, "Card 0", (8, 6), 8_192, 7_168), Card(1, "Card 1", (8, 6), 8_192, 7_168))
    assert (found.torch, found.wheel_cuda, found.arch_list) == ("2.11.0+cu128", (12, 8), CU128)


def test_the_probe_reads_a_rocm_build_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = fake_torch(cards=1)
    torch.version = SimpleNamespace(cuda=None, hip="6.4.43482-0f2d60242")
    torch.cuda.get_device_properties = lambda _: SimpleNamespace(gcnArchName="gfx90a:sramecc+:xnack-")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(probing, "_driver", lambda: (None, None))
    monkeypatch.setattr(probing, "_amd_driver", lambda: "6.14.14")
    found = probe()

    assert (found.wheel_cuda, found.wheel_hip, found.driver) == (None, (6, 4), "6.14.14")
    assert found.cards == (Card(0, "Card 0", (8, 6), 8_192, 7_168, "gfx90a"),)


def test_what_nvml_knows_torch_is_not_asked_for_as_that_takes_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, asked = fake_torch(cards=2), []

    def mem_get_info(index: int) -> tuple[int, int]:
        asked.append(index)
        return 7 << 30, 8 << 30

    torch.cuda.mem_get_info = mem_get_info
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(probing, "_driver", lambda: ("575.57.08", (12, 9)))
    readings = (Reading("uuid-0", "Card 0", 24_564, 20_000), Reading("uuid-1", "Card 1"))
    monkeypatch.setattr(probing, "read_cards", lambda: readings)

    assert [(card.total_mb, card.free_mb) for card in probe().cards] == [(24_564, 20_000), (8_192, 7_168)]
    assert asked == [1]


def test_the_probe_keeps_what_torch_complains_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cards=1, error=RuntimeError("CUDA unknown error\nmore")))
    monkeypatch.setattr(probing, "_driver", lambda: ("575.57.08", (12, 9)))

    assert (probe().cards, probe().cuda_error) == ((), "CUDA unknown error")


def test_a_card_that_cannot_be_opened_does_not_hide_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = fake_torch(cards=2)

    def taken(index: int) -> tuple[int, int]:
        if index == 0:
            raise RuntimeError("CUDA-capable device(s) is/are busy or unavailable")
        return 7 << 30, 8 << 30

    torch.cuda.mem_get_info = taken
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(probing, "_driver", lambda: ("575.57.08", (12, 9)))
    found = probe()

    assert [card.index for card in found.cards] == [1]
    assert "busy" in found.cuda_error


def test_without_a_driver_torch_is_not_asked_for_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", fake_torch(cards=1))
    monkeypatch.setattr(probing, "_driver", lambda: (None, None))

    assert probe().cards == ()


def fake_libcuda(number: int) -> Any:
    def get_version(pointer: Any) -> int:
        pointer._obj.value = number
        return 0

    return lambda name: SimpleNamespace(cuDriverGetVersion=get_version)


@pytest.mark.parametrize(
    ("proc", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024", "550.54.14"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  575.57.08  Release Build", "575.57.08"),
        (None, "unknown"),
    ],
    ids=["closed", "open", "WSL"],
)
def test_the_driver_is_asked_for_the_cuda_it_runs(
    monkeypatch: pytest.MonkeyPatch, proc: str | None, version: str
) -> None:
    def read_text(path: Path) -> str:
        if proc is None:
            raise FileNotFoundError(path)
        return proc

    monkeypatch.setattr(ctypes, "CDLL", fake_libcuda(12_040))
    monkeypatch.setattr(Path, "read_text", read_text)

    assert probing._driver() == (version, (12, 4))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("No module named 'torch'", name="torch"), ""),
        (ModuleNotFoundError("No module named 'sympy'", name="sympy"), "No module named 'sympy'"),
        (OSError("libcudart.so.12: cannot open"), "OSError: libcudart.so.12: cannot open"),
    ],
)
def test_a_torch_that_is_missing_or_broken_is_told_apart(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fails(name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", fails)

    assert (probe().torch, probe().torch_error) == (None, words)


def test_on_this_machine_the_plan_holds() -> None:
    """Whatever it is: a plan comes out, and it agrees with torch about CUDA."""
    torch = pytest.importorskip("torch")
    chosen = plan(engine_config())

    assert (chosen.device or "").startswith("cuda") <= torch.cuda.is_available()
    assert chosen.device is not None or chosen.reasons


def test_how_it_runs_is_said_as_planned_and_as_it_came_about() -> None:
    chosen = plan(engine_config(kind="auto"), lambda: box(RTX_4090))

    assert chosen.runs_on == "cuda:0, bfloat16, with CUDA graphs"
    assert chosen.without_graphs("old driver").runs_on == "cuda:0, bfloat16, without CUDA graphs (old driver)"
    assert plan(engine_config(kind="qwen3", device="cpu"), lambda: NO_GPU).runs_on == "cpu, float32, int8"


@pytest.mark.parametrize(("here", "dtype"), [(RTX_2060, "float32"), (RTX_3060, "bfloat16")])
def test_bench_takes_the_precision_that_the_engine_would(
    monkeypatch: pytest.MonkeyPatch, here: Card, dtype: str
) -> None:
    monkeypatch.setattr(planning.plan, "__defaults__", (lambda: box(here),))

    assert bench_command._as_the_engine(Settings(), "0.6B") == ("cuda:0", dtype)


def test_bench_says_why_there_is_no_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning.plan, "__defaults__", (lambda: NO_GPU,))

    with pytest.raises(SpeechError, match="no NVIDIA driver"):
        bench_command._as_the_engine(Settings(), "0.6B")


# Little main memory


def small_box(ram_mb: int | None) -> Hardware:
    return Hardware(torch="2.13.0+cpu", cpu_bfloat16=True, ram_mb=ram_mb)


def test_a_machine_of_2_gb_keeps_the_builtin_voice_and_says_why() -> None:
    chosen = plan(engine_config(kind="qwen3"), lambda: small_box(1_100))

    assert chosen.device is None
    assert not chosen.has_room, "it is tried again when there may be more"
    (said,) = [reason for reason in chosen.reasons if "does not fit" in reason]
    assert re.fullmatch(
        rf"{SMALL} does not fit, it is not loaded: it needs about 1,\d\d\d MiB of memory, and 1,100 can be had\. "
        r"Free some, or give it more\.",
        said,
    )


def test_the_smaller_model_is_taken_where_only_that_fits() -> None:
    chosen = plan(engine_config(kind="qwen3", models=(LARGE,)), lambda: small_box(2_200))

    assert (chosen.device, chosen.models) == ("cpu", (SMALL,))
    assert sum("does not fit" in reason for reason in chosen.reasons) == 1


@pytest.mark.parametrize("ram_mb", [4_000, None])
def test_enough_memory_or_a_kernel_that_does_not_say_changes_nothing(ram_mb: int | None) -> None:
    chosen = plan(engine_config(kind="qwen3"), lambda: small_box(ram_mb))

    assert (chosen.device, chosen.models) == ("cpu", (SMALL,))
    assert not any("does not fit" in reason for reason in chosen.reasons)


def test_models_share_the_memory() -> None:
    base = SMALL.replace("CustomVoice", "Base")
    chosen = plan(engine_config(kind="qwen3", models=(SMALL, base)), lambda: small_box(2_500))

    assert chosen.models == (SMALL,)
    assert any(reason.startswith(f"{base} does not fit, it is not loaded") for reason in chosen.reasons)
