"""`drs-sync demo`: the main job on this machine alone: an embedded relay, three simulated links, one of them killed.

With a screen the console opens on a scratch state and shows it; without one, or with --headless, it runs here with
bars, and the console's pages are left as pictures. Either way it ends by comparing hashes and saying what each link
carried.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from transfer_core.cli import compose, output
from transfer_core.cli.options import Json, State
from transfer_core.cli.stop_signal import stop_on_signals
from transfer_core.errors import DrsError, FileHashMismatch
from transfer_core.events import JobState, JobView
from transfer_core.units import format_bytes, format_duration, format_rate

if TYPE_CHECKING:
    from transfer_core.service import TransferService

DESTINATION = "pit"
BLOCK_BYTES = 1 << 20
SIMULATION = """\
# Three links with 200 Mbit/s together; 5g is killed on the way and restored.
[[link]]
name = "wifi"
rate_mbps = 80
delay_ms = 5
jitter_ms = 3
loss = 0.005

[[link]]
name = "lte"
rate_mbps = 20
delay_ms = 30
jitter_ms = 8
loss = 0.001
queue_ms = 300

[[link]]
name = "5g"
rate_mbps = 100
delay_ms = 12
jitter_ms = 4
loss = 0.001
burst_loss = 0.002
queue_ms = 150

[[step]]
at_s = {kill_s}
link = "5g"
kill = true

[[step]]
at_s = {restore_s}
link = "5g"
restore = true
"""
SUM_MBPS = 200


def demo(
    size: Annotated[int, typer.Option("--size", metavar="MB", min=1, max=100_000, help="Of the file.")] = 500,
    headless: Annotated[bool, typer.Option("--headless", help="No window, even with a screen.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where pictures are put.")] = Path("demo-out"),
    state: State = None,
    json: Json = False,
) -> None:
    """Show the main job: a file, three simulated links, one killed on the way, every byte at the relay."""
    scratch = Path(tempfile.mkdtemp(prefix="drs-sync-demo-"))
    try:
        source = _make_telemetry(scratch / "lap-telemetry.bin", size * 1_000_000)
        ideal_s = size * 8 / SUM_MBPS
        script = scratch / "links.toml"
        script.write_text(SIMULATION.format(kill_s=ideal_s * 0.3, restore_s=ideal_s * 0.6), encoding="utf-8")
        received = scratch / "received"
        if headless or not _has_screen():
            _run_headless(state or scratch / "state", script, source, received, out, as_json=json)
        else:
            _run_console(state or scratch / "state", script, source, received)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def prepare(service: TransferService, source: Path, received: Path) -> None:
    """Host a relay in this process, pair with it over loopback, and queue the file."""
    service.start_relay(str(received), "127.0.0.1:0")
    token = service.relay_token(addresses=(service.relay().listen,))
    service.pair(token.text, DESTINATION)
    service.add_paths([str(source)], destination=DESTINATION, source="cli")


def _run_headless(state: Path, script: Path, source: Path, received: Path, out: Path, *, as_json: bool) -> None:
    from transfer_core.cli.agent_loop import drained, follow
    from transfer_core.cli.reporting import choose_reporter

    with stop_on_signals() as stop, compose.open_service(state, simulation=script) as service:
        service.start()
        prepare(service, source, received)
        if not as_json:
            output.line(f"Sends {format_bytes(source.stat().st_size)} over wifi, lte and 5g; 5g is killed on the way.")
        follow(service, choose_reporter(as_json=as_json, bars=True), stop, drained(service))
        _conclude(service, source, received, as_json=as_json)
        pictures = compose.open_console().save_pictures(service, out)
    for picture in pictures:
        if as_json:
            output.json_event("picture", {"file": str(picture)})
        else:
            output.line(f"Picture: {picture}")


def _run_console(state: Path, script: Path, source: Path, received: Path) -> None:
    """The console opens; what has arrived is judged when its window closes."""
    application = compose.open_console()
    code = application.run_console(
        compose.state_directory(state),
        simulation=script,
        on_started=lambda service: prepare(service, source, received),
    )
    if code:
        raise typer.Exit(code)
    with compose.open_service(state) as service:
        _conclude(service, source, received, as_json=False)


def _conclude(service: TransferService, source: Path, received: Path, *, as_json: bool) -> None:
    """Compare what arrived with what was sent. FileHashMismatch, or DrsError if it did not get there."""
    (job,) = (job for job in service.jobs() if job.path == str(source))
    if job.status is not JobState.COMPLETED:
        raise DrsError(f"the file was not sent: {job.status.value} {job.reason}", hint="Let the demo run to its end.")
    arrived = [path for path in received.rglob("*") if path.is_file() and path.stat().st_size == job.size]
    sent_hash = _blake3(source)
    arrived_hash = _blake3(arrived[0]) if arrived else "nothing"
    if sent_hash != arrived_hash:
        raise FileHashMismatch(f"sent {sent_hash}, arrived {arrived_hash}")
    facts = _facts(job)
    if as_json:
        output.json_event("verified", {"hash": sent_hash, **facts, "links": dict(job.links)})
        return
    output.line(f"Arrived, equal: {sent_hash}")
    took_s = job.duration_s or 0.0
    if took_s > 0:
        output.line(f"{format_bytes(job.size)} in {format_duration(took_s)}: {format_rate(job.size * 8 / took_s)}")
    for name, carried in job.links.items():
        output.line(f"  {name:<6} {format_bytes(carried):>8}  {carried / max(sum(job.links.values()), 1):4.0%}")


def _facts(job: JobView) -> Mapping[str, object]:
    return {"size": job.size, "duration_s": job.duration_s, "resent_bytes": job.resent_bytes}


def _make_telemetry(path: Path, size_bytes: int) -> Path:
    """A file that can't be compressed and is the same each time."""
    import numpy as np

    rng = np.random.default_rng(2025)
    with path.open("wb") as file:
        for start in range(0, size_bytes, BLOCK_BYTES):
            file.write(rng.bytes(min(BLOCK_BYTES, size_bytes - start)))
    return path


def _blake3(path: Path) -> str:
    import blake3

    digest = blake3.blake3()
    digest.update_mmap(str(path))
    return f"blake3:{digest.hexdigest()}"


def _has_screen() -> bool:
    if platform.system() in ("Windows", "Darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
