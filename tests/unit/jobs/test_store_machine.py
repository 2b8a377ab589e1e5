"""Any run of verbs, crashes included, leaves the store as a plain list would be.

One machine knows all the verbs. Undo is compared there only while nothing else happened since, because the model takes
back whole lists. The other machine knows the verbs of order alone, so that long runs of them are undone to the start.
"""

from __future__ import annotations

import shutil
import tempfile
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from tests.unit.jobs.support import new
from transfer_core.errors import ConflictError, NotFoundError
from transfer_core.events import JobState
from transfer_core.jobs.store import UNDO_KEPT, JobStore
from transfer_core.sim.manual_clock import ManualClock

UNFINISHED = (JobState.PENDING, JobState.UPLOADING, JobState.PAUSED)


@dataclass
class Row:
    file_id: str
    priority: int
    state: JobState = JobState.PENDING


@dataclass
class Model:
    """The list as people see it, best first, what left it, and the lists of before for undo."""

    rows: list[Row] = field(default_factory=list)
    gone: dict[str, Row] = field(default_factory=dict)
    undo: list[tuple[str, list[Row], dict[str, Row]]] = field(default_factory=list)

    def find(self, file_id: str) -> Row | None:
        return next((row for row in self.rows if row.file_id == file_id), None)

    def remember(self, verb: str) -> None:
        self.undo.append((verb, deepcopy(self.rows), deepcopy(self.gone)))
        del self.undo[:-UNDO_KEPT]

    def end_of(self, priority: int) -> int:
        return sum(row.priority <= priority for row in self.rows)


class OrderMachine(RuleBasedStateMachine):
    """Moves, priorities, removals, undo, crashes."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-machine-"))
        self.clock = ManualClock()
        self.model = Model()
        self.added = 0
        self.lives = 0

    @initialize(target=ids, priorities=st.lists(st.integers(4, 6), min_size=4, max_size=10))
    def open(self, priorities: list[int]) -> object:
        self.store = JobStore(self.folder, self.clock)
        return self._add(priorities)

    def _add(self, priorities: list[int]) -> object:
        names = [f"j{self.added + i:04}" for i in range(len(priorities))]
        self.added += len(names)
        self.store.add_many([new(name, priority) for name, priority in zip(names, priorities, strict=True)])
        for name, priority in zip(names, priorities, strict=True):
            self.model.rows.insert(self.model.end_of(priority), Row(name, priority))
        self.model.undo.clear()
        return multiple(*names)

    @rule(moved=st.lists(ids, min_size=1, max_size=4, unique=True), before=st.none() | ids)
    def move(self, moved: list[str], before: str | None) -> None:
        known = {row.file_id for row in self.model.rows}
        if not known.issuperset(moved) or (before is not None and before not in known):
            self._refused(NotFoundError, lambda: self.store.move(moved, before))
            return
        rows = self.model.rows
        block = [row for row in rows if row.file_id in moved]
        rest = [row for row in rows if row.file_id not in moved]
        if before is None:
            at = len(rest)
        else:
            behind = rows[next(i for i, row in enumerate(rows) if row.file_id == before) :]
            at = len(rest) - sum(row.file_id not in moved for row in behind)
        after = rest[:at] + block + rest[at:]
        self.store.move(moved, before)
        if after == rows:
            return
        self.model.remember("move")
        sides = [rest[i].priority for i in (at - 1, at) if 0 <= i < len(rest)]
        landing, lowest = sides[-1], 0
        placed = []
        for row in block:
            lowest = max(lowest, row.priority if row.priority in sides else landing)
            placed.append(Row(row.file_id, lowest, row.state))
        self.model.rows = rest[:at] + placed + rest[at:]

    @rule(chosen=st.lists(ids, min_size=1, max_size=4, unique=True), priority=st.integers(4, 6))
    def set_priority(self, chosen: list[str], priority: int) -> None:
        if any(self.model.find(file_id) is None for file_id in chosen):
            self._refused(NotFoundError, lambda: self.store.set_priority(chosen, priority))
            return
        self.store.set_priority(chosen, priority)
        moved = [row for row in self.model.rows if row.file_id in chosen and row.priority != priority]
        if not moved:
            return
        self.model.remember("priority")
        self.model.rows = [row for row in self.model.rows if row not in moved]
        at = self.model.end_of(priority)
        self.model.rows[at:at] = [Row(row.file_id, priority, row.state) for row in moved]

    @rule(chosen=st.lists(ids, min_size=1, max_size=3, unique=True))
    def remove(self, chosen: list[str]) -> None:
        if any(self.model.find(file_id) is None for file_id in chosen):
            self._refused(NotFoundError, lambda: self.store.remove(chosen))
            return
        self.store.remove(chosen)
        self._take_off(chosen, "removal")

    @rule()
    def undo(self) -> None:
        if not self.model.undo:
            return  # what came before has been mixed with other changes
        verb, rows, gone = self.model.undo.pop()
        what = self.store.undo()
        assert what is not None
        assert what.startswith(verb)
        running = {row.file_id for row in self.model.rows if row.state is JobState.UPLOADING}
        for row in rows:
            if row.state is JobState.UPLOADING and row.file_id not in running:
                row.state = JobState.PENDING
        self.model.rows, self.model.gone = rows, gone

    @rule()
    def crash(self) -> None:
        """The agent dies where it stands; the next one opens what is on the disk, journal and all."""
        life = Path(tempfile.mkdtemp(prefix="store-machine-"))
        for file in self.folder.iterdir():
            shutil.copy(file, life / file.name)
        self.store.close()
        shutil.rmtree(self.folder)
        self.folder, self.lives = life, self.lives + 1
        self.store = JobStore(self.folder, self.clock)
        running = [row for row in self.model.rows if row.state is JobState.UPLOADING]
        assert self.store.reclaim(f"life{self.lives}") == len(running)
        self._become(running, JobState.PENDING, forget_undo=False)

    @invariant()
    def the_list_is_the_same(self) -> None:
        listed = [(job.file_id, job.priority, job.status) for job in self.store.jobs()]
        assert listed == [(row.file_id, row.priority, row.state) for row in self.model.rows]

    @invariant()
    def no_job_is_lost(self) -> None:
        assert len(self.model.rows) + len(self.model.gone) == self.added
        for file_id, row in self.model.gone.items():
            assert self.store.job(file_id).status is row.state
        ended = {job.file_id for job in self.store.history(limit=10_000, offset=0, find="")}
        assert ended == {row.file_id for row in (*self.model.rows, *self.model.gone.values()) if row.state.is_final}

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def _become(self, rows: list[Row], state: JobState, *, forget_undo: bool = True) -> None:
        for row in rows:
            row.state = state
        if forget_undo and rows:
            self.model.undo.clear()
        for _, before, gone in self.model.undo:
            for row in (*before, *gone.values()):
                if row.state is JobState.UPLOADING and not forget_undo:
                    row.state = JobState.PENDING

    def _take_off(self, file_ids: list[str], verb: str) -> None:
        self.model.remember(verb)
        for row in [row for row in self.model.rows if row.file_id in file_ids]:
            self.model.rows.remove(row)
            state = JobState.CANCELLED if row.state in UNFINISHED else row.state
            self.model.gone[row.file_id] = Row(row.file_id, row.priority, state)

    def _refused(self, error: type[Exception], call: object) -> None:
        before = self.store.newest_change()
        try:
            call()  # type: ignore[operator]
        except error:
            assert self.store.newest_change() == before
        else:
            raise AssertionError(f"no {error.__name__}")


class StoreMachine(OrderMachine):
    """All of that, and the agent and people at work."""

    @rule(target=OrderMachine.ids, priorities=st.lists(st.integers(4, 6), min_size=1, max_size=4))
    def add(self, priorities: list[int]) -> object:
        return self._add(priorities)

    @rule()
    def clear_completed(self) -> None:
        self.store.clear_completed()
        done = [row.file_id for row in self.model.rows if row.state is JobState.COMPLETED]
        if done:
            self._take_off(done, "clearing")

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        expected = [row for row in self.model.rows if row.state is JobState.PENDING][:limit]
        claimed = self.store.claim(f"life{self.lives}", limit, ["pit"])
        assert [job.file_id for job in claimed] == [row.file_id for row in expected]
        self._become(expected, JobState.UPLOADING)

    @rule(file_id=OrderMachine.ids)
    def complete(self, file_id: str) -> None:
        row = self.model.find(file_id)
        news = self.store.complete([(file_id, "blake3:00", "in/x", {"wifi": 1000}, 0)])
        takes = row is not None and row.state in UNFINISHED
        assert news == ([file_id] if takes else [])
        if row is not None and takes:
            self._become([row], JobState.COMPLETED)

    @rule(file_id=OrderMachine.ids)
    def fail(self, file_id: str) -> None:
        row = self.model.find(file_id)
        self.store.fail(file_id, "E_WRITE", "no")
        if row is not None and row.state in (JobState.PENDING, JobState.UPLOADING):
            self._become([row], JobState.FAILED)

    @rule(file_id=OrderMachine.ids, delay_s=st.integers(0, 5))
    def put_off(self, file_id: str, delay_s: int) -> None:
        row = self.model.find(file_id)
        self.store.wait(file_id, "E_WRITE", "no", delay_ns=delay_s * 10**9)
        self.clock.advance(delay_s * 10**9)
        if row is not None and row.state is JobState.UPLOADING:
            self._become([row], JobState.PENDING)

    @rule(file_id=OrderMachine.ids, verb=st.sampled_from(["pause", "resume", "cancel"]))
    def ask(self, file_id: str, verb: str) -> None:
        row = self.model.find(file_id) or self.model.gone[file_id]
        call = getattr(self.store, verb)
        over = {JobState.COMPLETED} if verb == "cancel" else {s for s in JobState if s.is_final}
        if row.state in over:
            self._refused(ConflictError, lambda: call([file_id]))
            return
        call([file_id])
        after = {"pause": JobState.PAUSED, "cancel": JobState.CANCELLED}.get(verb, row.state)
        if verb == "resume" and row.state is JobState.PAUSED:
            after = JobState.PENDING
        if after is not row.state:
            self._become([row], after)

    @rule(file_id=consumes(OrderMachine.ids), target=OrderMachine.ids)
    def retry(self, file_id: str) -> str:
        row = self.model.find(file_id)
        if (row or self.model.gone[file_id]).state is JobState.COMPLETED:
            self._refused(ConflictError, lambda: self.store.retry([file_id]))
            return file_id
        self.store.retry([file_id])
        if row is None:
            row = self.model.gone.pop(file_id)
            self.model.rows.insert(self.model.end_of(row.priority), row)
        if row.state is not JobState.UPLOADING:
            self._become([row], JobState.PENDING)
        return file_id


TestOrderMachine = OrderMachine.TestCase
TestStoreMachine = StoreMachine.TestCase
TestOrderMachine.settings = TestStoreMachine.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
