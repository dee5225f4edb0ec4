"""What `v1/about` says of the way to a natural voice, and of what making voices needs, on every kind of machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.harness import FakeEngine
from tests.servers.http.studio import FakeStudio
from tests.servers.http.web import INSTALLED, web
from wyoming_qwen3tts.cli import parser
from wyoming_qwen3tts.downloads.background import BackgroundDownload
from wyoming_qwen3tts.downloads.store import Store
from wyoming_qwen3tts.engine.qwen3.hardware.plan import SMALL
from wyoming_qwen3tts.servers.http.installation import Installation, Place
from wyoming_qwen3tts.servers.http.natural import Tools
from wyoming_qwen3tts.settings import Settings, sources
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase

BARE = replace(INSTALLED, has_torch=False)
DRIVEN = replace(BARE, has_card=True, has_driver=True)
FOR_CPU = replace(DRIVEN, has_torch=True)
PROCESSOR, QWEN3 = "measure download", {"kind": "qwen3"}
BASE = "Qwen/Qwen3-TTS-12Hz-0.6B-Base"


class Builtin(FakeEngine):
    name = "builtin"


class Model(FakeEngine):
    """Qwen3-TTS with the built-in voice behind it."""

    name = "qwen3"
    members = frozenset({"qwen3", "builtin"})


def model(phase: Phase, reason: str = "") -> Model:
    engine = Model()
    engine.status = EngineStatus(phase, reason, fallback="builtin")
    return engine


def at(place: Place, installation: Installation) -> Installation:
    return replace(installation, place=place)


async def about(speaker: FakeEngine, installation: Installation, folder: Path, **settings: Any) -> dict[str, Any]:
    wanted = Settings.model_validate({"data_dir": folder, **settings})
    download = BackgroundDownload(Store(folder / "models", (SMALL,)), (SMALL,))
    tools = Tools(installation, download)
    async with web(speaker, wanted, tools=tools, studio=FakeStudio(can_clone=False, can_design=False)) as it:
        found: dict[str, Any] = (await it.client.get("/v1/about")).json()
    return found


@pytest.mark.parametrize(
    ("engine", "installation", "settings", "why", "steps"),
    [
        (Builtin(), INSTALLED, {}, "no-card", f"{PROCESSOR} restart elsewhere"),
        (Builtin(), BARE, {}, "no-card", f"install {PROCESSOR} restart elsewhere"),
        (Builtin(), at("package", BARE), {}, "no-card", f"install {PROCESSOR} restart elsewhere"),
        (Builtin(), at("container", INSTALLED), {}, "no-card", f"{PROCESSOR} variable elsewhere"),
        (Builtin(), at("addon", INSTALLED), {}, "no-card", f"{PROCESSOR} option"),
        (Builtin(), INSTALLED, {"kind": "builtin"}, "chosen", f"{PROCESSOR} restart elsewhere"),
        (Builtin(), DRIVEN, {}, "no-torch", "restart elsewhere"),
        (Builtin(), at("package", DRIVEN), {}, "no-torch", "install restart elsewhere"),
        (Builtin(), replace(BARE, has_card=True), {}, "no-driver", "driver restart elsewhere"),
        (model(Phase.DEGRADED), BARE, QWEN3, "no-torch", f"install {PROCESSOR} restart elsewhere"),
        (model(Phase.DEGRADED), at("container", FOR_CPU), {}, "cpu-torch", "image elsewhere"),
        (model(Phase.DEGRADED), at("addon", FOR_CPU), {}, "cpu-torch", "addon-nvidia"),
        (model(Phase.DEGRADED, "no room"), INSTALLED, QWEN3, "failed", "look"),
        (model(Phase.LOADING), INSTALLED, QWEN3, "loading", ""),
        (model(Phase.DOWNLOADING), INSTALLED, QWEN3, "downloading", ""),
        (model(Phase.UNLOADED), INSTALLED, QWEN3, "unloaded", ""),
    ],
)  # fmt: skip
async def test_why_no_natural_voice_speaks_and_the_steps_to_one(
    tmp_path: Path, engine: FakeEngine, installation: Installation, settings: Any, why: str, steps: str
) -> None:
    natural = (await about(engine, installation, tmp_path, engine=settings))["natural"]

    assert (natural["speaks"], natural["why"]) == (False, why)
    assert " ".join(step["code"] for step in natural["steps"]) == steps
    assert natural["detail"] == (engine.status.reason if why == "failed" else None)


async def test_where_natural_voices_speak_nothing_is_proposed(tmp_path: Path) -> None:
    ready = Model()
    natural = (await about(ready, INSTALLED, tmp_path, engine={"kind": "qwen3"}))["natural"]

    assert natural == {"speaks": True, "why": None, "detail": None, "steps": []}


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("checkout", "script/run --engine.kind qwen3"),
        ("package", "wyoming-qwen3tts --engine.kind qwen3"),
        ("container", "QWEN3TTS_ENGINE__KIND=qwen3"),
        ("addon", "engine:\n  natural_voice: true"),
        ("addon-nvidia", "engine:\n  kind: qwen3"),
    ],
)
async def test_the_last_step_is_spelt_for_the_installation(tmp_path: Path, place: Any, command: str) -> None:
    steps = (await about(Builtin(), replace(INSTALLED, place=place), tmp_path))["natural"]["steps"]

    assert command in [step.get("command") for step in steps]


async def test_what_can_be_done_from_the_page_is_told(tmp_path: Path) -> None:
    steps = {step["code"]: step for step in (await about(Builtin(), INSTALLED, tmp_path))["natural"]["steps"]}
    offline = await about(Builtin(), INSTALLED, tmp_path, models={"offline": True})
    later = {step["code"]: step for step in offline["natural"]["steps"]}

    assert (steps["download"]["model"], steps["download"]["gb"]) == (SMALL, 2.5)
    assert (steps["download"]["can_do"], steps["download"]["is_done"]) == (True, False)
    assert steps["measure"]["can_do"] is False, "this server has nothing to measure with"
    assert later["download"]["can_do"] is False


def unmet(ability: dict[str, Any]) -> list[str]:
    return [need["code"] for need in ability["needs"] if not need["ok"]]


async def test_all_that_making_voices_needs_is_told_at_once(tmp_path: Path) -> None:
    found = await about(Builtin(), BARE, tmp_path)

    assert unmet(found["cloning"]) == ["engine", "torch", "model", "files", "allowed", "key"]
    assert unmet(found["design"]) == ["engine", "torch", "model", "files", "allowed", "key"]
    assert unmet(found["mixing"]) == ["engine", "torch", "allowed", "key"]
    assert found["cloning"]["needs"][2]["models"] == [BASE]


async def test_with_a_base_model_and_no_engine_it_is_the_engine_that_is_named(tmp_path: Path) -> None:
    found = await about(Builtin(), INSTALLED, tmp_path, engine={"model": BASE}, voices={"cloning": True})

    assert unmet(found["cloning"]) == ["engine", "files", "key"]
    assert "Qwen3-TTS engine" in found["cloning"]["why_not"]
    assert found["cloning"]["command"] == "script/run --engine.kind qwen3 --http.api-keys NAME:KEY"


@pytest.mark.parametrize("ability", ["cloning", "design", "mixing"])
async def test_the_one_command_leaves_no_setting_missing(tmp_path: Path, ability: str) -> None:
    """Typed as it is printed, and the server asked again with those settings."""
    command: str = (await about(Builtin(), INSTALLED, tmp_path))[ability]["command"]
    chosen = vars(parser.parse(command.replace("NAME:KEY", "home:a-long-secret").split()[1:]))
    flags = {name: value for name, value in chosen.items() if "." in name}
    settings = sources.load(flags, {})
    async with web(Model(), settings, tools=Tools(INSTALLED), studio=FakeStudio()) as it:
        after = (await it.client.get("/v1/about")).json()[ability]

    assert (after["on"], unmet(after), after["command"]) == (True, [], None)


async def test_the_add_on_without_a_card_says_that_it_cannot(tmp_path: Path) -> None:
    found = await about(Builtin(), replace(INSTALLED, place="addon"), tmp_path)
    other = await about(Builtin(), replace(INSTALLED, place="addon-nvidia"), tmp_path)

    assert found["cloning"]["command"] is None
    assert "voices:\n  cloning: true" in other["cloning"]["command"]
