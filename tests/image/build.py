"""Stand-ins for base images, and images built on them. Needs root, buildah and debootstrap."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

HOME = Path(os.environ.get("IMAGE_TEST_DIR", "/var/tmp/wyoming-qwen3tts-images"))
PYTHON_BASE = "docker.io/library/python:3.13-slim-trixie"
CUDA_BASE = "docker.io/nvidia/cuda:12.8.0-cudnn-runtime-ubuntu22.04"
DRIVER = os.environ.get("IMAGE_TEST_DRIVER", "overlay")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def run(*command: str | Path, **options: Any) -> str:
    """Standard output; standard error is shown as it comes."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=True, **options)
    return str(done.stdout).strip()


def buildah(*words: str | Path) -> str:
    store = HOME / "store"
    return run("buildah", "--root", store, "--runroot", HOME / "run", "--storage-driver", DRIVER, *words)


def base_image(name: str, *packages: str) -> str:
    """A Debian trixie with ``packages``, under the name of the image that it stands for."""
    if name in buildah("images", "--noheading", "--format", "{{.Name}}:{{.Tag}}").splitlines():
        return name
    tree = HOME / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    HOME.mkdir(parents=True, exist_ok=True)
    HOME.chmod(0o755)  # whoever runs in a tree has to get there
    include = ",".join(("ca-certificates", *packages))
    run("debootstrap", "--variant=minbase", f"--include={include}", "trixie", tree, stderr=subprocess.DEVNULL)
    # The machine's certificates belong to the stand-in: no Dockerfile of ours has to know of them.
    target = tree / "usr/local/share/machine-certificates.crt"
    shutil.copy(_CERTIFICATES, target)
    for marker in tree.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    for cache in ("var/cache/apt", "var/lib/apt/lists"):  # no image has them
        shutil.rmtree(tree / cache, ignore_errors=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, tree, "/")
    for variable in ("PIP_CERT", "SSL_CERT_FILE"):
        buildah("config", "--env", f"{variable}=/{target.relative_to(tree)}", container)
    buildah("commit", "--quiet", "--rm", container, name)
    shutil.rmtree(tree)
    return name


def build(tag: str, *, dockerfile: Path, context: Path, **arguments: str) -> str:
    """The image's name."""
    words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    buildah(
        "bud", "--isolation", "chroot", "--pull-never", "--format", "docker", "--platform", "linux/amd64",
        "--ignorefile", ROOT / "docker/Dockerfile.dockerignore", "--tag", tag, "--file", dockerfile, *words, context,
    )  # fmt: skip
    return tag


def config(image: str) -> dict[str, Any]:
    """What a container is started with: Env, Entrypoint, Cmd, User, Healthcheck, Labels."""
    inspected = json.loads(buildah("inspect", "--type", "image", image))
    found: dict[str, Any] = inspected["Docker"]["config"]
    return found


def mounted(image: str) -> tuple[str, Path]:
    """A container of ``image`` and where its files are."""
    container = buildah("from", "--pull-never", image)
    return container, Path(buildah("mount", container))


def size_mb(tree: Path) -> int:
    """What the files take; hard links count once."""
    return int(run("du", "--summarize", "--block-size=1000000", "--one-file-system", tree).split()[0])
