"""What loop and uploads report, on its way to the clerk: into its inbox, so that nobody who reports has to wait."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.errors import DrsError, LinkError

if TYPE_CHECKING:
    from transfer_core.engine.clerk import Clerk
    from transfer_core.engine.uploads.run import UploadRun


class Reports:
    """The `AgentListener` of the loop, and the `UploadListener` of uploads over HTTP."""

    def __init__(self, clerk: Clerk) -> None:
        self._clerk, self._runner = clerk, clerk.runner
        self._held_there: set[str] = set()  # of the loop's thread: jobs that a relay asked to wait with
        self.data_flows = threading.Event()  # a relay takes a file

    # --- the uploads' listener: their threads

    def on_fallback(self, relay: str, open_now: bool, why: str) -> None:
        """See `UploadListener`."""
        self._clerk.do(lambda: self._clerk.targets.fallback_changed(relay, open_now, why))

    def on_uploaded(self, run: UploadRun) -> None:
        """See `UploadListener`."""

        def arrived() -> None:
            self._runner.arrived(run.job.file_id, run.file_hash, run.stored_as, run.carried, run.resent_bytes)

        self._clerk.do(arrived)

    def on_upload_failed(self, run: UploadRun, error: DrsError) -> None:
        """See `UploadListener`."""

        def failed() -> None:
            if not run.is_stopped:
                self._runner.take_figures({run.job.file_id: run.figures()})
                self._runner.keep_progress()
                self._runner.failed(run.job.file_id, error)

        self._clerk.do(failed)

    def on_parts_stay(self, destination: str, count: int, error: DrsError) -> None:
        """See `UploadListener`."""
        self._clerk.do(lambda: self._runner.parts_stay(destination, count, error))

    # --- the listener: the loop's thread

    def hello_counter(self, relay: str) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._clerk.targets.say_hello(relay))

    def on_paired(self, relay: str) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._clerk.targets.paired(relay))

    def on_online(self, relay: str, online: bool, why: str) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._clerk.targets.online_changed(relay, online, why))

    def on_refused(self, relay: str, error: DrsError) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._clerk.targets.refused(relay, error))

    def on_accepted(self, job: OutgoingJob, bytes_there: int) -> None:
        """See `AgentListener`. Most are never held: the clerk is not woken for them."""
        self.data_flows.set()
        if job.job.file_id in self._held_there:
            self._held_there.discard(job.job.file_id)
            self._clerk.do(lambda: self._runner.held(job, None, ""))

    def on_held(self, job: OutgoingJob, code: str, text: str) -> None:
        """See `AgentListener`."""
        self._held_there.add(job.job.file_id)
        self._clerk.do(lambda: self._runner.held(job, code, text))

    def on_arrived(self, jobs: Sequence[OutgoingJob]) -> None:
        """See `AgentListener`. A short file's arrival may be the first that is heard of it."""
        self.data_flows.set()
        self._held_there.difference_update(out.job.file_id for out in jobs)

        def arrived() -> None:
            for out in jobs:
                self._runner.arrived(out.job.file_id, out.file_hash, out.stored_as, out.carried, out.resent_bytes)

        self._clerk.do_with_others(arrived)

    def on_failed(self, job: OutgoingJob, error: DrsError) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._runner.failed(job.job.file_id, error))

    def on_parts_dropped(self, numbers: Sequence[int]) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._runner.parts_dropped(numbers))

    def on_room(self, relay: str, free_bytes: int) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._clerk.targets.room_reported(relay, free_bytes))

    def on_link_failed(self, link: str, error: LinkError) -> None:
        """See `AgentListener`."""
        self._clerk.do(lambda: self._clerk.link_failed(link, error))
