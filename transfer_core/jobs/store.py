"""The queue in SQLite. Each method is one transaction; safe from any thread; a crash loses no job."""

from __future__ import annotations

from transfer_core.jobs.adding import NewJob
from transfer_core.jobs.asking import JobAsking
from transfer_core.jobs.database import DATABASE_NAME
from transfer_core.jobs.frames import FrameRow, FrameTable, NewFrame
from transfer_core.jobs.left_uploads import LeftUpload, LeftUploadTable
from transfer_core.jobs.leftovers import Leftover, LeftoverTable
from transfer_core.jobs.ordering import UNDO_KEPT, JobOrdering
from transfer_core.jobs.outbox import OutboxTable
from transfer_core.jobs.tables import Command, CommandTable, Destination, DestinationTable, SettingTable
from transfer_core.jobs.watching import RunRow, WatchRow, WatchTable
from transfer_core.jobs.working import JobWorking

__all__ = [
    "DATABASE_NAME",
    "UNDO_KEPT",
    "Command",
    "Destination",
    "FrameRow",
    "JobStore",
    "LeftUpload",
    "Leftover",
    "NewFrame",
    "NewJob",
    "RunRow",
    "WatchRow",
]


class JobStore(
    JobWorking,
    JobAsking,
    JobOrdering,
    LeftoverTable,
    LeftUploadTable,
    OutboxTable,
    DestinationTable,
    SettingTable,
    CommandTable,
    WatchTable,
    FrameTable,
):
    """The agent's database: `JobStore(state_dir, clock)`; `quarantined` says that a damaged one was set aside."""
