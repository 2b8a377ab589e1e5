"""Shared folders in words and rows. Pure: no widget, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.figures import DASH, moment_text, ms_text, percent_text, was_text
from app.models.rows_model import TextRow
from transfer_core.events.sync import (
    SyncConflictView,
    SyncFigures,
    SyncFileView,
    SyncFolderView,
    SyncHappening,
    SyncPeerView,
    SyncSavingView,
    SyncState,
    SyncVectorView,
    SyncVersionView,
)
from transfer_core.units import format_bytes

FOLDER_HEADERS = ("folder", "state", "files", "size", "to come", "to tell", "conflicts", "through", "on this machine")
FILE_HEADERS = ("file", "what", "size", "last edited by", "at (UTC)")
PEER_HEADERS = ("machine", "state", "to tell")
SAVING_HEADERS = ("file", "times", "full copy", "compressed", "on the wire", "saved", "received (UTC)")
EVENT_HEADERS = ("at (UTC)", "folder", "what", "file", "more")
VECTOR_HEADERS = ("machine", "has", "size", "edited by", "at (UTC)", "stands", "has seen")
WORST = (SyncState.QUESTION, SyncState.MISSING, SyncState.REFUSED, SyncState.FAILED)
LASTING = (*WORST, SyncState.PAUSED)  # until a person does something, whether the engine is heard of or not
_SHORT = 6


def state_text(folder: SyncFolderView, *, is_heard: bool = True) -> str:
    """How it stands; of an engine that is not heard of, how it stood."""
    words = was_text(folder.state.value, is_heard=is_heard or folder.state in LASTING)
    return f"{words}, conflict" if folder.conflicts else words


def progress_text(folder: SyncFolderView, *, is_heard: bool = True) -> str:
    """How far it is, as the engine says it; else how it stands."""
    says_more = is_heard or folder.state in LASTING
    return (says_more and folder.text) or state_text(folder, is_heard=is_heard)


def way_text(peer: SyncPeerView, *, is_heard: bool = True) -> str:
    """The way to a machine, `offline`, or how it was reached while the engine was heard of."""
    return was_text((peer.way or "online") if peer.online else "offline", is_heard=is_heard)


def folder_row(folder: SyncFolderView, *, is_heard: bool = True) -> TextRow:
    """One folder."""
    untold = max((peer.to_tell for peer in folder.peers if peer.online), default=0)
    texts = (
        folder.name,
        state_text(folder, is_heard=is_heard),
        f"{folder.files:,}",
        format_bytes(folder.size_bytes),
        _count(folder.waiting),
        _count(untold),
        _count(folder.conflicts),
        folder.relay or "this relay",
        folder.path,
    )
    return TextRow(folder.name, texts, folder.text)


def _count(number: int) -> str:
    return f"{number:,}" if number else DASH


def peer_rows(folder: SyncFolderView, *, is_heard: bool = True) -> list[TextRow]:
    """The machines of a folder, and the way to each."""
    return [
        TextRow(
            f"{number} {peer.name}",
            (peer.name, way_text(peer, is_heard=is_heard), _count(peer.to_tell)),
        )
        for number, peer in enumerate(folder.peers)
    ]


def file_rows(files: Iterable[SyncFileView]) -> list[TextRow]:
    """Paths of a folder."""
    return [
        TextRow(
            file.path,
            (
                file.path,
                file.what,
                DASH if file.what != "file" else format_bytes(file.size_bytes),
                file.by,
                at(file.at),
            ),
        )
        for file in files
    ]


def saving_rows(savings: Iterable[SyncSavingView]) -> list[TextRow]:
    """What files have cost."""
    return [
        TextRow(
            (row.folder, row.path),
            (
                row.path,
                str(row.times),
                format_bytes(row.full_bytes),
                format_bytes(row.packed_bytes),
                format_bytes(row.wire_bytes),
                saved_text(row.full_bytes, row.wire_bytes),
                at(row.at),
            ),
            f"against compression alone: {saved_text(row.packed_bytes, row.wire_bytes)}",
        )
        for row in savings
    ]


def event_rows(lines: Iterable[SyncHappening]) -> list[TextRow]:
    """What happened."""
    return [
        TextRow((line.folder, line.path), (at(line.at), line.folder, line.what, line.path, line.text)) for line in lines
    ]


def vector_rows(vectors: Iterable[SyncVectorView], names: dict[str, str]) -> list[TextRow]:
    """Version vectors in words."""
    return [
        TextRow(
            each.holder,
            (
                "this machine" if each.standing == "here" else each.holder,
                each.what,
                DASH if each.what != "file" else format_bytes(each.size_bytes),
                each.by,
                at(each.at),
                each.standing,
                counters_text(each, names),
            ),
        )
        for each in vectors
    ]


def counters_text(vector: SyncVectorView, names: dict[str, str]) -> str:
    """`pit1 …482913 · pit2 …482991`: the newest edit of each machine that it has seen."""
    return " · ".join(
        f"{names.get(replica, replica[:_SHORT])} …{counter % 10**_SHORT:06d}"
        for replica, counter in vector.counters.items()
    )


def saved_text(before: int, after: int) -> str:
    """`87 %`; below zero where it cost more; a dash where there was nothing to save."""
    if before == 0:
        return DASH
    share = 1 - after / before
    return f"{percent_text(share)} %" if share >= 0 else f"−{percent_text(-share)} %"


def sum_of(folders: Sequence[SyncFolderView]) -> SyncFigures:
    """The figures of several folders together; latency is that of the slowest."""
    all_of = [folder.figures for folder in folders]
    latencies = [each.latency_ms for each in all_of if each.latency_ms is not None]
    return SyncFigures(
        received_files=sum(each.received_files for each in all_of),
        failed_files=sum(each.failed_files for each in all_of),
        full_bytes=sum(each.full_bytes for each in all_of),
        wire_bytes=sum(each.wire_bytes for each in all_of),
        packed_bytes=sum(each.packed_bytes for each in all_of),
        sent_bytes=sum(each.sent_bytes for each in all_of),
        latency_ms=max(latencies, default=None),
    )


def figures_text(figures: SyncFigures) -> str:
    """One line for the monitor."""
    whole = figures.received_files + figures.failed_files
    rate = f"{percent_text(figures.received_files / whole)} %" if whole else DASH
    return (
        f"{figures.received_files:,} received · {rate} in place · heard to in place {ms_text(figures.latency_ms)} ms"
        f" · {format_bytes(figures.sent_bytes)} sent"
    )


def version_lines(version: SyncVersionView | None) -> tuple[str, ...]:
    """A version of a conflict in four lines: whose, when, size, name."""
    if version is None:
        return ("nothing any more", "it was deleted or moved since", "", "")
    whose = f"{version.by} (this machine)" if version.is_mine else version.by
    return (whose, at(version.at), format_bytes(version.size_bytes), version.path)


def conflict_key(conflict: SyncConflictView) -> tuple[str, str]:
    """What tells one conflict from another."""
    return (conflict.folder, conflict.beside.path)


def at(moment: str) -> str:
    """`2026-11-21 14:32:07`."""
    return moment_text(moment)
