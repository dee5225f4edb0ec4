"""What a soak has seen of the server: a table for people, a plot, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 1000, 150, 60, 20
_WINDOWS = 40  # of first audio, over the whole time


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one moment."""

    at_s: float
    memory_mb: int
    descriptors: int
    threads: int
    children: int
    tasks: int = 0


@dataclass(frozen=True, slots=True)
class Took:
    """How long something took that ended at ``at_s``."""

    at_s: float
    seconds: float


COLUMNS: dict[str, Callable[[Sample], int]] = {
    "MB": lambda sample: sample.memory_mb,
    "descriptors": lambda sample: sample.descriptors,
    "threads": lambda sample: sample.threads,
    "children": lambda sample: sample.children,
}


def p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[98] if len(values) > 1 else max(values, default=0.0)


def growth(samples: Sequence[Sample], from_s: float = 120.0, most: float = 1.05) -> str | None:
    """Whether memory grew after the first two minutes, if it was looked at for five: the medians of the third minute
    and of the last one are compared."""
    if not samples or samples[-1].at_s < 2.5 * from_s:
        return None
    early = [sample.memory_mb for sample in samples if from_s <= sample.at_s < from_s + 60]
    late = [sample.memory_mb for sample in samples if sample.at_s >= samples[-1].at_s - 60]
    if median(late) <= most * median(early):
        return None
    return f"memory grows: {median(early):.0f} MB in minute 3, {median(late):.0f} MB in the last"


def table(samples: Sequence[Sample], heard: Sequence[Took]) -> str:
    """The most of each, by minute."""
    lines = ["minute  " + "  ".join(f"{name:>11}" for name in COLUMNS) + "  first audio p99"]
    for minute in range(int(samples[-1].at_s // 60) + 1 if samples else 0):
        part = [sample for sample in samples if sample.at_s // 60 == minute]
        first = [took.seconds for took in heard if took.at_s // 60 == minute]
        if part:
            most = "  ".join(f"{max(map(look, part)):11}" for look in COLUMNS.values())
            lines.append(f"{minute + 1:6}  {most}  {1000 * p99(first):12.0f} ms")
    return "\n".join(lines)


def plot(path: Path, samples: Sequence[Sample], heard: Sequence[Took], marks: Sequence[tuple[float, str]]) -> None:
    """Curves over time as SVG: what the server needs, and how long listeners waited. ``marks`` are what was done to it,
    as thin lines in a colour for each kind."""
    span = max((sample.at_s for sample in samples), default=1.0)
    kinds = sorted({kind for _, kind in marks})
    rows: list[tuple[str, list[tuple[float, float]]]] = [
        (name, [(sample.at_s, look(sample)) for sample in samples]) for name, look in COLUMNS.items()
    ]
    rows.append(("ms to the first audio, p99", _windows(heard, span)))
    height = (len(rows)) * _HEIGHT + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13"><rect width="{_WIDTH}" height="{height}" fill="white"/>'
    ]
    for number, (name, points) in enumerate(rows):
        parts += _row(number * _HEIGHT, name, points, span, [(at, _colour(kinds, kind)) for at, kind in marks])
    bottom = len(rows) * _HEIGHT + 20
    parts.append(f'<text x="{_LEFT}" y="{bottom}">0 to {span / 60:.1f} minutes. Done to it:</text>')
    for number, kind in enumerate(kinds):
        x, y = _LEFT + 190 * (number % 5), bottom + 18 + 18 * (number // 5)
        parts.append(f'<text x="{x}" y="{y}" fill="{_colour(kinds, kind)}">{kind}</text>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _row(
    top: int, name: str, points: Sequence[tuple[float, float]], span: float, marks: Sequence[tuple[float, str]]
) -> list[str]:
    """One curve from zero up, with its greatest value."""
    most = max([value for _, value in points], default=0.0) or 1.0
    floor, room = top + _HEIGHT - 10, _HEIGHT - 45

    def x(at_s: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * at_s / span

    lines = [
        f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{floor - room}" y2="{floor}" stroke="{colour}" opacity="0.3"/>'
        for at, colour in marks
    ]
    curve = " ".join(f"{x(at):.1f},{floor - room * value / most:.1f}" for at, value in points)
    return [
        *lines,
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{floor}" y2="{floor}" stroke="#999"/>',
        f'<text x="{_LEFT}" y="{top + 25}">{name}, at most {most:.0f}</text>',
        f'<text x="5" y="{floor - room + 5}">{most:.0f}</text><text x="5" y="{floor}">0</text>',
        f'<polyline fill="none" stroke="#1d4ed8" stroke-width="1.5" points="{curve}"/>',
    ]


def _colour(kinds: Sequence[str], kind: str) -> str:
    return ("#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f")[kinds.index(kind) % 7]


def _windows(heard: Sequence[Took], span: float) -> list[tuple[float, float]]:
    width = span / _WINDOWS
    found = []
    for number in range(_WINDOWS):
        part = [took.seconds for took in heard if number * width <= took.at_s < (number + 1) * width]
        if part:
            found.append(((number + 0.5) * width, 1000 * p99(part)))
    return found
