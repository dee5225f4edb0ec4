"""Makes what can be made of the add-on folders: config.yaml, translations, Dockerfile, changelog, pictures, profile.

From the settings (types and limits), addon/options.yaml (which of them, and their texts), docker/Dockerfile and
CHANGELOG.md. Called by script/addon; tests/addon/test_addon.py says whether it has to be called again.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import annotated_types
import yaml
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from tests.conftest import ROOT
from wyoming_qwen3tts import __version__
from wyoming_qwen3tts.settings import walk

ADDON = ROOT / "addon"
CPU, CUDA = "qwen3_tts", "qwen3_tts_cuda"
LANGUAGES = ("en", "de", "zh-Hans", "fr", "es")
_HEAD = "# Made by script/addon; do not edit.\n"
_URL: str = yaml.safe_load((ROOT / "repository.yaml").read_text(encoding="utf-8"))["url"]
_ADDRESSES = {"http.base_url", "models.endpoint"}  # strings that are URLs

_TEXTS = {
    CPU: {
        "name": "Qwen3-TTS",
        "description": "A voice that starts to speak at once, in ten languages, without a cloud or a graphics card",
    },
    CUDA: {
        "name": "Qwen3-TTS (CUDA)",
        "description": "Qwen3-TTS on an NVIDIA card, for Home Assistant Supervised; streams from the first words on",
    },
}


@cache
def table() -> dict[str, Any]:
    """addon/options.yaml."""
    loaded: dict[str, Any] = yaml.safe_load((ADDON / "options.yaml").read_text(encoding="utf-8"))
    return loaded


def options(addon: str) -> dict[str, dict[str, Any]]:
    """The settings that are options of ``addon``, in the table's order. One that the settings do not have yet waits."""
    known = dict(walk())
    return {
        name: texts for name, texts in table()["options"].items() if name in known and texts.get("only", addon) == addon
    }


def undecided() -> list[str]:
    """Settings of which nobody said whether they are options."""
    left_out, chosen = table()["left_out"], table()["options"]
    return [
        name for name, _ in walk() if name not in chosen and name not in left_out and name.split(".")[0] not in left_out
    ]


def type_of(name: str, field: FieldInfo) -> str:
    """The Supervisor's type of a setting; always optional, since every setting has a default."""
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return f"list({'|'.join(get_args(annotation))})?"
    if annotation is SecretStr or SecretStr in get_args(annotation):
        return "password?"
    if name == "mqtt.port":
        return "port?"
    if annotation in (int, float):
        return f"{annotation.__name__}{_range(field)}?"
    kinds: dict[Any, str] = {bool: "bool?"}
    return kinds.get(annotation, "url?" if name in _ADDRESSES else "str?")


def _range(field: FieldInfo) -> str:
    low = next((limit.ge for limit in field.metadata if isinstance(limit, annotated_types.Ge)), None)
    high = next((limit.le for limit in field.metadata if isinstance(limit, annotated_types.Le)), None)
    if low is None or high is None or float(str(low)) < 0 or float(str(high)) < 0:
        return ""  # the Supervisor's ranges know no minus sign; our own check says what is wrong
    return f"({low},{high})"


def config(addon: str) -> str:
    """config.yaml. Nothing that is a default is spelled out."""
    head = {
        "name": _TEXTS[addon]["name"],
        "version": __version__,
        "slug": addon,
        "description": _TEXTS[addon]["description"],
        "url": f"{_URL}/tree/main/addon/{addon}",
        "arch": ["amd64", "aarch64"] if addon == CPU else ["amd64"],
        "stage": "experimental",
        "homeassistant": "2025.7.0",  # the first release that sends text while it is being written
        "timeout": 30,
        "discovery": ["wyoming"],
        "services": ["mqtt:want"],
        "homeassistant_api": True,
        "ingress": True,
        "ingress_port": 8880,
        "ingress_stream": True,
        "panel_icon": "mdi:account-voice",
        "panel_title": _TEXTS[addon]["name"],
        "map": [{"type": "share"}, {"type": "ssl"}],
        "ports": {"10200/tcp": None, "8880/tcp": None},
        "environment": {"QWEN3TTS_HTTP__URI": "tcp://0.0.0.0:8880"},
        "backup_exclude": ["models/**", "cache/**", "phrases/**"],
    }
    fields, known = options(addon), dict(walk())
    chosen: dict[str, Any] = {}
    schema: dict[str, Any] = {}
    for name in fields:
        *groups, last = name.split(".")
        place, default = schema, chosen
        for group in groups:  # the Supervisor wants every group to be there
            place, default = place.setdefault(group, {}), default.setdefault(group, {})
        values = fields[name].get("values")
        place[last] = f"list({'|'.join(values)})?" if values else fields[name].get("type", type_of(name, known[name]))
        if fields[name].get("default"):
            default[last] = known[name].default
    return _HEAD + _dumped({**head, "options": chosen, "schema": schema})


def translation(addon: str, language: str) -> str:
    """translations/<language>.yaml."""
    fields, groups = options(addon), table()["groups"]
    configuration: dict[str, Any] = {}
    for name, texts in fields.items():
        group, _, last = name.rpartition(".")
        text = dict(zip(("name", "description"), texts[language], strict=True))
        if not group:
            configuration[last] = text
            continue
        if group not in configuration:
            configuration[group] = {
                **dict(zip(("name", "description"), groups[group][language], strict=True)),
                "fields": {},
            }
        configuration[group]["fields"][last] = text
    network = {port: texts[language] for port, texts in table()["network"].items()}
    return _HEAD + _dumped({"configuration": configuration, "network": network})


def dockerfile(addon: str) -> str:
    """docker/Dockerfile, but with the tagged release as its source, and started as root, which it gives up: the
    Supervisor's /data is root's."""
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    source = f"""\
# The program: the release of this version, as the Supervisor builds from this folder alone.
FROM base AS source
ARG BUILD_VERSION={__version__}
ADD {_URL}/archive/refs/tags/v${{BUILD_VERSION}}.tar.gz /tmp/source.tar.gz
WORKDIR /source
RUN tar --extract --gzip --strip-components=1 --file /tmp/source.tar.gz

"""
    for pattern, new in (
        (r"\A(#.*\n)+", _HEAD),
        (r"# The program: this folder's.*?\n\n", source),
        (r"ARG RUN_AS=10001", "ARG RUN_AS=0"),
        (r"ARG VARIANT=cpu", "ARG VARIANT=cu128" if addon == CUDA else "ARG VARIANT=cpu"),
    ):
        text, count = re.subn(pattern, lambda _, new=new: new, text, count=1, flags=re.DOTALL if "?" in pattern else 0)
        if not count:
            raise ValueError(f"docker/Dockerfile has no {pattern}")
    return text


def changelog() -> str:
    """CHANGELOG.md, of what is released: the Supervisor shows it beside an update. Links into the repository are
    addresses here, as the pages that they name are not in the folder."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    text = re.sub(r"^## \[Unreleased\]\n.*?(?=^## )", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^\[Unreleased\]: .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\]\((?!https?:)", f"]({_URL}/blob/main/", text)


def files() -> dict[Path, bytes]:
    """Every file that is made, and what is to be in it."""
    made: dict[Path, bytes] = {}
    for addon in (CPU, CUDA):
        folder = ADDON / addon
        made[folder / "config.yaml"] = config(addon).encode()
        made[folder / "Dockerfile"] = dockerfile(addon).encode()
        made[folder / "CHANGELOG.md"] = changelog().encode()
        for language in LANGUAGES:
            made[folder / "translations" / f"{language}.yaml"] = translation(addon, language).encode()
    for name in ("icon.png", "logo.png", "apparmor.txt"):
        made[ADDON / CUDA / name] = (ADDON / CPU / name).read_bytes()
    return made


def _dumped(content: dict[str, Any]) -> str:
    class Dumper(yaml.SafeDumper):
        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            super().increase_indent(flow, indentless=False)

    Dumper.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))
    return yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def main() -> int:
    """Write what differs."""
    for path, content in files().items():
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    for name in undecided():
        sys.stdout.write(f"undecided: {name}. Make it an option, or say why not, in addon/options.yaml\n")
    return 1 if undecided() else 0


if __name__ == "__main__":
    sys.exit(main())
