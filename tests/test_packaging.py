"""Images, compose files, workflow and scripts: what can be said of them without building anything."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.test_scripts import torch_wheel

DOCKERFILES = [ROOT / "docker/Dockerfile", *sorted((ROOT / "addon").glob("*/Dockerfile"))]
COMPOSE = sorted((ROOT / "docker").glob("compose*.yaml"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yaml"))
_RULES = "{extends: default, rules: {line-length: {max: 200}, document-start: disable, braces: {max-spaces-inside: 0}}}"


def tool(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    path = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert path, f"{name} is missing: script/setup dev"
    return subprocess.run([path, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda p: p.parent.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    """Versions of Debian packages are not pinned: a base image's archive keeps only the newest."""
    done = tool("hadolint", "--ignore", "DL3008", "--ignore", "DL3013", path)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", COMPOSE, ids=lambda p: p.name)
def test_compose_files_fit_the_specification(path: Path) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", path)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflows_fit_their_schema(path: Path) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("vendor.github-issue-forms", "bug.yml"),
        ("vendor.github-issue-forms", "ran-on-my-card.yml"),
        ("vendor.github-issue-config", "config.yml"),
    ],
)
def test_the_forms_for_issues_fit_their_schemas(schema: str, name: str) -> None:
    done = tool("check-jsonschema", "--builtin-schema", schema, ROOT / ".github/ISSUE_TEMPLATE" / name)

    assert done.returncode == 0, done.stdout
    assert {path.name for path in (ROOT / ".github/ISSUE_TEMPLATE").iterdir()} == {
        "bug.yml",
        "config.yml",
        "ran-on-my-card.yml",
    }


def test_yamllint_finds_nothing() -> None:
    done = tool("yamllint", "--strict", "-d", _RULES, *COMPOSE, *WORKFLOWS, ROOT / "addon", ROOT / "repository.yaml")

    assert done.returncode == 0, done.stdout


def test_shellcheck_finds_nothing() -> None:
    scripts = [path for path in (ROOT / "script").iterdir() if path.read_text().startswith("#!/usr/bin/env bash")]

    done = tool("shellcheck", *scripts)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", COMPOSE, ids=lambda p: p.name)
def test_containers_may_do_nothing_that_they_need_not(path: Path) -> None:
    ours: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]["qwen3-tts"]

    assert (ours["user"], ours["read_only"], ours["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert ours["security_opt"] == ["no-new-privileges:true"]
    assert ours["healthcheck"]["test"] == ["CMD", "wyoming-qwen3tts", "healthcheck"]
    assert "privileged" not in ours


def test_the_image_takes_the_same_pytorch_as_a_bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One table; script/torch-wheel explains it."""
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    cards = {
        "cu126": "6.1, 535.1, NVIDIA GeForce GTX 1080",
        "cu128": "8.6, 570.1, NVIDIA GeForce RTX 3090",
        "cu130": "12.0, 580.1, NVIDIA GeForce RTX 5090",
        "rocm": "gfx_target_version 110000",
    }
    monkeypatch.setenv("ROCM", "1")
    for variant, card in cards.items():
        found = re.search(rf'^ *{variant}\) spec="(.*)" index=(\S+) ;;', text, re.MULTILINE)
        assert found, variant
        assert f"{found[1]} --index-url {found[2]}" == torch_wheel(card + "\n")[1]


def test_every_locked_package_has_hashes_and_no_index_is_named() -> None:
    for name in ("cpu", "build"):
        text = (ROOT / f"docker/{name}.txt").read_text(encoding="utf-8")
        entries = re.split(r"\n(?=[a-z0-9])", text.split("\n", 2)[2])
        assert len(entries) >= 3
        assert all("--hash=sha256:" in entry for entry in entries), name
        assert "http" not in re.sub(r"httpcore|httpx|httptools", "", text)


def test_the_lock_holds_every_dependency() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    locked = (ROOT / "docker/cpu.txt").read_text(encoding="utf-8")

    names = [re.split(r"[<>=]", line)[0] for line in wanted]
    missing = [name for name in names if not re.search(rf"^{name}==", locked, re.MULTILINE)]
    assert not missing, "run script/image-lock"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_workflows_pin_every_action_and_begin_without_permissions(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert re.search(r"^permissions: \{\}$", text, re.MULTILINE)
    used = [action for action in re.findall(r"uses: (\S+)", text) if not action.startswith("./")]  # our own
    assert used
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", action) for action in used), used


def test_images_are_built_only_when_the_tests_have_passed() -> None:
    """With every Python that the package may be installed on, by the script that a submission has to pass."""
    tests, images = (
        yaml.safe_load((ROOT / ".github/workflows" / name).read_text(encoding="utf-8"))["jobs"]
        for name in ("test.yaml", "images.yaml")
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))

    assert images["test"]["uses"] == "./.github/workflows/test.yaml"
    assert "test" in images["build"]["needs"]
    assert "build" in images["publish"]["needs"]
    assert tests["test"]["strategy"]["matrix"]["python"] == promised
    assert ".ci/run" in [step.get("run") for step in tests["test"]["steps"]]
