"""What the clerk talks to about uploads over HTTP: begins and stops them, and tells what came of each.

The clerk claims jobs and moves them from state to state; the desk runs them. Its methods are called in the clerk's
thread; what it has to say comes from the threads of the uploads, through the clerk's inbox.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from transfer_core.clock import Clock
from transfer_core.engine.link_usage import LinkUsage
from transfer_core.engine.under_way import Figures
from transfer_core.engine.uploads.dropping import Dropper
from transfer_core.engine.uploads.governor import Governor
from transfer_core.engine.uploads.limits import hour_cap, load_limits
from transfer_core.engine.uploads.monitor import Monitor
from transfer_core.engine.uploads.packing import Packer
from transfer_core.engine.uploads.pairing import AgentSelf, HttpPairing
from transfer_core.entropy import Entropy
from transfer_core.errors import BadAnswer, CertificateRefused, DestinationError, DrsError, LinkError, SecurityError
from transfer_core.events import LinkView
from transfer_core.jobs.model import Job
from transfer_core.jobs.store import Destination, JobStore
from transfer_core.service.uploads import UploadLimits
from transfer_core.units import NS_PER_S
from transfer_core.upload.kinds import KINDS, RELAY, Target, make_authorizer, make_uploader
from transfer_core.upload.timetable import lower

if TYPE_CHECKING:  # many agents upload nothing over HTTP
    from transfer_core.engine.uploads.run import UploadRun
    from transfer_core.engine.uploads.teller import Teller
    from transfer_core.engine.uploads.ways import Ways
    from transfer_core.upload.session import LinkSession

STOP_WAIT_S = 5.0
_LOG = logging.getLogger(__name__)


class UploadListener(Protocol):
    """Who is told what came of uploads. Called from any thread."""

    def on_online(self, relay: str, online: bool, why: str) -> None:
        """A destination is there, or not any more."""
        ...

    def on_fallback(self, relay: str, open_now: bool, why: str) -> None:
        """A relay's HTTP side is there, or not any more."""
        ...

    def on_paired(self, relay: str) -> None:
        """It has accepted this agent, over HTTP."""
        ...

    def on_refused(self, relay: str, error: DrsError) -> None:
        """It will not have this agent."""
        ...

    def on_uploaded(self, run: UploadRun) -> None:
        """Verified and in its place."""
        ...

    def on_upload_failed(self, run: UploadRun, error: DrsError) -> None:
        """It ended with an error."""
        ...

    def on_parts_stay(self, destination: str, count: int, error: DrsError) -> None:
        """It will not drop its parts of so many uploads that were given up: nobody asks it any more."""
        ...


class UploadDesk:
    """See the module."""

    def __init__(
        self,
        *,
        store: JobStore,
        clock: Clock,
        entropy: Entropy,
        listener: UploadListener,
        chosen: Sequence[str] | None,
        simulated: bool,
        views: Callable[[], Sequence[LinkView]],
        me: AgentSelf,
        state_dir: Path,
        given_up_kept_s: float,
        usage: LinkUsage | None = None,
        on_caps: Callable[[float | None, Mapping[str, float]], None] = lambda _all, _each: None,
    ) -> None:
        self._packer = Packer(state_dir)
        self._bearer = me.bearer
        self._pairing = HttpPairing(
            me, clock, entropy, store.next_hello_counter, listener.on_paired, listener.on_refused
        )
        self._relays: dict[str, Destination] = {}  # those that have an HTTP side
        self._fallbacks: frozenset[str] = frozenset()  # relays that have an HTTP side
        self._store, self._clock, self._listener = store, clock, listener
        self._chosen, self._simulated, self._views = chosen, simulated, views
        self.governor = Governor(clock)
        self._entropy = entropy
        self._teller: Teller | None = None
        self._monitor = Monitor(clock, entropy, self._ask, self._on_presence)
        self._targets: dict[str, Target] = {}
        self._ways: dict[str, Ways] = {}
        self._lock = threading.Lock()
        self._runs: dict[str, UploadRun] = {}  # by file id: the newest, until its thread has ended
        self._limits = UploadLimits()
        self._told: tuple[float | None, Mapping[str, float]] = (None, {})
        self._caps_due_ns = 0
        self._dropper = Dropper(store, clock, self._monitor, listener.on_parts_stay, given_up_kept_s)
        self._usage, self._on_caps = usage, on_caps

    def start(self) -> None:
        """Keep to what is laid down, and remove what lies packed for nobody; before anything is sent."""
        self.obey(load_limits(self._store))
        if self._packer.holds_any:
            self._packer.tidy({job.file_id for job in self._store.jobs() if not job.status.is_final})

    def start_telling(self) -> None:
        """Begin to tell webhooks."""
        from transfer_core.engine.uploads.teller import Teller  # noqa: PLC0415

        self._teller = Teller(
            self._store,
            self._clock,
            self._entropy,
            chosen=self._chosen,
            simulated=self._simulated,
            views=self._views,
        )
        self._teller.start()

    # --- the clerk's thread

    def set_destinations(self, destinations: Sequence[Destination]) -> None:
        """Where uploads can go."""
        targets = {each.name: target_of(each) for each in destinations if each.kind in KINDS}
        relays = {each.name: each for each in destinations if each.kind == "relay" and each.options.get("http")}
        targets |= {name: self._fallback_of(each) for name, each in relays.items()}
        self._fallbacks, self._relays = frozenset(relays), relays
        for name in set(self._ways) - set(targets):
            self._ways.pop(name).close()
        for name, target in targets.items():
            if self._targets.get(name) != target:
                self._ways[name] = self._ways_to(target)
        self._targets = targets
        self._monitor.watch({name: (target, self._ways[name]) for name, target in targets.items()})

    def _ways_to(self, target: Target) -> Ways:
        from transfer_core.engine.uploads.ways import Ways  # noqa: PLC0415

        return Ways(
            target,
            self._clock,
            chosen=self._chosen,
            simulated=self._simulated,
            views=self._views,
            usage=self._usage,
        )

    def _fallback_of(self, relay: Destination) -> Target:
        options = {"pin": relay.options["pin"]} if relay.options.get("pin") else {}
        return Target(RELAY, relay.options["http"], self._bearer(relay.public_key), options)

    def turn(self, now_ns: int) -> None:
        """Ask destinations whether they are there; break off what goes over dead links; keep to the timetable."""
        if now_ns >= self._caps_due_ns:
            self._caps_due_ns = now_ns + NS_PER_S
            self.obey(self._limits)
            self._drop(now_ns)
        self._monitor.turn(now_ns)
        for run in self._all_runs():
            run.break_dead_link()

    def on_link_up(self) -> None:
        """A link came up: no destination waits any longer."""
        if self._teller is not None:
            self._teller.poke()
        self._monitor.on_link_up()

    def open_destinations(self, now_ns: int) -> list[str]:
        """Those to which uploads may begin; a relay by `open_fallbacks` alone."""
        names = self._targets.keys() - self._fallbacks
        return sorted(name for name in names if self._monitor.is_open(name, now_ns))

    def open_fallbacks(self, now_ns: int) -> list[str]:
        """Relays to which uploads may begin over their HTTP side."""
        return sorted(name for name in self._fallbacks if self._monitor.is_open(name, now_ns))

    @property
    def room(self) -> int:
        """How many more uploads may begin."""
        return max(0, self._limits.concurrent - sum(not run.is_stopped for run in self._all_runs()))

    def owns(self, destination: str) -> bool:
        """Whether that destination is one of uploads alone."""
        return destination in self._targets and destination not in self._fallbacks

    def begin(self, job: Job) -> UploadRun:
        """Run that job."""
        from transfer_core.engine.uploads.run import UploadRun  # noqa: PLC0415

        target, ways = self._targets[job.destination], self._ways[job.destination]
        with self._lock:
            before = self._runs.get(job.file_id)
            run = UploadRun(
                job,
                uploader=lambda: make_uploader(target),
                authorize=lambda: make_authorizer(target),
                ways=ways,
                governor=self.governor,
                listener=self,
                after=None if before is None else before.thread,
                packer=self._packer if target.options.get("compress") else None,
            )
            self._runs[job.file_id] = run
        run.thread.start()
        return run

    def stop(self, file_id: str, *, discard: bool) -> bool:
        """End that upload; False if there is none."""
        with self._lock:
            run = self._runs.get(file_id)
        if run is None or run.is_stopped:
            return False
        run.stop(discard=discard)
        return True

    def obey_kept(self) -> None:
        """Something in the state has changed: perhaps the limits."""
        limits = load_limits(self._store)
        if limits != self._limits:
            self.obey(limits)

    def obey(self, limits: UploadLimits) -> None:
        """Keep to these from now on."""
        self._limits = limits
        cap_bps = lower(limits.all_bps, hour_cap(limits, self._clock.wall_ns()))
        self.governor.set_caps(cap_bps, limits.by_destination)
        if (cap_bps, limits.by_destination) != self._told:
            self._told = cap_bps, dict(limits.by_destination)
            self._on_caps(*self._told)

    def figures(self) -> dict[str, Figures]:
        """How far all uploads are."""
        return {run.job.file_id: run.figures() for run in self._all_runs() if not run.is_stopped}

    def close(self) -> None:
        """End all uploads, and wait for their threads a moment."""
        runs = self._all_runs()
        for run in runs:
            run.stop(discard=False)
        if self._teller is not None:
            self._teller.stop()
        for run in runs:
            run.thread.join(STOP_WAIT_S)
        self._drop(None)
        self._dropper.close(STOP_WAIT_S)
        for ways in self._ways.values():
            ways.close()

    def _drop(self, now_ns: int | None) -> None:
        """Have servers drop what nobody takes back any more; None: all that was given up."""
        with self._lock:
            running = frozenset(self._runs)
        if due := self._dropper.turn(self._targets, self._ways, running, now_ns):
            self._packer.forget(due)

    def _all_runs(self) -> list[UploadRun]:
        with self._lock:
            return list(self._runs.values())

    def _ask(self, name: str, target: Target, session: LinkSession) -> None:
        self._pairing.ask(self._relays.get(name), target, session)

    def _on_presence(self, name: str, online: bool, why: str) -> None:
        tell = self._listener.on_fallback if name in self._fallbacks else self._listener.on_online
        tell(name, online, why)

    # --- the runs' listener: their threads

    def resume_of(self, file_id: str) -> str:
        """See `run.RunListener`."""
        return self._store.resume_of(file_id)

    def keep_resume(self, file_id: str, text: str) -> None:
        """See `run.RunListener`."""
        self._store.keep_resume(file_id, text)

    def keep_receipt(self, file_id: str, file_hash: str, text: str) -> None:
        """See `run.RunListener`. One that proves nothing is not kept; the file has arrived all the same."""
        from transfer_core.protocol.security.receipts import verify_receipt  # noqa: PLC0415

        try:
            receipt = json.loads(text)
            verify_receipt(receipt)
        except (ValueError, SecurityError) as error:
            _LOG.info("the receipt of %s is worth nothing: %s", file_id, error)
            return
        if receipt["blake3"] in (file_hash, file_hash.removeprefix("blake3:")):
            self._store.keep_receipt(file_id, text)

    def resize(self, file_id: str, size: int) -> None:
        """See `run.RunListener`."""
        self._store.resize(file_id, size)

    def on_moved(self, run: UploadRun) -> None:
        """See `run.RunListener`."""
        self._monitor.on_moved(run.job.destination)

    def on_ended(self, run: UploadRun, error: DrsError | None) -> None:
        """See `run.RunListener`."""
        name = run.job.destination
        if error is None:
            self._monitor.on_moved(name)
            self._listener.on_uploaded(run)
            return
        if isinstance(error, DestinationError) and error.retry_after_s is not None:
            self._monitor.on_hold(name, round(error.retry_after_s * NS_PER_S))
        self._listener.on_upload_failed(run, error)
        if isinstance(error, LinkError | BadAnswer | CertificateRefused):
            self._monitor.on_trouble(name, error.message)

    def leave_upload(self, file_id: str, kept: str) -> None:
        """See `run.RunListener`."""
        self._store.leave_upload(file_id, kept)

    def on_gone(self, run: UploadRun) -> None:
        """See `run.RunListener`."""
        with self._lock:
            if self._runs.get(run.job.file_id) is run:
                del self._runs[run.job.file_id]


def target_of(destination: Destination) -> Target:
    """The destination as the upload room knows it."""
    token = "" if destination.secret is None else destination.secret.decode("utf-8", "replace")
    return Target(destination.kind, destination.addresses[0], token, dict(destination.options))
