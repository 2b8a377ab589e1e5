from __future__ import annotations

from pathlib import Path

from benchmarks.figure import Figure, Goal, Result, Table
from benchmarks.page import write_part


def _figure(name: str, order: int) -> Figure:
    return Figure(name, f"About {name}", "What it is.", lambda bench: Result(), order)


def test_a_figure_replaces_its_own_part_and_leaves_the_others_alone(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    write_part(_figure("speed", 20), Result(notes=["slow"]), ["first"], page)
    write_part(_figure("memory", 10), Result(notes=["small"]), ["second"], page)
    write_part(_figure("speed", 20), Result(notes=["quick"]), ["third"], page)
    text = page.read_text()
    assert text.index("## About memory") < text.index("## About speed")
    assert "quick" in text
    assert "small" in text
    assert "slow" not in text
    assert text.count("<!-- figure: ") == text.count("<!-- end: ") == 2


def test_goals_say_whether_they_were_held(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    goals = [Goal("a", "> 1", "2", True), Goal("b", "> 1", "0", False), Goal("c", "> 1", "-", None)]
    write_part(_figure("x", 1), Result(goals, [Table(("h",), [("one|two",)])]), [], page)
    text = page.read_text()
    assert "| a | > 1 | 2 | held |" in text
    assert "| b | > 1 | 0 | **missed** |" in text
    assert "| c | > 1 | - | not judged |" in text
    assert "one\\|two" in text
