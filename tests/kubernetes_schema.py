"""What Kubernetes' own schema says of all that docker/kubernetes.yaml uses, in tests/kubernetes.schema.json.

The whole schema has megabytes, so this is an excerpt: what the file does not use is refused, valid or not. To make it
anew: ``python -m tests.kubernetes_schema WHEEL`` with a wheel of kubernetes-validate (``pip download --no-deps
kubernetes-validate``; Apache-2.0, as are the schemas of Kubernetes in it).
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
EXCERPT = Path(__file__).parent / "kubernetes.schema.json"
VERSION = "v1.37.0"
_FOLDER = f"kubernetes_validate/kubernetes-json-schema/{VERSION}-local-strict"
_KEPT = ("type", "enum", "required", "format", "oneOf", "pattern", "minimum", "maximum")

Schema = dict[str, Any]


def objects() -> list[Schema]:
    """Those of docker/kubernetes.yaml."""
    return list(yaml.safe_load_all((ROOT / "docker/kubernetes.yaml").read_text(encoding="utf-8")))


def excerpt(definitions: Schema, schema: Schema, values: list[Any]) -> Schema:
    """``schema`` as far as ``values`` reach.

    Raises:
        KeyError: for a name that it does not have.
    """
    if "$ref" in schema:
        return excerpt(definitions, definitions[schema["$ref"].rpartition("/")[2]], values)
    found: Schema = {key: schema[key] for key in _KEPT if key in schema}
    maps, lists = [v for v in values if isinstance(v, dict)], [v for v in values if isinstance(v, list)]
    if "properties" in schema:
        names = sorted({name for value in maps for name in value})
        found["properties"] = {
            name: excerpt(definitions, schema["properties"][name], [value[name] for value in maps if name in value])
            for name in names
        }
        found["additionalProperties"] = False
    elif isinstance(schema.get("additionalProperties"), dict):
        inner = [value for one in maps for value in one.values()]
        found["additionalProperties"] = excerpt(definitions, schema["additionalProperties"], inner)
    if "items" in schema:
        found["items"] = excerpt(definitions, schema["items"], [item for one in lists for item in one])
    return found


def main(wheel: str) -> None:
    """Write the excerpt."""
    by_kind: dict[str, list[Schema]] = {}
    for one in objects():
        by_kind.setdefault(one["kind"], []).append(one)
    with zipfile.ZipFile(wheel) as archive:
        definitions = json.loads(archive.read(f"{_FOLDER}/_definitions.json"))["$defs"]
        kinds = {}
        for kind, values in by_kind.items():
            group = "-".join([kind.lower(), *values[0]["apiVersion"].split("/")])
            kinds[kind] = excerpt(definitions, json.loads(archive.read(f"{_FOLDER}/{group}.json")), values)
    EXCERPT.write_text(
        json.dumps({"$comment": f"Kubernetes {VERSION}, excerpt; see kubernetes_schema.py"} | kinds) + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
