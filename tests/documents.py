"""What stands in the Markdown files: their shell blocks, links and anchors. For the tests, and for the weekly look at
links to other sites: ``python -m tests.documents``."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

#: What a block may need that a test does not have.
NEEDS = frozenset({"broker", "docker", "gpu", "homeassistant", "model", "network", "sound", "time"})
_FENCE = re.compile(r"^( *)```([^\n`]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]*(?:\([^()]*\)[^()\s]*)*)\)")
_REFERENCE = re.compile(r"^\[[^\]]+\]: (\S+)$", re.MULTILINE)
_HTML_LINK = re.compile(r"(?:src|href|srcset)=\"([^\"]+)\"")
_INLINE_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_AUTOMATIC = re.compile(r"<(https?://[^>\s]+)>")
#: Addresses that stand for somebody's own.
_EXAMPLES = re.compile(r"//(HOST|localhost|127\.|192\.168\.|homeassistant\.local|[\w.-]*\.example)")


@dataclass(frozen=True, slots=True)
class Block:
    """A shell block. ``mark`` is what follows ``sh`` in its fence: ``run``, or ``needs=docker``."""

    file: str
    line: int
    mark: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its lines; one that goes on behind a backslash is one."""
        return [line for line in re.sub(r" *\\\n *", " ", self.text).splitlines() if line.strip()]


@cache
def files() -> tuple[Path, ...]:
    """Every Markdown file of the repository, those that are not committed yet too."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    named = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return tuple(path for path in (ROOT / name for name in sorted(set(named))) if path.exists())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(path: Path) -> Iterator[tuple[str, int, str]]:
    """What stands behind the fence, its line, and what is in the block."""
    text = path.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        yield found[2].strip(), text.count("\n", 0, found.start()) + 1, found[3]


def shell_blocks(path: Path) -> list[Block]:
    """In the order of the page."""
    return [
        Block(name_of(path), line, info[2:].strip(), text)
        for info, line, text in fences(path)
        if info.split(" ")[0] == "sh"
    ]


def prose(path: Path) -> str:
    """The page without its blocks of code."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> list[str]:
    """Where the page's links and pictures lead, as they are written."""
    text = _INLINE_CODE.sub("", prose(path))
    found = [match[1] for pattern in (_LINK, _REFERENCE, _HTML_LINK, _AUTOMATIC) for match in pattern.finditer(text)]
    pictures = re.findall(r"!\[[^\]]*\]\(([^()\s]+)\)", text)  # those that are a link themselves
    return list(dict.fromkeys([*found, *pictures]))


def anchors(path: Path) -> set[str]:
    """What a link may say behind ``#``, as GitHub makes it of the headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", prose(path), re.MULTILINE):
        shown = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", lambda link: link[1] or "", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number, unique = 0, slug
        while unique in found:
            number += 1
            unique = f"{slug}-{number}"
        found.add(unique)
    return found


def words_of(command: str) -> list[str]:
    """A line of a shell block as the shell takes it apart, without its comment; only what stands behind the last ``&&``
    or before a pipe would need more."""
    return shlex.split(command, comments=True)


def outside() -> dict[str, set[str]]:
    """Addresses of other sites, and the pages that name them."""
    found: dict[str, set[str]] = {}
    for path in files():
        for link in links(path):
            if link.startswith(("http://", "https://")) and not _EXAMPLES.search(link):
                found.setdefault(link.partition("#")[0], set()).add(name_of(path))
    return found


def _trouble(address: str) -> str | None:
    request = urllib.request.Request(address, headers={"User-Agent": "wyoming-qwen3tts, links of its documents"})
    try:
        with urllib.request.urlopen(request, timeout=30):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in (403, 429) else str(error)  # it is there, and wants no programs
    except OSError as error:
        return str(error)


def main() -> int:
    """Ask for each address; name those that do not answer."""
    pages = outside()
    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(pages, pool.map(_trouble, pages), strict=True))
    lost = {address: why for address, why in answers.items() if why is not None}
    for address, why in lost.items():
        sys.stdout.write(f"{address}: {why} ({', '.join(sorted(pages[address]))})\n")
    sys.stdout.write(f"{len(pages) - len(lost)} of {len(pages)} addresses answer\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
