"""Runs many command lines in one process, for the tables of `test_told`: JSON in, JSON out.

Its argument ``bare`` makes it a machine without the extra ``qwen3``, whatever is installed.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TypedDict

EXTRA = {"torch", "safetensors", "tokenizers", "huggingface_hub", "transformers", "triton"}


class Bare(importlib.machinery.PathFinder):
    """Finds what is installed, but for the extra's packages."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if fullname.partition(".")[0] in EXTRA else super().find_spec(fullname, path, target)


class Told(TypedDict):
    """Of one command line."""

    code: object
    out: str
    err: str


def told(arguments: list[str], environment: dict[str, str]) -> Told:
    """Exit code, standard output and standard error of one command line."""
    from wyoming_qwen3tts.__main__ import main

    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    before = dict(os.environ)
    os.environ.update(environment)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code: object = main(arguments)
        except SystemExit as end:
            code = end.code
        except BaseException:  # noqa: BLE001  it is what the table looks for
            traceback.print_exc()
            code = None
    os.environ.clear()
    os.environ.update(before)
    return {"code": code, "out": _read(out), "err": _read(err)}


def _read(stream: io.TextIOWrapper) -> str:
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(errors="replace")


if __name__ == "__main__":
    if "bare" in sys.argv:
        sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Bare
    lines = json.load(sys.stdin)
    sys.stdout.write(json.dumps([told(line["arguments"], line["environment"]) for line in lines]))
