"""Shared folders: how each one stands, who is connected, what happened, and the events that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from transfer_core.events.base import Event


class SyncState(StrEnum):
    """How a shared folder stands on this machine."""

    SYNCED = "in sync"
    SYNCING = "syncing"
    OFFLINE = "offline"  # nobody answers; edits are kept and told later
    PAUSED = "paused"  # a person's word
    QUESTION = "asks"  # more than half is gone: are the deletes meant?
    MISSING = "missing"  # the folder, or its marker, is not there
    REFUSED = "refused"  # the relay does not let this machine in
    FAILED = "failed"
    IDLE = "idle"  # no agent runs


@dataclass(frozen=True, slots=True)
class SyncPeerView:
    """Another machine of a folder, as this one knows it."""

    name: str
    online: bool
    replica: str
    to_tell: int  # changes here that it has not been told; through a relay: that the relay has not
    way: str = ""  # to another machine of a folder: direct, or through its relay


@dataclass(frozen=True, slots=True)
class SyncFigures:
    """What crossed the wire, counted since the folder is shared. Bytes of received files: in full, on the wire, and
    if each had been compressed and sent whole. Latency: from hearing of an edit until it is in place."""

    received_files: int = 0
    failed_files: int = 0
    full_bytes: int = 0
    wire_bytes: int = 0
    packed_bytes: int = 0
    sent_bytes: int = 0
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SyncFolderView:
    """One shared folder."""

    name: str
    path: str
    relay: str
    state: SyncState
    text: str
    files: int
    size_bytes: int
    waiting: int  # changes that are known and not in place here
    conflicts: int
    peers: tuple[SyncPeerView, ...] = ()
    reports: tuple[tuple[str, str], ...] = ()  # (path, what is not synced, or waits, and why)
    figures: SyncFigures = field(default_factory=SyncFigures)
    updated_at: str = ""  # UTC ISO 8601


@dataclass(frozen=True, slots=True)
class SyncVersionView:
    """One version of a file."""

    path: str
    by: str
    at: str
    size_bytes: int
    content: str  # the first signs of its hash
    is_mine: bool  # edited on this machine

    @property
    def whose(self) -> str:
        """Who edited it, for people."""
        return "this machine" if self.is_mine else self.by


@dataclass(frozen=True, slots=True)
class SyncConflictView:
    """Two edits that had not seen each other: one in place, one beside it."""

    folder: str
    path: str
    in_place: SyncVersionView | None  # None: deleted, or moved away, since
    beside: SyncVersionView


@dataclass(frozen=True, slots=True)
class SyncHappening:
    """One line of a folder's history."""

    at: str
    folder: str
    what: str  # edited, deleted, received, conflict
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class SyncSavingView:
    """What one file has cost on the wire so far, beside what it would have cost otherwise."""

    folder: str
    path: str
    at: str
    times: int
    full_bytes: int
    wire_bytes: int
    packed_bytes: int


@dataclass(frozen=True, slots=True)
class SyncVectorView:
    """What one machine has of a file, and what its version has seen: edits by machine."""

    holder: str
    what: str  # file, folder, deleted
    size_bytes: int
    by: str
    at: str
    counters: Mapping[str, int]
    standing: str  # here, same, older, newer, concurrent


@dataclass(frozen=True, slots=True)
class SyncFileView:
    """One path of a shared folder."""

    path: str
    what: str
    size_bytes: int
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class SyncChanged(Event):
    """All shared folders, as they stand now."""

    folders: tuple[SyncFolderView, ...]


@dataclass(frozen=True, slots=True)
class SyncHappened(Event):
    """New lines of the history, oldest first."""

    lines: tuple[SyncHappening, ...]
