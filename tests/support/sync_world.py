"""Worlds of several nodes of one folder, in memory: partitions, crashes at every step, full disks and wrong clocks.

A world is a function of its seed. Its disks forget what was not synced, its network loses what was under way when a
node crashed, and its people edit and delete what they see. At the end everything heals, and all nodes must be equal,
with every edit accounted for: still there under some name, or replaced or deleted by somebody who saw it.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from transfer_core.errors import DiskFull, SourceMissing
from transfer_core.sync.entry import Kind, parent_of
from transfer_core.sync.index import Index
from transfer_core.sync.index_rows import MIGRATIONS
from transfer_core.sync.node import Node
from transfer_core.sync.parcel import Parcel, decode_parcel, encode_parcel
from transfer_core.sync.scanner import FolderGone, ScanResult
from transfer_core.sync.tree import Listing, NameClash, Stat, TargetChanged
from transfer_core.units import NS_PER_S

NAMES = ("setup.json", "strategy.csv", "runs/one.log", "runs/two.log", "runs")
HOUR_NS = 3600 * NS_PER_S


class Crashed(BaseException):
    """The machine lost power."""


@dataclass(frozen=True)
class SimFile:
    content: bytes | None  # None: a folder
    inode: int
    mtime_ns: int
    ctime_ns: int
    executable: bool = False

    def stat(self) -> Stat:
        if self.content is None:
            return Stat(Kind.FOLDER)
        return Stat(Kind.FILE, len(self.content), self.mtime_ns, self.inode, self.ctime_ns, self.executable)


class SimTree:
    """A `Tree` in memory. `visible` is what programs see, `durable` what a loss of power leaves."""

    def __init__(self, chance: random.Random) -> None:
        self.visible: dict[str, SimFile] = {}
        self.durable: dict[str, SimFile] = {}
        self.staged: dict[str, SimFile] = {}
        self.unsynced: set[str] = set()
        self.trashed: list[bytes] = []
        self.mounted = True
        self.unreadable = ""  # a folder that can't be looked into
        self.full = False
        self.crash_in: int | None = None
        self.steps = 0
        self.on_step: Callable[[str], None] = lambda _: None
        self._pending: list[dict[str, SimFile | None]] = []
        self._chance = chance
        self._ticks = itertools.count(1)

    # --- faults

    def step(self, what: str) -> None:
        """A moment at which the power may fail, or a person may save a file."""
        self.steps += 1
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.crash_in = None
                raise Crashed(what)
        self.on_step(what)

    def crash(self) -> None:
        """Some of what was not synced has reached the disk, in order."""
        for change in self._pending[: self._chance.randint(0, len(self._pending))]:
            self._keep(change)
        self._pending.clear()
        self.visible = dict(self.durable)
        self.staged.clear()

    def _change(self, change: dict[str, SimFile | None]) -> None:
        for path, file in change.items():
            if file is None:
                self.visible.pop(path, None)
            else:
                self.visible[path] = file
        self._pending.append(change)

    def _keep(self, change: dict[str, SimFile | None]) -> None:
        for path, file in change.items():
            if file is None:
                self.durable.pop(path, None)
            else:
                self.durable[path] = file

    def sync(self) -> None:
        for change in self._pending:
            self._keep(change)
        self._pending.clear()

    # --- people

    def save(self, path: str, content: bytes) -> None:
        tick = next(self._ticks)
        parent = parent_of(path)
        if parent and parent not in self.visible:
            self._change({parent: SimFile(None, tick, tick, tick)})
        self._change({path: SimFile(content, next(self._ticks), tick, tick)})
        self.sync()

    def delete(self, path: str) -> None:
        self._change({path: None})
        self.sync()

    def files(self) -> dict[str, bytes | None]:
        return {path: file.content for path, file in sorted(self.visible.items())}

    # --- the tree

    def is_there(self) -> bool:
        return self.mounted

    def walk(self, listing: Listing, folder: str = "") -> Iterator[tuple[str, Stat]]:
        for path, file in sorted(self.visible.items()):
            if self.unreadable and path.startswith(self.unreadable + "/"):
                listing.unknown.add(self.unreadable)
            elif not folder or path == folder or path.startswith(folder + "/"):
                yield path, file.stat()

    def is_ignored(self, path: str) -> bool:
        return False

    def stat(self, path: str) -> Stat | None:
        file = self.visible.get(path)
        return None if file is None else file.stat()

    def _file(self, path: str) -> SimFile:
        file = self.visible.get(path)
        if file is None or file.content is None:
            raise SourceMissing(f"{path} is gone")
        return file

    def read(self, path: str) -> Iterator[bytes]:
        content = self._file(path).content or b""
        self.step("read")
        yield content

    def read_at(self, path: str, offset: int, length: int) -> bytes:
        return (self._file(path).content or b"")[offset : offset + length]

    def stage(self, pieces: Iterable[bytes], mtime_ns: int, executable: bool) -> str:
        content = b"".join(pieces)
        self.step("stage")
        if self.full:
            raise DiskFull("no room left")
        tick = next(self._ticks)
        token = f"stage-{tick}"
        self.staged[token] = SimFile(content, tick, mtime_ns, tick, executable)
        self.unsynced.add(token)
        return token

    def sync_staged(self, tokens: Sequence[str]) -> None:
        self.step("fsync")
        self.unsynced.difference_update(tokens)

    def _check(self, path: str, expected: Stat | None) -> None:
        present = self.stat(path)
        if (present is None) != (expected is None) or (expected is not None and not expected.is_same_file(present)):
            raise TargetChanged(f"{path} is another by now")

    def _check_parent(self, path: str) -> None:
        parent = parent_of(path)
        if not parent or (self.visible.get(parent) is not None and self.visible[parent].content is None):
            return
        if parent in self.visible:
            raise NameClash(f"{parent} is no folder")
        self.make_folder(parent)

    def publish(self, token: str, path: str, expected: Stat | None) -> Stat:
        self._check_parent(path)
        self.step("before the rename")
        assert token not in self.unsynced
        self._check(path, expected)
        old = self.visible.get(path)
        if old is not None and old.content is not None:
            self.trashed.append(old.content)
        file = self.staged.pop(token)
        self._change({path: file})
        self.step("after the rename")
        return file.stat()

    def discard(self, token: str) -> None:
        self.staged.pop(token, None)

    def make_folder(self, path: str) -> Stat:
        self._check_parent(path)
        present = self.visible.get(path)
        if present is not None and present.content is not None:
            raise TargetChanged(f"{path} is a file")
        if present is None:
            tick = next(self._ticks)
            self._change({path: SimFile(None, tick, tick, tick)})
            self.step("after mkdir")
        return Stat(Kind.FOLDER)

    def trash(self, path: str, expected: Stat) -> None:
        self.step("before the trash")
        self._check(path, expected)
        if any(other.startswith(path + "/") for other in self.visible):
            raise TargetChanged(f"{path} is not empty")
        self.trashed.append(self.visible[path].content or b"")
        self._change({path: None})
        self.step("after the trash")

    def keep_as(self, path: str, to: str, expected: Stat) -> None:
        self.step("before the copy")
        self._check(path, expected)
        if to in self.visible:
            raise TargetChanged(f"{to} is there")
        self._change({to: self.visible[path]})
        self.step("after the copy")
        self.sync()

    def settle(self) -> None:
        self.step("before the folders' fsync")
        self.sync()
        self.step("after the folders' fsync")

    def set_executable(self, path: str, executable: bool) -> Stat:
        file = self._file(path)
        self._change({path: SimFile(file.content, file.inode, file.mtime_ns, next(self._ticks), executable)})
        self.sync()
        return self.visible[path].stat()


def memory_database() -> sqlite3.Connection:
    """A database that a test can keep over a crash."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    for migration in MIGRATIONS:
        connection.executescript(migration)
    return connection


@dataclass
class Machine:
    name: str
    tree: SimTree
    database: sqlite3.Connection
    clock_ns: int
    node: Node
    up: bool = True
    edits: set[bytes] = field(default_factory=set)
    scanning: Iterator[None] | None = None

    def copied(self) -> sqlite3.Connection:
        """The database as it is now."""
        copy = memory_database()
        self.database.backup(copy)
        return copy


class World:
    """See the module."""

    def __init__(self, seed: int, nodes: int | None = None) -> None:
        self.chance = random.Random(seed)
        self.seed = seed
        self.now_ns = 1_700_000_000 * NS_PER_S
        self.contents = itertools.count()
        self.made: set[bytes] = set()
        self.seen_off: set[bytes] = set()
        self.cut: set[frozenset[str]] = set()
        self.wire: list[tuple[str, str, bytes, Callable[[], None] | None, int]] = []
        self.crashes = 0
        self.crossed_bytes = 0
        count = nodes or self.chance.randint(3, 5)
        names = [f"node{i}" for i in range(count)]
        self.machines: dict[str, Machine] = {}
        self.lives: dict[str, int] = dict.fromkeys(names, 0)
        for name in names:
            tree = SimTree(self.chance)
            offset = self.chance.choice((0, 5 * HOUR_NS, -5 * HOUR_NS))
            self.machines[name] = Machine(name, tree, memory_database(), offset, None)  # type: ignore[arg-type]
            self._boot(self.machines[name])
        star = self.chance.random() < 0.6
        self.pairs = [(a, b) for a, b in itertools.combinations(names, 2) if not star or a == names[0]]
        for a, b in self.pairs:
            self._connect(a, b)

    # --- machines and the network

    def _boot(self, machine: Machine) -> None:
        post, machine.scanning = _Post(self, machine.name), None
        machine.node = Node(
            "f",
            machine.name,
            machine.tree,
            Index(machine.database, f"r-{machine.name}-{self.lives[machine.name]}"),
            post,
            lambda: self.now_ns + machine.clock_ns,
            lambda: self.now_ns,
        )

    def _connect(self, a: str, b: str) -> None:
        for one, other in ((a, b), (b, a)):
            node = self.machines[one].node
            self.guard(one, lambda node=node, other=other: node.remove_peer(other))
            self.guard(one, lambda node=node, other=other: node.add_peer(other))

    def guard(self, name: str, call: Callable[[], object]) -> None:
        """Have a node do something; it may crash on the way."""
        machine = self.machines[name]
        try:
            call()
        except Crashed:
            self.crash(machine)
        except FolderGone:
            assert not machine.tree.mounted
        except DiskFull:
            assert machine.tree.full

    def crash(self, machine: Machine) -> None:
        self.crashes += 1
        machine.tree.crash()
        self.lives[machine.name] += 1
        self.wire = [each for each in self.wire if machine.name not in (each[0], each[1])]
        self._boot(machine)
        for a, b in self.pairs:
            if machine.name in (a, b) and frozenset((a, b)) not in self.cut:
                self._connect(a, b)

    def deliver(self, at: int) -> None:
        sender, receiver, data, delivered, life = self.wire.pop(at)
        if frozenset((sender, receiver)) in self.cut:
            return
        lives = self.lives[receiver]
        target = self.machines[receiver]
        self.guard(receiver, lambda: target.node.receive(sender, decode_parcel(data)))
        if self.lives[receiver] != lives:
            return
        if delivered is not None and self.lives[sender] == life:
            if self.chance.random() < 0.95:
                self.guard(sender, delivered)
            else:  # the session broke before the answer came
                self._connect(sender, receiver)

    # --- people

    def person_edits(self, machine: Machine) -> None:
        path = self.chance.choice(NAMES + tuple(p for p, f in machine.tree.visible.items() if f.content is not None))
        parent = machine.tree.visible.get(parent_of(path))
        present = machine.tree.visible.get(path)
        if (parent is not None and parent.content is not None) or (present is not None and present.content is None):
            return
        shared = self.chance.random() < 0.15
        content = b"the same" if shared else f"{next(self.contents)}".encode() * self.chance.choice((1, 3))
        if present is not None and present.content == content:
            return
        if present is not None and present.content is not None:
            self.seen_off.add(present.content)
        self.made.add(content)
        machine.tree.save(path, content)

    def person_deletes(self, machine: Machine) -> None:
        paths = sorted(machine.tree.visible)
        if not paths:
            return
        path = self.chance.choice(paths)
        file = machine.tree.visible[path]
        if file.content is None and any(other.startswith(path + "/") for other in paths):
            return
        if file.content is not None:
            self.seen_off.add(file.content)
        machine.tree.delete(path)

    # --- the run

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.turn()
        self.heal()

    def turn(self) -> None:
        self.now_ns += self.chance.randint(0, 40) * NS_PER_S
        machine = self.chance.choice(list(self.machines.values()))
        what = self.chance.random()
        if what < 0.17:
            self.person_edits(machine)
        elif what < 0.21:
            self.person_deletes(machine)
        elif what < 0.35:
            self.guard(machine.name, lambda: self._scan(machine))
        elif what < 0.60 and self.wire:
            self.deliver(self.chance.randrange(len(self.wire)) if self.chance.random() < 0.3 else 0)
        elif what < 0.80:
            self.guard(machine.name, machine.node.work)
        elif what < 0.90:
            machine.tree.crash_in = self.chance.randint(1, 6)
        elif what < 0.93:
            machine.tree.full = not machine.tree.full
        elif what < 0.94:
            machine.tree.mounted = not machine.tree.mounted
        elif what < 0.95:
            machine.clock_ns = self.chance.choice((0, 3 * HOUR_NS, -3 * HOUR_NS))
        elif what < 0.96:
            machine.tree.on_step = self._saves_in_between(machine)
        else:
            self.cut_or_mend()

    def _scan(self, machine: Machine) -> None:
        """A whole scan, or a step of one, between which anything else may happen."""
        steps, machine.scanning = machine.scanning, None
        if steps is None:
            steps = machine.node.scan_in_steps(ScanResult(), deletes_are_meant=True)
        if self.chance.random() < 0.5:
            for _ in steps:
                pass
        elif next(steps, self) is not self:
            machine.scanning = steps

    def _saves_in_between(self, machine: Machine) -> Callable[[str], None]:
        """Somebody saves a file while the node is at work."""

        def once(what: str) -> None:
            machine.tree.on_step = lambda _: None
            self.person_edits(machine)

        return once

    def cut_or_mend(self) -> None:
        pair = self.chance.choice(self.pairs)
        key = frozenset(pair)
        if key in self.cut:
            self.cut.discard(key)
            self._connect(*pair)
        else:
            self.cut.add(key)
            for one, other in (pair, pair[::-1]):
                self.machines[one].node.remove_peer(other)

    def heal(self) -> None:
        for machine in self.machines.values():
            machine.tree.full, machine.tree.mounted, machine.tree.crash_in = False, True, None
            machine.tree.on_step = lambda _: None
        self.cut.clear()
        for pair in self.pairs:
            self._connect(*pair)
        for _ in range(60):
            self.now_ns += 70 * NS_PER_S
            before = len(self.wire)
            for machine in self.machines.values():
                machine.node.scan(deletes_are_meant=True)
                machine.node.work()
            while self.wire:
                self.deliver(0)
            if not before and self.is_equal() and not any(m.node.index.todo() for m in self.machines.values()):
                return

    def is_equal(self) -> bool:
        first, *rest = [machine.tree.files() for machine in self.machines.values()]
        return all(files == first for files in rest)

    def lost(self) -> set[bytes]:
        """Edits that nobody replaced knowingly and that are nowhere."""
        there = {content for machine in self.machines.values() for content in machine.tree.files().values()}
        return self.made - self.seen_off - there

    def digest(self) -> list[tuple[str, dict[str, bytes | None]]]:
        return [(machine.name, machine.tree.files()) for machine in self.machines.values()]


class _Post:
    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        self._life = world.lives[name]

    def send(self, peer: str, parcel: Parcel, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        if frozenset((self._name, peer)) not in self._world.cut:
            data = encode_parcel(parcel)
            self._world.crossed_bytes += len(data)
            self._world.wire.append((self._name, peer, data, delivered, self._life))
