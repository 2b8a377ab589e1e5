"""What a replica knows of one path: an entry, and the names of conflict copies. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import IntEnum

from transfer_core.sync.version import Dot, Version

NAME_BYTES_MAX = 255
_MARK = ".conflict-"


class Kind(IntEnum):
    """What is at a path. The number is part of the wire, and ranks who wins: a delete never beats an edit."""

    DELETED = 0
    FILE = 1
    FOLDER = 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one path. Two entries of the same kind and content are the same for people."""

    path: str  # below the folder's root, '/'-separated
    kind: Kind
    version: Version
    dot: Dot  # the edit that made this content
    size: int = 0
    content: bytes = b""  # BLAKE3 of the bytes; empty for what is no file
    mtime_ns: int = 0
    executable: bool = False
    by: str = ""  # for people: the machine where it was edited
    at_ns: int = 0  # for people: when, by that machine's clock

    @property
    def is_live(self) -> bool:
        """There is something at the path."""
        return self.kind is not Kind.DELETED

    def same_content(self, other: Entry) -> bool:
        """Nobody could tell the two apart by reading them."""
        return self.kind is other.kind and self.content == other.content


def rank(entry: Entry) -> tuple[int, bool, bytes, Dot]:
    """A total order of concurrent versions, the same everywhere, in which no clock has a say.

    A folder stands above a file, anything above a delete, and something above nothing (an empty file is often what an
    interrupted program left).
    """
    return (entry.kind, entry.size > 0, entry.content, entry.dot)


def parent_of(path: str) -> str:
    """The folder that a path is in; empty at the root."""
    return path.rpartition("/")[0]


def copy_path(loser: Entry) -> str:
    """Where the loser of a conflict is kept: `setup.conflict-pit2-1f3a9c….json` beside `setup.json`.

    The name has a hash of the content and of the edit that made it, so every replica finds the same name, and two
    losers never share one. It is cut, at the front of the name, to what file systems can hold.
    """
    folder, _, name = loser.path.rpartition("/")
    said = f"{loser.dot[0]}\0{loser.dot[1]}\0".encode() + loser.content + loser.path.encode("utf-8", "surrogateescape")
    who = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in loser.by)[:20] or "unknown"
    stem, dot, suffix = name.rpartition(".")
    if not dot or not stem:
        stem, suffix = name, ""
    tail = f"{_MARK}{who}-{hashlib.blake2s(said, digest_size=8).hexdigest()}"
    ending = f".{suffix}" if suffix else ""
    room = NAME_BYTES_MAX - len((tail + ending).encode("utf-8", "surrogateescape"))
    if room < 1:  # a suffix of more than 200 bytes is no file type
        ending, room = "", NAME_BYTES_MAX - len(tail.encode())
    head = stem.encode("utf-8", "surrogateescape")[:room].decode("utf-8", "ignore")
    return (f"{folder}/" if folder else "") + head + tail + ending


def is_conflict_copy(path: str) -> bool:
    """Whether the last part of a path is the name of a conflict copy."""
    return _MARK in path.rpartition("/")[2]


def copy_of(loser: Entry) -> Entry:
    """The loser of a conflict as a file of its own; whoever resolves the same conflict makes the same entry."""
    return replace(loser, path=copy_path(loser), version=(loser.dot,))
