"""Decides what a replica has to do when it hears of another's entries. Pure and deterministic.

Theory of operation. An entry that includes the other's version wins, since its maker had seen the other. Where neither
had, the edits are concurrent:

* equal content is no conflict: the versions are joined and nothing is written;
* something beats a delete, whoever made it;
* of two contents the higher `rank` stays in place, and the other is kept as a conflict copy, a file like any other with
  a name and a version that follow from the edit itself, so that every replica makes the same one.

The joined version says "this has seen both", and whoever hears it drops his own without asking. Therefore the loser's
copy is an action *before* the join: a replica that can't keep the copy yet does not join yet.

A folder lasts as long as something in it does: a delete of it, or a file that would replace it, is answered with a new
edit of the folder that has seen that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from transfer_core.sync.entry import Entry, Kind, copy_of, rank
from transfer_core.sync.version import Dot, Order, join, order, with_dot


@dataclass(frozen=True, slots=True)
class Adopt:
    """Nothing changes on the disk but its bookkeeping (and perhaps the times of a file): keep this entry."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Write:
    """Put this file in place; its content has to be fetched unless it is here already."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class MakeFolder:
    """Make a folder."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Remove:
    """Put what is there into the trash."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class KeepAside:
    """The local file lost a conflict: it gets the copy's name, before anything else is done at its own."""

    path: str
    copy: Entry


Action = Adopt | Write | MakeFolder | Remove | KeepAside


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do about one path, in this order; `conflict` is the content that did not stay in place."""

    actions: tuple[Action, ...] = ()
    conflict: Entry | None = None


NOTHING = Decision()


def joined(winner: Entry, other: Entry) -> Entry:
    """The winner, having seen the other. Of equal contents the higher dot and time stay, so that all agree."""
    version = join(winner.version, other.version)
    if not winner.same_content(other):
        return replace(winner, version=version)
    first = max(winner, other, key=_telling)
    return replace(first, version=version)


def _telling(entry: Entry) -> tuple[object, ...]:
    return (entry.dot, entry.mtime_ns, entry.executable, entry.at_ns, entry.by, entry.size)


def place(entry: Entry) -> Action:
    """The action that makes an entry true where something else, or nothing, is."""
    if entry.kind is Kind.FILE:
        return Write(entry)
    return MakeFolder(entry) if entry.kind is Kind.FOLDER else Remove(entry)


def merge(a: Entry, b: Entry) -> tuple[Entry, Entry | None]:
    """The entry that stays of two of the same path, and the content that needs a conflict copy, if any."""
    how = order(a.version, b.version)
    if a.same_content(b):
        if how is Order.CONCURRENT or how is Order.EQUAL:
            return joined(a, b), None
        return (a if how is Order.AFTER else b), None
    if how is Order.AFTER:
        return a, None
    if how is Order.BEFORE:
        return b, None
    # Concurrent, or one version with two contents, which only a replica put back from a copy can have made.
    winner, loser = (a, b) if rank(a) >= rank(b) else (b, a)
    return joined(winner, loser), (loser if loser.kind is Kind.FILE else None)


def decide(
    local: Entry | None, remote: Entry, *, holds_something: bool = False, next_dot: Callable[[], Dot] | None = None
) -> Decision:
    """What to do about `remote`, given what is here. The actions' entries are what the index holds when they are done.

    `holds_something`: the path is a folder here with something in it that stays. `next_dot` gives this replica's next
    edit, for a folder that has to last.
    """
    if local is None:
        return Decision((place(remote) if remote.is_live else Adopt(remote),))
    winner, loser = merge(local, remote)
    if winner == local and loser is None:
        return NOTHING
    if local.kind is Kind.FOLDER and winner.kind is not Kind.FOLDER and holds_something and next_dot is not None:
        return _folder_lasts(local, remote, next_dot())
    actions: list[Action] = []
    if loser is not None:
        copy = copy_of(loser)
        actions.append(KeepAside(local.path, copy) if loser is local else Write(copy))
    if loser is not local and winner.same_content(local):
        actions.append(Adopt(winner))
    else:
        actions.append(place(winner))
    return Decision(tuple(actions), loser)


def _folder_lasts(local: Entry, remote: Entry, dot: Dot) -> Decision:
    lasting = replace(local, version=with_dot(join(local.version, remote.version), dot), dot=dot)
    if remote.kind is Kind.FILE:
        return Decision((Write(copy_of(remote)), Adopt(lasting)), remote)
    return Decision((Adopt(lasting),))


def apply_order(decision_of: Entry) -> tuple[int, int, str]:
    """Sorts entries so that folders are made before what is in them, and emptied before they go."""
    depth = decision_of.path.count("/")
    if decision_of.kind is Kind.DELETED:
        return (0, -depth, decision_of.path)
    return (1, depth, decision_of.path)
