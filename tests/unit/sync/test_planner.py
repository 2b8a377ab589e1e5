from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from transfer_core.sync.entry import Entry, Kind, copy_of, copy_path, is_conflict_copy
from transfer_core.sync.planner import (
    NOTHING,
    Action,
    Adopt,
    KeepAside,
    MakeFolder,
    Remove,
    Write,
    apply_order,
    decide,
    merge,
)
from transfer_core.sync.version import NEVER, Dot, with_dot

Step = tuple[str, int, int, str, str]


def reconcile(local: Mapping[str, Entry], remote: Iterable[Entry]) -> list[Action]:
    """All actions that take this replica to what it and `remote` know together, in an order that can be done."""
    actions: list[Action] = []
    for entry in sorted(remote, key=apply_order):
        actions.extend(decide(local.get(entry.path), entry).actions)
    return actions


def result_of(local: Mapping[str, Entry], actions: Iterable[Action]) -> dict[str, Entry]:
    """The index after these actions."""
    after = dict(local)
    for action in actions:
        entry = action.copy if isinstance(action, KeepAside) else action.entry
        present = after.get(entry.path)
        after[entry.path] = entry if present is None else merge(present, entry)[0]
    return after


@dataclass
class Replica:
    name: str
    index: dict[str, Entry] = field(default_factory=dict)
    counter: int = 0
    seen_off: set[Dot] = field(default_factory=set)  # edits that a later edit here replaced knowingly

    def edit(self, path: str, content: str) -> Entry | None:
        present = self.index.get(path)
        if present is not None and present.kind is Kind.FILE:
            if present.content == content.encode():
                return None
            self.seen_off.add(present.dot)
        self.counter += 1
        dot = (self.name, self.counter)
        version = with_dot(present.version if present else NEVER, dot)
        entry = Entry(path, Kind.FILE, version, dot, size=1, content=content.encode(), by=self.name)
        self.index[path] = entry
        return entry

    def delete(self, path: str) -> None:
        present = self.index.get(path)
        if present is None or not present.is_live:
            return
        self.seen_off.add(present.dot)
        self.counter += 1
        dot = (self.name, self.counter)
        self.index[path] = Entry(path, Kind.DELETED, with_dot(present.version, dot), dot, by=self.name)

    def hear(self, other: Replica) -> None:
        for entry in list(other.index.values()):
            self.index = result_of(self.index, reconcile(self.index, [entry]))

    def live(self) -> dict[str, bytes]:
        return {path: entry.content for path, entry in self.index.items() if entry.is_live}


steps = st.lists(
    st.tuples(
        st.sampled_from(["edit", "edit", "delete", "hear", "hear"]),
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from(["setup.json", "strategy.csv"]),
        st.sampled_from("wxyz"),
    ),
    max_size=25,
)


def play(plan: list[Step]) -> tuple[list[Replica], dict[Dot, Entry]]:
    replicas = [Replica("a"), Replica("b"), Replica("c")]
    edits: dict[Dot, Entry] = {}
    for what, who, other, path, content in plan:
        if what == "edit":
            edit = replicas[who].edit(path, content)
            if edit is not None:
                edits[edit.dot] = edit
        elif what == "delete":
            replicas[who].delete(path)
        elif who != other:
            replicas[who].hear(replicas[other])
    return replicas, edits


def settle(replicas: list[Replica]) -> None:
    for _ in range(4):
        for replica in replicas:
            for other in replicas:
                if other is not replica:
                    replica.hear(other)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(steps)
def test_all_replicas_end_equal_and_no_edit_is_absent_from_every_one(plan: list[Step]) -> None:
    replicas, edits = play(plan)
    settle(replicas)
    assert replicas[0].live() == replicas[1].live() == replicas[2].live()
    seen_off = set().union(*(replica.seen_off for replica in replicas))
    contents = set(replicas[0].live().values())
    for dot, edit in edits.items():
        assert dot in seen_off or edit.content in contents


@settings(max_examples=150, deadline=None, derandomize=True)
@given(steps)
def test_hearing_the_same_again_changes_nothing(plan: list[Step]) -> None:
    replicas, _ = play(plan)
    first, second, _ = replicas
    first.hear(second)
    assert reconcile(first.index, second.index.values()) == []


@settings(max_examples=200, deadline=None, derandomize=True)
@given(steps)
def test_merging_is_commutative_and_associative(plan: list[Step]) -> None:
    replicas, _ = play(plan)

    def after(*order: int) -> dict[str, bytes]:
        index: dict[str, Entry] = {}
        for number in order:
            for entry in replicas[number].index.values():
                index = result_of(index, reconcile(index, [entry]))
        return {path: entry.content for path, entry in index.items() if entry.is_live and not is_conflict_copy(path)}

    assert after(0, 1, 2) == after(2, 1, 0) == after(1, 0, 2)
    left = Replica("l", dict(replicas[0].index))
    left.hear(replicas[1])
    right = Replica("r", dict(replicas[1].index))
    right.hear(replicas[0])
    assert left.index == right.index


def file(path: str, content: str, dot: Dot, *, seen: Entry | None = None, mtime_ns: int = 0, at_ns: int = 0) -> Entry:
    version = with_dot(seen.version if seen else NEVER, dot)
    return Entry(path, Kind.FILE, version, dot, len(content), content.encode(), mtime_ns=mtime_ns, at_ns=at_ns)


def gone(of: Entry, dot: Dot) -> Entry:
    return Entry(of.path, Kind.DELETED, with_dot(of.version, dot), dot)


def test_a_file_made_on_both_sides_before_they_met_ends_as_two_files() -> None:
    here, there = file("s", "x", ("a", 1)), file("s", "y", ("b", 1))
    decision = decide(here, there)
    assert decision.conflict == here
    assert decision.actions == (KeepAside("s", copy_of(here)), Write(merge(here, there)[0]))
    mirrored = decide(there, here)
    assert mirrored.actions == (Write(copy_of(here)), Adopt(merge(here, there)[0]))


def test_the_same_content_made_on_both_sides_is_no_conflict() -> None:
    here, there = file("s", "x", ("a", 1), mtime_ns=5), file("s", "x", ("b", 1), mtime_ns=9)
    decision = decide(here, there)
    assert decision.conflict is None
    assert [type(action) for action in decision.actions] == [Adopt]
    assert merge(here, there) == merge(there, here)


def test_a_change_of_times_and_rights_alone_is_no_conflict() -> None:
    base = file("s", "x", ("a", 1))
    here = file("s", "x", ("a", 2), seen=base, mtime_ns=7)
    there = file("s", "x", ("b", 1), seen=base, mtime_ns=8)
    assert decide(here, there).conflict is None


def test_a_delete_never_beats_an_edit() -> None:
    base = file("s", "x", ("a", 1))
    deleted, edited = gone(base, ("a", 2)), file("s", "y", ("b", 1), seen=base)
    assert [type(action) for action in decide(deleted, edited).actions] == [Write]
    assert [type(action) for action in decide(edited, deleted).actions] == [Adopt]
    assert merge(deleted, edited)[0].content == b"y"


def test_a_delete_that_has_seen_the_edit_stands() -> None:
    base = file("s", "x", ("a", 1))
    assert [type(action) for action in decide(base, gone(base, ("b", 1))).actions] == [Remove]


def test_no_clock_decides_who_wins() -> None:
    late, early = file("s", "x", ("a", 1), at_ns=10**18), file("s", "y", ("b", 1), at_ns=0)
    other_way = file("s", "x", ("a", 1), at_ns=0), file("s", "y", ("b", 1), at_ns=10**18)
    assert merge(late, early)[0].content == merge(*other_way)[0].content


def test_an_empty_file_never_takes_the_place_of_a_full_one() -> None:
    empty = Entry("s", Kind.FILE, (("z", 9),), ("z", 9), 0, b"\xff" * 32)
    full = file("s", "x", ("a", 1))
    assert merge(empty, full)[0].content == b"x"


def test_a_replica_put_back_from_an_old_copy_gets_a_conflict_and_not_silence() -> None:
    one, other = file("s", "x", ("a", 5)), file("s", "y", ("a", 5))
    assert decide(one, other).conflict is not None


def test_a_conflict_copy_that_a_person_removed_does_not_come_back() -> None:
    here, there = file("s", "x", ("a", 1)), file("s", "y", ("b", 1))
    copy = copy_of(decide(here, there).conflict or here)
    removed = gone(copy, ("c", 1))
    assert decide(removed, copy) == NOTHING


def test_a_later_loser_with_the_same_content_is_kept_again() -> None:
    first, later = file("s", "x", ("a", 1)), file("s", "x", ("a", 7))
    assert copy_path(first) != copy_path(later)


def test_conflict_copies_of_long_and_odd_names_can_be_stored() -> None:
    for name in ("ä" * 127, "x" * 255, "a." + "s" * 250, ".hidden", "no suffix", "d/e/" + "y" * 250 + ".csv"):
        path = copy_path(file(name, "x", ("a", 1)))
        assert len(path.rpartition("/")[2].encode()) <= 255
        assert path.rpartition("/")[0] == name.rpartition("/")[0]
        assert is_conflict_copy(path)


def test_a_folder_with_something_in_it_outlasts_its_delete() -> None:
    folder = Entry("d", Kind.FOLDER, (("a", 1),), ("a", 1))
    deleted = gone(folder, ("b", 1))
    decision = decide(folder, deleted, holds_something=True, next_dot=lambda: ("a", 9))
    (adopt,) = decision.actions
    assert isinstance(adopt, Adopt)
    assert decide(deleted, adopt.entry).actions == (MakeFolder(adopt.entry),)
    assert [type(action) for action in decide(folder, deleted).actions] == [Remove]


def test_a_file_that_would_replace_a_full_folder_is_kept_beside_it() -> None:
    folder = Entry("d", Kind.FOLDER, (("a", 1),), ("a", 1))
    instead = file("d", "x", ("b", 1), seen=folder)
    decision = decide(folder, instead, holds_something=True, next_dot=lambda: ("a", 9))
    assert [type(action) for action in decision.actions] == [Write, Adopt]
    assert decision.conflict == instead


def test_folders_are_made_before_and_emptied_before_they_go() -> None:
    folder, inside = Entry("d", Kind.FOLDER, (("a", 1),), ("a", 1)), file("d/f", "x", ("a", 2))
    made = reconcile({}, [inside, folder])
    assert [type(action) for action in made] == [MakeFolder, Write]
    removed = reconcile({"d": folder, "d/f": inside}, [gone(folder, ("b", 1)), gone(inside, ("b", 2))])
    assert [action.entry.path for action in removed if isinstance(action, Remove)] == ["d/f", "d"]
