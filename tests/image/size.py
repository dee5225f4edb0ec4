"""What the ``cpu`` image's environment takes, from the packages that are installed here: no image is built.

python -m tests.image.size [--packed]      --packed: compressed too, as a layer is sent; a minute
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

#: Measured once: the stand-in for the base image with Python, then espeak-ng and kakasi (docker/README.md).
BASE_MB, PROGRAMS_MB = 130, 30
#: Of them as sent: python:3.13-slim-trixie is 45 MB; the rest packs to a half.
BASE_PACKED_MB, PROGRAMS_PACKED_MB = 45, 15
_DELETED = ("torch/include/", "torch/test/", "../../../bin/pip")


def distributions(name: str = "wyoming-qwen3tts", extra: str = "qwen3") -> dict[str, Distribution]:
    """All that ``pip install name[extra]`` brings, by name.

    Raises:
        PackageNotFoundError: if a part is not installed here.
    """
    found: dict[str, Distribution] = {}
    open_: list[tuple[str, frozenset[str]]] = [(name, frozenset({extra}))]
    while open_:
        wanted, extras = open_.pop()
        key = re.sub(r"[-_.]+", "-", wanted).lower()
        if key in found:
            continue
        found[key] = distribution(wanted)
        for text in found[key].requires or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": one}) for one in extras | {""}):
                open_.append((requirement.name, frozenset(requirement.extras)))
    return found


def files(one: Distribution) -> Iterator[Path]:
    """Its files in an image, each once."""
    for file in one.files or []:
        path = Path(str(one.locate_file(file)))
        if not str(file).startswith(_DELETED) and path.is_file():
            yield path


def size_bytes(paths: Iterator[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def packed_bytes(paths: Iterator[Path]) -> int:
    """Compressed one by one, as gzip does at its usual level."""
    total = 0
    for path in paths:
        packer = zlib.compressobj()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                total += len(packer.compress(piece))
        total += len(packer.flush())
    return total


def main(arguments: list[str]) -> int:
    try:
        found = distributions()
    except PackageNotFoundError as error:
        sys.stderr.write(f"{error.name} is not installed here: script/setup dev qwen3\n")
        return 1
    sizes = {name: size_bytes(files(one)) for name, one in found.items()}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:8]:
        sys.stdout.write(f"{name:<24}{size / 1e6:7.0f} MB\n")
    environment_mb = sum(sizes.values()) / 1e6
    disk_mb = environment_mb + BASE_MB + PROGRAMS_MB
    sys.stdout.write(f"{len(found)} packages: {environment_mb:.0f} MB; the image: {disk_mb:.0f} MB on disk\n")
    if "--packed" in arguments:
        packed_mb = sum(packed_bytes(files(one)) for one in found.values()) / 1e6
        sent_mb = packed_mb + BASE_PACKED_MB + PROGRAMS_PACKED_MB
        sys.stdout.write(f"compressed: {packed_mb:.0f} MB; the image: {sent_mb:.0f} MB to download\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
