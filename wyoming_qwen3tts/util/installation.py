"""How this program was installed, and so how what is missing of it is put in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

#: Of the repository, as ``url`` in repository.yaml.
REPOSITORY = "https://github.com/wyoming-qwen3tts/wyoming-qwen3tts"
IMAGE_USER = "IMAGE_USER"  # the variable by which an image names the user that everything runs as
#: What the extra ``qwen3`` consists of, by the names that are imported.
QWEN3_PACKAGES = ("torch", "safetensors", "tokenizers", "huggingface_hub", "transformers")
_ROOT = Path(__file__).parents[2]


def qwen3_advice(serve: bool = False, environ: Mapping[str, str] = os.environ, root: Path = _ROOT) -> str:
    """What to type, or to take, for the extra ``qwen3``: PyTorch in the build for this machine, and what models need.

    The package is in no index, so that it is never a ``pip install``.

    Args:
        serve: The server is to speak with it, too, and not only to have it.
        environ: By default this process's; what an image sets is in it.
        root: The folder that holds the package.
    """
    if environ.get(IMAGE_USER):
        return "take the image for it, cu126, cu128 or cu130 (AMD: rocm; processor: cpu)"
    script = "script/run --engine.kind qwen3" if serve else "script/setup qwen3"
    if not (root / "script" / "setup").exists():
        return f"git clone {REPOSITORY} && cd {REPOSITORY.rpartition('/')[2]} && {script}"
    return script if _is_here(root) else f"{root}/{script}"


def _is_here(folder: Path) -> bool:
    try:
        return Path.cwd() == folder
    except OSError:  # the folder that this was started in is gone
        return False
