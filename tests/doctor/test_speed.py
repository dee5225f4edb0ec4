"""``doctor --speed``: what this processor would do, and the one setting to change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.doctor import Check, speed
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Hardware
from wyoming_qwen3tts.engine.qwen3.profiling import sample as sampling
from wyoming_qwen3tts.engine.qwen3.profiling.sample import FrameTime, Sample

from .test_doctor import ABLE, place

CPU = Hardware(torch="2.13.0+cpu", cpu_bfloat16=True, ram_mb=8_000)
WAYS = (("0.6B", "int8"), ("0.6B", "int4"), ("1.7B", "int8"), ("1.7B", "int4"))


def taking(*rtfs: float) -> speed.Take:
    """A machine of these speeds, in the order of `WAYS`; two listeners take 1.6 times as long."""
    frames = {
        (size, quantize, count): FrameTime(0.0, 0.0, 0.08 * rtf * (1.0 if count == 1 else 1.6))
        for (size, quantize), rtf in zip(WAYS, rtfs, strict=False)
        for count in (1, 2)
    }
    return lambda dtype: Sample("compiled code for AVX2, codec int16, 4 threads (of 4)", frames)  # type: ignore[arg-type]


def said(take: speed.Take, hardware: Hardware = CPU, settings: dict[str, str] | None = None) -> dict[str, Check]:
    return {check.check: check for check in speed.checks(place(hardware, {}, **settings or {}), take)}


ON = {"engine__natural_voice": "on"}


def test_every_way_is_shown_alone_and_with_two_listeners() -> None:
    found = said(taking(0.9, 0.7, 1.4, 1.1))

    assert "compiled code for AVX2" in found["processor"].detail
    assert [name for name in found if name[0] in "01"] == ["1.7B int8", "1.7B int4", "0.6B int8", "0.6B int4"]
    assert "72 ms for a frame of 80, so 0.90 of real time; two listeners 1.44" in found["0.6B int8"].detail


@pytest.mark.parametrize(
    ("rtfs", "settings", "words"),
    [
        ((0.9, 0.7, 1.4, 1.1), {}, "engine.natural_voice on: 0.6B int8 begins its replies at once"),
        ((0.9, 0.7, 1.4, 1.1), ON, "nothing to change: 0.6B int8"),
        ((1.2, 0.9, 2.0, 1.6), ON, "engine.quantize int4: 0.6B int4 begins its replies at once"),
        ((0.4, 0.3, 0.9, 0.7), ON, "engine.model Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice: 1.7B int8"),
        ((1.6, 1.25, 2.0, 1.9), ON, "engine.quantize int4: 0.6B int4 holds replies of up to 24 s back, up to 6 s"),
        ((3.0, 2.5, 6.0, 5.0), {}, "leave it at the built-in voice: the fastest way takes 2.50 of real time"),
        ((3.0, 2.5, 6.0, 5.0), ON, "engine.kind builtin"),
        ((0.9, 0.7, 1.4, 1.1), {"engine__kind": "builtin"}, "engine.kind qwen3"),
    ],
)
def test_one_setting_is_named(rtfs: tuple[float, ...], settings: dict[str, str], words: str) -> None:
    check = said(taking(*rtfs), settings=settings)["setting"]

    assert words in f"{check.detail} {check.fix}"


def test_a_model_that_is_too_slow_as_configured_is_wrong_where_a_setting_mends_it() -> None:
    assert not said(taking(1.2, 0.9, 2.0, 1.6), settings=ON)["setting"].ok
    assert said(taking(0.9, 0.7, 1.4, 1.1), settings=ON)["setting"].ok


def test_where_memory_is_short_the_smaller_model_is_advised_or_none() -> None:
    fast = taking(0.4, 0.3, 0.9, 0.7)
    some, little = replace(CPU, ram_mb=2_000), replace(CPU, ram_mb=900)

    assert "more than can be had" in said(fast, some)["1.7B int8"].detail
    assert "0.6B int8" in said(fast, some)["setting"].detail
    assert "too little memory" in said(fast, little)["setting"].detail


def test_a_size_that_there_was_no_time_for_is_said() -> None:
    assert "not measured" in said(taking(3.0, 2.0))["1.7B"].detail


@pytest.mark.parametrize(("load", "is_said"), [(0.4, False), (9.1, True)])
def test_a_busy_machine_is_said(load: float, is_said: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    monkeypatch.setattr(speed, "host_cores", lambda: 2)

    found = said(taking(0.9, 0.7, 1.4, 1.1))

    assert ("quiet" in found) is is_said
    assert not is_said or "a load of 9.1 on 2 cores" in found["quiet"].detail


def test_a_containers_share_of_the_processor_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "cpu_quota", lambda: 0.5)
    monkeypatch.setattr(speed, "usable_cores", lambda _: 0)

    assert "this container may use 0.5 cores" in said(taking(3.0, 2.0))["processor"].detail


def test_where_a_card_speaks_nothing_is_to_be_changed() -> None:
    assert "nothing to change" in said(taking(0.9, 0.7, 1.4, 1.1), replace(ABLE, ram_mb=8_000))["setting"].detail


def test_without_torch_it_says_what_to_install() -> None:
    (check,) = speed.checks(place(Hardware()))

    assert not check.ok
    assert "PyTorch is not installed" in check.detail
    assert "script/setup qwen3" in check.fix


def test_the_command_prints_all_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sampling, "sample", lambda dtype, folder, has_time: taking(0.9, 0.7, 1.4, 1.1)(dtype))

    code = main(["doctor", "--speed", "--json", "--data-dir", str(tmp_path), "--engine.device", "cpu"])

    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)}
    assert {"processor", "0.6B int8", "1.7B int8", "setting"} <= set(checks)
    assert code == (0 if all(check["ok"] for check in checks.values()) else 1)


def test_the_networks_parts_are_timed_and_what_is_begun_too_late_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The real networks' kinds, tiny, through whatever computes here."""
    monkeypatch.setattr(sampling, "_ROUNDS_S", 0.0)
    found = sampling.sample("bfloat16", None, lambda: False, tiny=True)

    assert {size for size, _, _ in found.frames} == {"0.6B"}
    assert all(min(frame) > 0 for frame in found.frames.values())


def test_a_wider_model_costs_its_code_predictor_the_projection() -> None:
    work = sampling._Work(None, torch.bfloat16, tiny=False)

    assert work.predictor_share("0.6B") == 1
    assert 1.02 < work.predictor_share("1.7B") < 1.04
