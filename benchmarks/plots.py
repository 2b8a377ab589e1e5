"""How every picture looks: quiet axes, one line each, readable in black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STYLES = (("#1f4e79", "-", "o"), ("#b4581a", "--", "s"), ("#5b7f3a", "-.", "^"), ("#7a4b8c", ":", "D"))
HATCHES = ("", "//", "..", "xx")
STYLES_MORE = (("#8a8a8a", "-", "v"), ("#c2a83e", "--", "P"), ("#2f8f8b", "-.", "X"), ("#a33b4b", ":", "*"))


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True)
class Plot:
    """One set of axes. `marks` are upright lines with a word; `level` a flat one."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    marks: Sequence[tuple[float, str]] = ()
    level: tuple[float, str] | None = None
    points: bool = True
    ticks: Sequence[tuple[float, str]] = field(default_factory=tuple)
    y_max: float | None = None


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of several series beside each other in each group; a value that is not known (NaN) has none."""

    title: str
    label: str
    groups: Sequence[str]
    series: Sequence[tuple[str, Sequence[float]]]
    level: tuple[float, str] | None = None


def draw(path: Path, plots: Sequence[Plot | Bars], *, width: float = 9.0, height: float = 3.2) -> None:
    """Write a PNG with the plots beside each other (up to three) or below each other."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(len(plots), 3)
    rows = -(-len(plots) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(width, height * rows), squeeze=False, layout="constrained")
    for place, plot in zip(axes.flat, plots, strict=False):
        if isinstance(plot, Bars):
            _draw_bars(place, plot)
        else:
            _draw_one(place, plot)
    for place in axes.flat[len(plots) :]:
        place.set_visible(False)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def _draw_one(ax: Any, plot: Plot) -> None:
    for line, (colour, dash, sign) in zip(plot.lines, (*STYLES, *STYLES_MORE), strict=False):
        marker = sign if plot.points else None
        ax.plot(
            line.x, line.y, color=colour, linestyle=dash, marker=marker, markersize=4, linewidth=1.5, label=line.name
        )
    for at, word in plot.marks:
        ax.axvline(at, color="#666666", linewidth=0.8, linestyle=":")
        ax.annotate(word, (at, 1), xycoords=("data", "axes fraction"), fontsize=7, rotation=90, va="top", ha="right")
    if plot.level is not None:
        ax.axhline(plot.level[0], color="#666666", linewidth=0.8, linestyle="--", label=plot.level[1])
    if plot.ticks:
        ax.set_xticks([at for at, _ in plot.ticks], [word for _, word in plot.ticks])
    ax.set_xlabel(plot.x_label, fontsize=8)
    ax.set_ylabel(plot.y_label, fontsize=8)
    ax.set_ylim(bottom=0, top=plot.y_max)
    ax.grid(visible=True, linewidth=0.4, alpha=0.5)
    _finish(ax, plot.title)
    if len(plot.lines) > 1 or plot.level is not None:
        ax.legend(fontsize=7, frameon=False)


def _draw_bars(ax: Any, bars: Bars) -> None:
    width = 0.8 / len(bars.series)
    for number, (name, values) in enumerate(bars.series):
        colour, _, _ = (*STYLES, *STYLES_MORE)[number]
        at = [group + (number + 0.5) * width - 0.4 for group in range(len(bars.groups))]
        drawn = ax.bar(at, values, width * 0.92, color=colour, label=name, hatch=HATCHES[number], edgecolor="white")
        ax.bar_label(drawn, fmt="%.2g", fontsize=6, padding=1)
    if bars.level is not None:
        ax.axhline(bars.level[0], color="#666666", linewidth=0.8, linestyle="--", label=bars.level[1])
    ax.set_xticks(range(len(bars.groups)), bars.groups)
    ax.set_ylabel(bars.label, fontsize=8)
    ax.margins(y=0.12)
    _finish(ax, bars.title)
    if len(bars.series) > 1 or bars.level is not None:
        ax.legend(fontsize=7, frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, -0.32))


def _finish(ax: Any, title: str) -> None:
    ax.set_title(title, fontsize=9)
    ax.tick_params(labelsize=7)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
