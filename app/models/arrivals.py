"""Files that have arrived, as lines for the log and the ticker. Pure.

Frames of watched folders are left out: there are dozens a second, and the Cameras page counts them. Of other files that
arrive in quick succession one line tells how many.
"""

from __future__ import annotations

from app.figures import file_name
from transfer_core.events import JobState, JobView, Notice, Severity
from transfer_core.units import NS_PER_S, utc_iso

QUIET_NS = 5 * NS_PER_S  # between two lines
WATCH = "watch"


class Arrivals:
    """Told of each job that is other than it was; asked for a line now and then."""

    def __init__(self) -> None:
        self._untold: list[JobView] = []
        self._due_ns: int | None = None

    def note(self, before: JobView | None, job: JobView) -> None:
        """A job as it was, if it was known, and as it is now."""
        is_new = before is not None and before.status is not JobState.COMPLETED
        if is_new and job.status is JobState.COMPLETED and job.source != WATCH:
            self._untold.append(job)

    def line(self, now_ns: int, wall_ns: int) -> Notice | None:
        """What has arrived since the last line; None if nothing has, or the last line is too new."""
        if not self._untold or (self._due_ns is not None and now_ns < self._due_ns):
            return None
        jobs, self._untold, self._due_ns = self._untold, [], now_ns + QUIET_NS
        first = file_name(jobs[0].path)
        if len(jobs) == 1:
            text = f"{first} has arrived at {jobs[0].destination}" + (", hash equal" if jobs[0].file_hash else "")
        else:
            text = f"{first} and {len(jobs) - 1} more have arrived"
        return Notice(utc_iso(wall_ns), Severity.INFO, "queue", text)
