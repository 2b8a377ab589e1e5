"""Live bars on a terminal: one for each file under way, one for each link, one for the whole."""

from __future__ import annotations

from contextlib import AbstractContextManager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from transfer_core.cli import output
from transfer_core.cli.watch import Changes, Watch
from transfer_core.events import JobState, JobView, LinkState, LinkView
from transfer_core.units import format_bytes, format_duration, format_rate

FILES_SHOWN = 8
BAR_WIDTH = 30
LINK_STYLES = {
    LinkState.UP: "green",
    LinkState.DEGRADED: "yellow",
    LinkState.RETURNING: "yellow",
    LinkState.SILENT: "red",
    LinkState.KILLED: "red",
    LinkState.DOWN: "red",
}


class BarReporter(AbstractContextManager["BarReporter"]):
    """Draws on stderr, so that stdout stays for results."""

    def __init__(self) -> None:
        self._live = Live(console=Console(stderr=True), refresh_per_second=8, transient=False)
        self._top_bps: dict[str, float] = {}

    def __enter__(self) -> BarReporter:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def report(self, watch: Watch, changes: Changes) -> None:
        """Draw everything anew; notices scroll by above."""
        for notice in changes.notices:
            self._live.console.print(Text(f"{notice.topic}: {output.printable(notice.text)}", style="dim"))
        self._live.update(self.drawing(watch))

    def drawing(self, watch: Watch) -> RenderableType:
        """Files that are under way first, then what comes next, then the links."""
        ranks = {JobState.UPLOADING: 0, JobState.PENDING: 1, JobState.PAUSED: 2, JobState.FAILED: 3}
        jobs = sorted(watch.jobs.values(), key=lambda job: (ranks.get(job.status, 4), job.priority, job.position))
        grid = Table.grid(padding=(0, 2))
        for job in jobs[:FILES_SHOWN]:
            grid.add_row(*_job_row(job))
        hidden = len(jobs) - FILES_SHOWN
        if hidden > 0:
            grid.add_row(Text(f"and {hidden} more", style="dim"))
        links = [link for link in watch.links.values() if link.state is not LinkState.UNUSED]
        for link in links:
            grid.add_row(*self._link_row(link, watch))
        return Group(grid, _whole(watch))

    def _link_row(self, link: LinkView, watch: Watch) -> tuple[RenderableType, ...]:
        rate_bps = link.throughput_bps or 0.0
        top_bps = self._top_bps[link.name] = max(self._top_bps.get(link.name, 1e6), rate_bps)
        carried = sum(job.links.get(link.name, 0) for job in watch.jobs.values())
        facts = [format_rate(rate_bps)]
        if link.rtt_ms is not None:
            facts.append(f"{link.rtt_ms:.0f} ms")
        if link.loss is not None:
            facts.append(f"{link.loss:.1%} loss")
        name = Text(f"{link.name} {link.state.value}", style=LINK_STYLES.get(link.state, ""))
        bar = ProgressBar(total=top_bps, completed=rate_bps, width=BAR_WIDTH)
        return name, bar, Text(format_bytes(carried)), Text(", ".join(facts))


def _job_row(job: JobView) -> tuple[RenderableType, ...]:
    name = output.printable(job.path.replace("\\", "/").rsplit("/", 1)[-1])
    bar = ProgressBar(total=max(job.size, 1), completed=_drawn_bytes(job), width=BAR_WIDTH)
    if job.status is JobState.UPLOADING:
        eta = format_duration(job.eta_s)
        facts = format_rate(job.rate_bps) + (f", {eta} left" if eta else "")
    else:
        facts = job.status.value + (f": {job.reason}" if job.reason else "")
    return (
        Text(name[-40:]),
        bar,
        Text(f"{output.percent(job)} of {format_bytes(job.size)}"),
        Text(output.printable(facts)),
    )


def _drawn_bytes(job: JobView) -> int:
    return max(job.size, 1) if job.status is JobState.COMPLETED else job.bytes_done


def _whole(watch: Watch) -> Text:
    done = sum(job.status is JobState.COMPLETED for job in watch.jobs.values())
    text = f"{done} of {len(watch.jobs)} files"
    if watch.engine is not None:
        text += f", {format_rate(watch.engine.rate_bps)}, {format_bytes(watch.engine.bytes_left)} left"
        eta = format_duration(watch.engine.eta_s)
        text += f", {eta}" if eta else ""
        text += f"; {watch.engine.why}" if watch.engine.why else ""
    return Text(output.printable(text), style="bold")
