"""Says what an agent does as it does it: JSON lines for programs, plain lines or bars for people."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from typing import Any, Protocol

from transfer_core.cli import output
from transfer_core.cli.watch import Changes, Watch
from transfer_core.events import JobState
from transfer_core.units import format_bytes, format_duration


class Reporter(AbstractContextManager["Reporter"], Protocol):
    """Is told of every drain."""

    def report(self, watch: Watch, changes: Changes) -> None:
        """Show what changed."""
        ...


class JsonReporter(AbstractContextManager["JsonReporter"]):
    """One JSON object a line, `event` first."""

    def __exit__(self, *_: object) -> None:
        """Nothing to put back."""

    def report(self, watch: Watch, changes: Changes) -> None:
        """One line for each thing that changed."""
        events: list[tuple[str, dict[str, Any]]] = []
        for job in changes.jobs:
            fields = output.job_object(job)
            fields["rate_bps"], fields["eta_s"] = round(job.rate_bps), job.eta_s
            events.append(("job", fields))
        if changes.removed:
            events.append(("jobs_removed", {"file_ids": changes.removed}))
        for link in changes.turned_links:
            events.append(("link", {"name": link.name, "state": link.state.value, "why": link.why}))
        for each in changes.turned_destinations:
            events.append(("destination", {"name": each.name, "online": each.online, "why": each.why}))
        for mark in changes.marks:
            events.append(("link_mark", {"at": mark.at, "link": mark.link, "what": mark.what, "text": mark.text}))
        for notice in changes.notices:
            fields = {"severity": notice.severity.value, "topic": notice.topic, "text": notice.text}
            events.append(("notice", {"at": notice.at, **fields, "error": notice.error}))
        output.json_events(events)


class LineReporter(AbstractContextManager["LineReporter"]):
    """A line for each turn of a job, a link or a destination."""

    def __exit__(self, *_: object) -> None:
        """Nothing to put back."""

    def report(self, watch: Watch, changes: Changes) -> None:
        """Progress is left out: this is read in a log."""
        for link in changes.turned_links:
            output.line(f"link {link.name}: {link.state.value}{_why(link.why)}")
        for destination in changes.turned_destinations:
            if destination.online is not None:
                state = "online" if destination.online else "offline"
                output.line(f"destination {destination.name}: {state}{_why(destination.why)}")
        for job in changes.turned_jobs:
            text = f"{job.file_id[: output.SHORT_ID]} {output.printable(job.path)}: {job.status.value}"
            if job.status is JobState.COMPLETED:
                text += f", {format_bytes(job.size)} in {format_duration(job.duration_s) or 'unknown time'}"
            output.line(text + _why(job.reason or (job.error or "")))
        for notice in changes.notices:
            output.line(f"{notice.topic}: {output.printable(notice.text)}")


def choose_reporter(*, as_json: bool, bars: bool) -> Reporter:
    """JSON where asked for, bars where they were asked for and can be drawn, else lines."""
    if as_json:
        return JsonReporter()
    if bars and sys.stderr.isatty():
        from transfer_core.cli.progress_bars import BarReporter

        return BarReporter()
    return LineReporter()


def _why(reason: str) -> str:
    return f" ({output.printable(reason)})" if reason else ""
