"""docs/benchmarks.md, part by part: each figure owns the text between its two markers, and leaves the rest alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figure import Figure, Result, Table

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURES = ROOT / "docs" / "benchmarks"

HEAD = """# Benchmarks

Written by `make bench` and `make bench-net`; each part says when, by which command, and how busy the machine was.
Figures are medians, with the least and the most in brackets; ratios are taken within one run. GB and Mbit are decimal.
"""

_PART = re.compile(r"<!-- figure: (?P<name>\S+) order: (?P<order>\d+) -->\n.*?<!-- end: (?P=name) -->\n", re.DOTALL)


def write_part(figure: Figure, result: Result, said: Sequence[str], page: Path = PAGE) -> None:
    """Put a figure's part into the page, in place of its older one. `said` tells when and how it was measured."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    parts = {match["name"]: (int(match["order"]), match[0]) for match in _PART.finditer(text)}
    parts[figure.name] = (figure.order, render(figure, result, said))
    body = "\n".join(part for _, part in sorted(parts.values()))
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"{HEAD}\n{body}", encoding="utf-8")


def render(figure: Figure, result: Result, said: Sequence[str]) -> str:
    """A figure's part of the page."""
    lines = [f"<!-- figure: {figure.name} order: {figure.order} -->", f"## {figure.title}", "", figure.about, ""]
    lines += [f"*{' '.join(said)}*", ""]
    if result.goals:
        rows = [(goal.what, goal.reach, goal.measured, _judged(goal.holds)) for goal in result.goals]
        lines += _table(Table(("goal", "reach", "measured", ""), rows))
    for table in result.tables:
        lines += _table(table)
    for picture in result.pictures:
        lines += [f"![{picture.caption}](benchmarks/{picture.file})", "", picture.caption, ""]
    lines += [line for note in result.notes for line in (note, "")]
    return "\n".join([*lines, f"<!-- end: {figure.name} -->", ""])


def _judged(holds: bool | None) -> str:
    return {True: "held", False: "**missed**", None: "not judged"}[holds]


def _table(table: Table) -> list[str]:
    caption = [table.caption, ""] if table.caption else []
    rows = [_row(row) for row in table.rows]
    return [*caption, _row(table.heads), _row(["---"] * len(table.heads)), *rows, ""]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
