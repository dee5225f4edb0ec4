"""A bar for each engine: milliseconds a frame, and to the first audio. Runs in the peer's environment (matplotlib).

plot.py TARGET.png < result.json
"""

from __future__ import annotations

import json
import sys

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

OURS, THEIRS, INK, SOFT = "#0f766e", "#b8c0cc", "#1f2937", "#6b7280"


def main() -> None:
    result = json.load(sys.stdin)
    runs = result["runs"][::-1]
    names = [run["engine"] for run in runs]
    colours = [OURS if name.startswith("wyoming") else THEIRS for name in names]
    figure, sides = plt.subplots(1, 2, figsize=(10, 0.55 * len(runs) + 1.7), sharey=True, layout="constrained")
    titles = ("ms per 80 ms frame, streaming", "ms to first audio, 20-token sentence")
    for axis, key, title in zip(sides, ("ms_per_frame", "ttfa_ms"), titles, strict=True):
        bars = axis.barh(names, [run[key] for run in runs], color=colours, height=0.62)
        axis.bar_label(bars, fmt="{:.0f}", padding=4, color=INK, fontsize=10)
        axis.set_title(title, fontsize=11, color=INK, loc="left")
        axis.margins(x=0.16)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        axis.tick_params(axis="x", bottom=False, labelbottom=False)
        axis.tick_params(axis="y", length=0, labelsize=10, labelcolor=INK)
    sides[0].axvline(80, color=SOFT, linewidth=1, linestyle=(0, (4, 3)))
    sides[0].annotate("real time", (80, 1.0), xycoords=("data", "axes fraction"), xytext=(4, -9),
                      textcoords="offset points", fontsize=8, color=SOFT)  # fmt: skip
    figure.supxlabel(
        f"{result['model']}; {result['machine']}; medians, interleaved; shorter is better", fontsize=8, color=SOFT
    )
    figure.savefig(sys.argv[1], dpi=150)


if __name__ == "__main__":
    main()
