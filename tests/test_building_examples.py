"""The examples for a building in docker/ (docs/scale.md): schemas, and what would be wrong with ours in practice.
Compose files meet their schema in test_packaging."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.conftest import ROOT
from tests.kubernetes_schema import EXCERPT, objects
from wyoming_qwen3tts.settings.sources import load

OBJECTS: dict[tuple[str, str], dict[str, Any]] = {(one["kind"], one["metadata"]["name"]): one for one in objects()}
SCHEMAS = json.loads(EXCERPT.read_text(encoding="utf-8"))
PODS = {name: OBJECTS[kind, name]["spec"]["template"]["spec"]["containers"][0]
        for kind, name in OBJECTS if kind in ("StatefulSet", "Deployment")}  # fmt: skip


def complaints(one: dict[str, Any]) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMAS[one["kind"]]).iter_errors(one)]


def test_every_object_fits_the_schema_of_kubernetes() -> None:
    """What it uses beyond the excerpt is refused too: `tests.kubernetes_schema` makes that anew."""
    assert len(OBJECTS) == 4
    assert {name: complaints(one) for name, one in OBJECTS.items()} == {name: [] for name in OBJECTS}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda spec: spec.update(replica=2), "'replica' was unexpected"),
        (lambda spec: spec.update(replicas="two"), "'two' is not of type"),
        (lambda spec: spec.pop("selector"), "'selector' is a required property"),
        (lambda spec: spec["template"]["spec"]["containers"][0].pop("name"), "'name' is a required property"),
        (lambda spec: spec["template"]["spec"]["containers"][0].update(readinesProbe={}), "'readinesProbe' was"),
    ],
    ids=["misspelt", "no number", "missing", "missing within", "misspelt within"],
)
def test_what_does_not_fit_is_found(spoil: Callable[[dict[str, Any]], Any], words: str) -> None:
    spoilt = copy.deepcopy(OBJECTS["Deployment", "qwen3-tts"])
    spoil(spoilt["spec"])
    [complaint] = complaints(spoilt)

    assert words in complaint


def test_every_service_finds_pods_that_have_its_ports() -> None:
    for name in ("vllm-omni", "qwen3-tts"):
        service = OBJECTS["Service", name]["spec"]
        workload = OBJECTS["StatefulSet" if name == "vllm-omni" else "Deployment", name]["spec"]
        labels = workload["template"]["metadata"]["labels"]
        assert service["selector"] == workload["selector"]["matchLabels"] == labels
        open_ports = {port["containerPort"] for port in PODS[name]["ports"]}
        assert {port["port"] for port in service["ports"]} <= open_ports


def test_the_servers_that_are_named_are_the_pods_that_there_are() -> None:
    settings = load({}, {entry["name"]: entry["value"] for entry in PODS["qwen3-tts"]["env"]})
    replicas = OBJECTS["StatefulSet", "vllm-omni"]["spec"]["replicas"]
    service = OBJECTS["StatefulSet", "vllm-omni"]["spec"]["serviceName"]

    assert settings.engine.kind == "remote"
    assert [urlsplit(url).hostname for url in settings.engine.urls] == [
        f"vllm-omni-{number}.{service}" for number in range(replicas)
    ]
    assert {urlsplit(url).port for url in settings.engine.urls} == {8091}
    assert OBJECTS["Service", service]["spec"]["clusterIP"] == "None"  # a name for each pod


def test_volumes_are_there_and_containers_may_do_nothing_that_they_need_not() -> None:
    spec = OBJECTS["Deployment", "qwen3-tts"]["spec"]["template"]["spec"]
    assert {mount["name"] for mount in PODS["qwen3-tts"]["volumeMounts"]} == {v["name"] for v in spec["volumes"]}
    assert PODS["qwen3-tts"]["securityContext"] == {
        "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert spec["securityContext"]["runAsNonRoot"]


@pytest.mark.parametrize("path", ["compose.building.yaml", "compose.vllm-omni.yaml"])
def test_the_settings_of_a_compose_file_are_ones_that_there_are(path: str) -> None:
    service = yaml.safe_load((ROOT / "docker" / path).read_text(encoding="utf-8"))["services"]["qwen3-tts"]
    ours = {name: value for name, value in service["environment"].items() if name.startswith("QWEN3TTS")}
    ours["QWEN3TTS_ENGINE__URLS"] = "http://10.0.0.1:8091"
    settings = load({}, ours | {"QWEN3TTS_ENGINE__API_KEY": "some-secret-key"})

    assert settings.engine.kind == "remote"
    assert settings.engine.slots >= 16
