"""Makes a relay of several processes, and one of these: what `compose` is for the other commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transfer_core.cli.compose import state_directory
from transfer_core.errors import UsageError

if TYPE_CHECKING:
    from transfer_core.server.relay import Relay
    from transfer_core.server.workers.crew import Crew


def check_workers(workers: int, *, has_http: bool) -> None:
    """UsageError if there can't be so many processes, or not with an HTTP side."""
    from transfer_core.server.workers.crew import check_workers as check

    if workers == 1:
        return
    check(workers)
    if has_http:
        hint = "Give HTTP, races and shared folders a relay of their own: another --state, --dir and --listen."
        raise UsageError("--http needs one process, and --workers makes several", hint=hint)


def open_crew(
    state: Path | None,
    directory: Path,
    listen: tuple[str, int],
    workers: int,
    on_event: Callable[[dict[str, Any]], None],
    *,
    quota_bytes: int | None = None,
    keep_free_bytes: int | None = None,
    trace: Path | None = None,
) -> Crew:
    """A relay of several processes, not started. UsageError where this state's relay does what one has to do alone."""
    from transfer_core.config import RelayConfig
    from transfer_core.engine.own_program import own_command
    from transfer_core.server.http_facts import keep_http
    from transfer_core.server.workers.crew import Crew
    from transfer_core.server.workers.seat import SeatDescriptors

    where = state_directory(state)
    _require_no_shared_folders(where)
    keep_http(where, None)
    words = ["--dir", str(directory), "--state", str(where), "--keep-free-bytes"]
    words.append(str(RelayConfig().keep_free_bytes if keep_free_bytes is None else keep_free_bytes))
    words += [] if quota_bytes is None else ["--quota-bytes", str(quota_bytes)]

    def worker_words(seat: SeatDescriptors) -> list[str]:
        own = [] if trace is None else ["--trace", str(trace.with_stem(f"{trace.stem}-{seat.worker}"))]
        return own_command("relay", "worker", seat.encode(), *words, *own)

    return Crew(where, directory, listen, workers, worker_words, on_event)


def _require_no_shared_folders(state_dir: Path) -> None:
    """UsageError if this state's relay keeps shared folders, which one process alone can."""
    from transfer_core.engine.system import SystemClock
    from transfer_core.server.sync_hub import STATE_FOLDER
    from transfer_core.sync.shares import ShareStore
    from transfer_core.units import utc_iso

    if not (state_dir / STATE_FOLDER).is_dir():
        return
    store = ShareStore(state_dir / STATE_FOLDER, utc_iso(SystemClock().wall_ns()))
    try:
        names = [share.name for share in store.shares()]
    finally:
        store.close()
    if names:
        what = f"this relay keeps shared folders ({', '.join(names[:3])}), which one process has to do"
        raise UsageError(what, hint="Leave --workers out, or run a second relay: another --state, --dir and --listen.")


def open_relay_worker(
    state: Path | None,
    directory: Path,
    seat: str,
    on_event: Callable[[dict[str, Any]], None],
    *,
    quota_bytes: int | None,
    keep_free_bytes: int,
    trace: Path | None,
) -> Relay:
    """One of a relay's several processes, not started. UsageError; OSError if it has not inherited what it needs."""
    from transfer_core.config import RelayConfig
    from transfer_core.server.relay import Relay
    from transfer_core.server.workers.seat import decode_descriptors, take_seat

    where = state_directory(state)
    own = take_seat(decode_descriptors(seat), where)
    listen = own.port.local_address
    config = RelayConfig(
        listen_host=listen[0],
        listen_port=listen[1],
        quota_bytes_per_agent=quota_bytes,
        keep_free_bytes=keep_free_bytes,
    )
    return Relay(where, directory, listen, config, on_event, trace=trace, seat=own)
