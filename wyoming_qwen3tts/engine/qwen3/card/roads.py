"""By which road frames are made on a card: the fastest of those that say the same. A pure choice, and its memory.

Roads are safest first: ``steps`` (an operation at a time), ``graphs`` (recorded and replayed), ``compiled`` and
``fused`` (fewer kernels, replayed as well). Importable without torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from ....util.files import read_regular, write_atomic

Road = Literal["steps", "graphs", "compiled", "fused"]
ROADS: tuple[Road, ...] = get_args(Road)  # safest first: what `choose` falls back on, and whom it asks
REFERENCE: Road = "steps"
TIE = 2.0  # units of the precision that the two best scores may lie apart where a code differs
_BYTES_MAX = 1 << 16
GAIN = 0.03  # by which a less safe road has to be faster


@dataclass(frozen=True, slots=True)
class Tried:
    """One road as it was measured. ``error`` says why there is no measurement; the others then mean nothing.

    ``frame_ms`` is the median of a frame. ``codes`` are greedy, frame by frame, and ``margins`` how far the two best
    scores of each lie apart, in units of the precision.
    """

    road: Road
    frame_ms: float = 0.0
    codes: tuple[tuple[int, ...], ...] = ()
    margins: tuple[tuple[float, ...], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """``reasons`` tell of every road that was tried and not taken why."""

    road: Road
    reasons: dict[str, str]


def choose(tried: Sequence[Tried]) -> Choice:
    """The fastest road that says what single steps say; without a reference, single steps."""
    reasons: dict[str, str] = {}
    reference = next((each for each in tried if each.road == REFERENCE and not each.error), None)
    if reference is None:
        return Choice(REFERENCE, {each.road: each.error or "there is nothing to hold it against" for each in tried})
    best = reference
    for each in sorted(tried, key=lambda each: ROADS.index(each.road)):
        if each.road == REFERENCE:
            continue
        why = each.error or difference(each, reference)
        if not why and not each.frame_ms < (1 - GAIN) * best.frame_ms:  # also where it is no number
            why = f"{each.frame_ms:.2f} ms a frame, and {best.road} {best.frame_ms:.2f}"
        if why:
            reasons[each.road] = why
            continue
        reasons[best.road] = f"{best.frame_ms:.2f} ms a frame, and {each.road} {each.frame_ms:.2f}"
        best = each
    return Choice(best.road, reasons)


def judge(asked: Road, tried: Sequence[Tried]) -> Choice:
    """The road that somebody asked for by name, however fast it is, if it says what single steps say; else the next
    safer one."""
    by_road = {each.road: each for each in tried}
    reference, reasons = by_road.get(REFERENCE), dict[str, str]()
    for road in reversed(ROADS[: ROADS.index(asked) + 1]):
        if (found := by_road.get(road)) is None:
            continue
        why = found.error
        if not why and road != REFERENCE:
            ours = reference is not None and not reference.error
            why = difference(found, reference) if ours and reference else "there is nothing to hold it against"
        if not why:
            return Choice(road, reasons)
        reasons[road] = why
    return Choice(REFERENCE, reasons)


def difference(found: Tried, reference: Tried) -> str:
    """Where ``found`` says something else, in words; empty if nowhere, or first at a tie: what follows one is of
    another speech."""
    if len(found.codes) != len(reference.codes):
        return f"it made {len(found.codes)} frames of {len(reference.codes)}"
    for frame, (mine, theirs) in enumerate(zip(found.codes, reference.codes, strict=True)):
        if len(mine) != len(theirs):
            return f"frame {frame} has {len(mine)} codes, not {len(theirs)}"
        for code, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            if a == b:
                continue
            margin = reference.margins[frame][code] if frame < len(reference.margins) else float("inf")
            return "" if margin <= TIE else f"it says {a} as code {code} of frame {frame}, and single steps {b}"
    return ""


@dataclass(frozen=True, slots=True)
class Key:
    """All that a choice depends on: with another one it is made anew."""

    card: str
    capability: tuple[int, int]
    driver: str
    torch: str
    triton: str
    version: str
    model: str
    dtype: str
    slots: int
    asked: str = "auto"

    @property
    def name(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:32]


class RoadMemory:
    """The choices of a data folder, a file each. A file that cannot be read, or tells of no road, counts as none.

    A road that is being tried has a file too: where it is still there at the next start, that road hung, or took the
    process with it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: Key) -> Road | None:
        return self._road(self._path(key))

    def put(self, key: Key, choice: Choice) -> None:
        """
        Raises:
            OSError: if the folder cannot be written.
        """
        content = {"road": choice.road, "reasons": choice.reasons, "key": asdict(key)}
        write_atomic(self._path(key), json.dumps(content, indent=2).encode())

    def fatal(self, key: Key) -> tuple[Road, Path] | None:
        """The road whose trial did not come to an end, and the file that says so; None: there is none."""
        path = self._path(key, ".trying")
        road = self._road(path)
        return None if road is None else (road, path)

    @contextmanager
    def trying(self, key: Key, road: Road) -> Iterator[None]:
        """
        Raises:
            OSError: if the folder cannot be written.
        """
        path = self._path(key, ".trying")
        write_atomic(path, json.dumps({"road": road}).encode())
        try:
            yield
        finally:  # an error is an end as well
            path.unlink(missing_ok=True)

    def _road(self, path: Path) -> Road | None:
        try:
            found = json.loads(read_regular(path, _BYTES_MAX))
        except (OSError, ValueError):
            return None
        road = found.get("road") if isinstance(found, Mapping) else None
        return road if road in ROADS else None

    def _path(self, key: Key, suffix: str = ".json") -> Path:
        return self._folder / f"{key.name}{suffix}"
