"""The add-on folders agree with the settings, with each other, and with what the Supervisor takes."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import wyoming_qwen3tts
from tests.addon.generate import (
    ADDON,
    CPU,
    CUDA,
    LANGUAGES,
    dockerfile,
    files,
    options,
    table,
    translation,
    type_of,
    undecided,
)  # fmt: skip
from tests.conftest import ROOT
from wyoming_qwen3tts.settings import sources, walk
from wyoming_qwen3tts.settings.sources import load

ADDONS = (CPU, CUDA)
#: What the Supervisor and the community linter know; an unknown key would be dropped without a word.
KEYS = {
    "name", "version", "slug", "description", "url", "arch", "stage", "homeassistant", "timeout", "discovery",
    "services", "homeassistant_api", "ingress", "ingress_port", "ingress_stream", "panel_icon", "panel_title", "map",
    "ports", "environment", "backup_exclude", "options", "schema", "image",
}  # fmt: skip
#: What they take for granted; the linter wants it left out.
DEFAULTS: dict[str, Any] = {
    "stage": "stable", "timeout": 10, "ingress_port": 8099, "ingress": False, "ingress_stream": False,
    "homeassistant_api": False, "panel_icon": "mdi:puzzle", "options": {}, "schema": {},
}  # fmt: skip


def config(addon: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ADDON / addon / "config.yaml").read_text(encoding="utf-8"))
    return loaded


def flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def test_the_made_files_are_current() -> None:
    stale = [str(path.relative_to(ROOT)) for path, content in files().items() if path.read_bytes() != content]

    assert not stale, "run script/addon"


def test_every_setting_is_an_option_or_left_out_for_a_reason() -> None:
    assert not undecided(), "make each an option in addon/options.yaml, or say under left_out why not"
    assert all(table()["left_out"].values())


@pytest.mark.parametrize("addon", ADDONS)
def test_the_config_has_only_keys_that_count_and_no_default(addon: str) -> None:
    found = config(addon)

    assert set(found) <= KEYS
    assert not [key for key, default in DEFAULTS.items() if key in found and found[key] == default]
    assert found["slug"] == addon
    assert found["version"] == wyoming_qwen3tts.__version__
    assert found["discovery"] == ["wyoming"]
    assert found["services"] == ["mqtt:want"]
    assert found["ports"] == {"10200/tcp": None, "8880/tcp": None}
    assert all(isinstance(value, str) for value in found["environment"].values())


def test_nothing_else_in_the_repository_is_called_config() -> None:
    """The Supervisor takes any such file for an add-on, in any folder but those whose names begin with a dot."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    seen = [name for name in listed if not any(part.startswith(".") for part in Path(name).parts)]
    found = {name for name in seen if re.fullmatch(r"config\.(ya?ml|json)", Path(name).name)}

    assert found == {f"addon/{addon}/config.yaml" for addon in ADDONS}


TYPE = re.compile(
    r"(bool|url|port|password|str|(int|float)(\(\d[\d.]*,\d[\d.]*\))?|list\([\w.]+(\|[\w.]+)+\))\?", re.ASCII
)


@pytest.mark.parametrize("addon", ADDONS)
def test_every_option_is_typed_optional_and_called_like_its_setting(addon: str) -> None:
    found, known = config(addon), dict(walk())

    schema = flat(found["schema"])

    assert set(schema) == set(options(addon))
    assert all(TYPE.fullmatch(kind) for kind in schema.values()), schema
    free = [name for name in schema if not {"values", "type"} & set(options(addon)[name])]
    assert {name: schema[name] for name in free} == {name: type_of(name, known[name]) for name in free}
    # A group that is missing would be a missing option to the Supervisor.
    assert set(found["options"]) == {name.split(".")[0] for name in schema if "." in name}
    assert set(flat(found["options"])) <= set(schema) | set(found["options"])


@pytest.mark.parametrize("addon", ADDONS)
def test_what_the_form_begins_with_is_what_the_program_takes_for_granted(
    addon: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "options.json"
    file.write_text(json.dumps(config(addon)["options"]))
    monkeypatch.setattr(sources, "ADDON_OPTIONS", file)

    assert load({}, {"SUPERVISOR_TOKEN": "x"}) == load({}, {})
    assert not caplog.text


def test_the_environment_of_the_add_on_names_settings() -> None:
    settings = load({}, config(CPU)["environment"])

    assert settings.http.address
    assert settings.http.address.port == config(CPU)["ingress_port"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("addon", ADDONS)
def test_every_option_and_port_is_explained_in_every_language(addon: str, language: str) -> None:
    texts = yaml.safe_load((ADDON / addon / "translations" / f"{language}.yaml").read_text(encoding="utf-8"))

    for name in options(addon):
        group, _, last = name.rpartition(".")
        entry = texts["configuration"][group]["fields"][last] if group else texts["configuration"][last]
        assert entry["name"].strip()
        assert entry["description"].strip()[-1] in ".。"
    assert set(texts["network"]) == set(config(addon)["ports"])


def test_translations_differ_between_languages() -> None:
    """Somebody translated them."""
    assert len({translation(CUDA, language) for language in LANGUAGES}) == len(LANGUAGES)
    for name, texts in table()["options"].items():
        assert len({texts[language][1] for language in LANGUAGES}) == len(LANGUAGES), name


@pytest.mark.parametrize("addon", ADDONS)
def test_the_changelog_begins_with_this_version(addon: str) -> None:
    first = re.search(r"^## \[(\S+)\]", (ADDON / addon / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert first
    assert first[1] == config(addon)["version"]


@pytest.mark.parametrize("addon", ADDONS)
@pytest.mark.parametrize(("name", "size"), [("icon.png", (128, 128)), ("logo.png", (250, 100))])
def test_the_pictures_have_the_size_that_the_store_shows(addon: str, name: str, size: tuple[int, int]) -> None:
    data = (ADDON / addon / name).read_bytes()

    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == size


@pytest.mark.parametrize("addon", ADDONS)
def test_the_add_ons_dockerfile_is_the_images_but_for_its_source_user_and_variant(addon: str) -> None:
    ours = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8").splitlines()
    theirs = dockerfile(addon).splitlines()

    differing = {line for line in theirs if line not in ours}
    assert {line for line in differing if line.startswith(("ARG", "ENV", "USER", "HEALTHCHECK", "ENTRYPOINT"))} <= {
        f"ARG BUILD_VERSION={wyoming_qwen3tts.__version__}", "ARG RUN_AS=0", "ARG VARIANT=cu128",
    }  # fmt: skip
    assert "HEALTHCHECK" in dockerfile(addon)


def test_only_one_place_names_the_owner() -> None:
    """repository.yaml; what says otherwise would break a fork."""
    url = yaml.safe_load((ROOT / "repository.yaml").read_text(encoding="utf-8"))["url"]
    owner = url.removeprefix("https://github.com/")
    for path in [ROOT / "docker/Dockerfile", *(ROOT / "docker").glob("compose*.yaml"), *ADDON.rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"(?:github\.com|ghcr\.io)/(wyoming-qwen3tts/[\w-]+)", text))
        assert named <= {owner}, path
    assert owner not in (ROOT / ".github/workflows/images.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("addon", ADDONS)
def test_the_apparmor_profile_can_be_parsed(addon: str) -> None:
    parser = shutil.which("apparmor_parser", path="/usr/sbin:/sbin:/usr/bin")
    text = (ADDON / addon / "apparmor.txt").read_text(encoding="utf-8")
    assert len(re.findall(r"^profile ", text, re.MULTILINE)) == 1
    if parser is None:
        pytest.skip("apparmor is not installed: apt install apparmor")

    done = subprocess.run(
        [parser, "-Q", "-K", ADDON / addon / "apparmor.txt"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
