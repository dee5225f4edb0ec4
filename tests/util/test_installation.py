"""What is advised where a part is missing: what works there, and nothing that does not exist."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from wyoming_qwen3tts.util.installation import IMAGE_USER, REPOSITORY, qwen3_advice


def test_a_checkout_is_told_its_own_scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    assert qwen3_advice(environ={}) == "script/setup qwen3"
    assert qwen3_advice(serve=True, environ={}) == "script/run --engine.kind qwen3"

    monkeypatch.chdir(tmp_path)
    assert qwen3_advice(environ={}) == f"{ROOT}/script/setup qwen3"


def test_an_image_is_told_another_image() -> None:
    advice = qwen3_advice(environ={IMAGE_USER: "10001"})

    assert "script/" not in advice
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    for variant in ("cpu", "cu126", "cu128", "cu130", "rocm"):
        assert variant in advice
        assert f" {variant}) spec=" in dockerfile
    assert f"{IMAGE_USER}=" in dockerfile


def test_whoever_has_a_wheel_alone_is_told_where_the_scripts_are(tmp_path: Path) -> None:
    assert (
        qwen3_advice(environ={}, root=tmp_path)
        == f"git clone {REPOSITORY} && cd wyoming-qwen3tts && script/setup qwen3"
    )


def test_the_address_is_that_of_the_repository() -> None:
    assert yaml.safe_load((ROOT / "repository.yaml").read_text(encoding="utf-8"))["url"] == REPOSITORY


def test_nobody_advises_a_package_that_no_index_has() -> None:
    package = ROOT / "wyoming_qwen3tts"
    found = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "wyoming-qwen3tts[" in (text := path.read_text(encoding="utf-8")) or "pip install wyoming-" in text
    ]

    assert found == []
