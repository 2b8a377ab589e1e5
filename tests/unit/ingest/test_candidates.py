from __future__ import annotations

from pathlib import Path

from tests.unit.ingest.support import Everything
from transfer_core.ingest.candidates import Candidates
from transfer_core.ingest.completion import CompletionRules, Sign
from transfer_core.sim.manual_clock import ManualClock
from transfer_core.units import NS_PER_MS

FRAMES = [f"frame_{number:03d}.jpg" for number in range(20)]


class HurryingClock(ManualClock):
    """Goes on by `step_ns` whenever it is asked, as if each look at a file took so long."""

    step_ns = 0

    def monotonic_ns(self) -> int:
        self.advance(self.step_ns)
        return super().monotonic_ns()


def test_frames_that_were_seen_at_once_leave_in_order_however_long_it_takes_to_judge_them(tmp_path: Path) -> None:
    clock, rules = HurryingClock(), CompletionRules()
    candidates = Candidates(str(tmp_path), Everything(), clock, rules, lookahead=0)
    for name in FRAMES:
        (tmp_path / name).write_bytes(b"x")
        candidates.look(name, Sign.CLOSED)
    clock.advance(rules.stable_ns - NS_PER_MS)
    clock.step_ns = NS_PER_MS // 4
    found: list[str] = []
    for _ in range(10):
        found += [frame.relative for frame in candidates.judge_due()]
    assert found == FRAMES


def test_a_file_that_has_left_makes_nobody_look_again(tmp_path: Path) -> None:
    clock, rules = ManualClock(), CompletionRules()
    candidates = Candidates(str(tmp_path), Everything(), clock, rules, lookahead=0)
    (tmp_path / "frame.jpg").write_bytes(b"x")
    candidates.look("frame.jpg", Sign.MADE)
    assert candidates.judge_due() == []  # it would be looked at again, but is told of before
    candidates.look("frame.jpg", Sign.CLOSED)
    assert candidates.judge_due() == []
    clock.advance(rules.stable_ns)
    assert [frame.relative for frame in candidates.judge_due()] == ["frame.jpg"]
    assert candidates.due_ns(otherwise_ns=-1) == -1
