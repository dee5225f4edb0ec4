"""The figures of ``doctor --gpu`` as a picture: milliseconds a frame, by streams and by road, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

FRAME_MS = 80  # of sound: a longer frame is slower than speech
_FAST, _SLOW, _INK, _PAPER = "#0f766e", "#b45309", "#1f2937", "#ffffff"
_ROW, _TOP, _LEFT, _WIDE = 22, 62, 250, 420


class _Bar(NamedTuple):
    label: str
    ms: float


def plot(report: Mapping[str, Any]) -> str:
    """A bar for each measurement of a report as `gpu_report.make_report` writes it; empty if there is none."""
    bars = list(_bars(report["parts"]))
    if not bars:
        return ""
    scale = _WIDE / max(FRAME_MS, *(bar.ms for bar in bars))
    height = _TOP + _ROW * len(bars) + 14
    card = report["parts"].get("machine", {}).get("found", {}).get("card", "a card")
    limit = _LEFT + FRAME_MS * scale
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="760" height="{height}" fill="{_PAPER}"/>',
        f'<g fill="{_INK}">',
        f'<text x="16" y="26" font-size="15">Milliseconds a frame on {escape(str(card))}, random weights</text>',
        f'<text x="{limit:.0f}" y="50" text-anchor="middle">80 ms: as fast as speech</text>',
        f'<path d="M{limit:.0f} 56V{height - 10}" stroke="{_INK}" stroke-dasharray="3 3"/>',
    ]
    for number, bar in enumerate(bars):
        y, width = _TOP + number * _ROW, bar.ms * scale
        colour = _FAST if bar.ms <= FRAME_MS else _SLOW
        parts.append(f'<text x="16" y="{y + 13}">{escape(bar.label)}</text>')
        parts.append(f'<rect x="{_LEFT}" y="{y}" width="{width:.0f}" height="16" fill="{colour}"/>')
        parts.append(f'<text x="{_LEFT + 6 + width:.0f}" y="{y + 13}">{bar.ms:.2f}</text>')
    return "\n".join([*parts, "</g>", "</svg>\n"])


def _bars(parts: Mapping[str, Any]) -> Iterator[_Bar]:
    for name, made in parts.items():
        kind, _, size = name.partition(" ")
        found = made.get("found", {})
        if kind == "speed":
            for run in found.get("runs", ()):
                streams = f"{run['streams']} stream{'s' * (run['streams'] > 1)}"
                graphs = "without graphs" if run["graphs"] == "none" else "graphs"
                yield _Bar(f"{size}, {streams}, {graphs}", run["ms_per_frame"])
        elif kind == "roads":
            yield from (_Bar(f"{size}, road {road}", ms) for road, ms in found.get("frame_ms", {}).items())
