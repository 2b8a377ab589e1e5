"""Has servers over HTTP drop their parts of uploads that were given up: when they are there, once undo is over.

The queue's database knows what is to be dropped (`jobs.left_uploads`) until the server has answered, so that an agent
that ends or a server that is away only puts it off. A server that refuses is asked again, ever later, and no more after
`REFUSALS_MAX` times, or once it answered that it knows no such request: then a person is told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from transfer_core.clock import Clock
from transfer_core.engine.given_up import GivenUp
from transfer_core.engine.uploads.monitor import Monitor
from transfer_core.errors import CertificateRefused, DestinationError, DrsError, LinkError
from transfer_core.jobs.left_uploads import LeftUpload
from transfer_core.jobs.store import JobStore
from transfer_core.units import NS_PER_S

if TYPE_CHECKING:
    from transfer_core.engine.uploads.ways import Lent, Ways
    from transfer_core.upload.kinds import Target

REFUSALS_MAX = 6
FIRST_WAIT_NS = 15 * NS_PER_S
WAIT_FACTOR = 4  # so that the last question comes after more than an hour
_LOG = logging.getLogger(__name__)


class Dropper:
    """See the module. `turn` and `close` are called in one thread; `on_stay(destination, count, why)` from any."""

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        monitor: Monitor,
        on_stay: Callable[[str, int, DrsError], None],
        given_up_kept_s: float,
    ) -> None:
        self._store, self._clock, self._monitor, self._on_stay = store, clock, monitor, on_stay
        self._given_up = GivenUp(round(given_up_kept_s * NS_PER_S))
        self._rests_until_ns: dict[int, int] = {}  # by number
        self._asking: dict[str, _Asking] = {}  # by destination

    def turn(
        self,
        targets: Mapping[str, Target],
        ways: Mapping[str, Ways],
        running: Collection[str],
        now_ns: int | None,
    ) -> set[str]:
        """Ask servers that are there to drop what is due, but for files that are on their way.

        Gives the jobs that nobody takes back any more; not those that go on with another state of their source.
        `now_ns` None: all that was given up is due.
        """
        left = [each for each in self._store.left_uploads() if each.file_id not in running]
        clock_ns = self._clock.monotonic_ns()
        due = left if now_ns is None else self._given_up.due(left, now_ns)
        due = [each for each in due if self._rests_until_ns.get(each.number, 0) <= clock_ns]
        by_destination: dict[str, list[LeftUpload]] = {}
        for each in due:
            by_destination.setdefault(each.destination, []).append(each)
        for name, parts in by_destination.items():
            before = self._asking.get(name)
            is_free = before is None or not before.thread.is_alive()
            if is_free and name in targets and self._monitor.is_open(name, clock_ns):
                self._asking[name] = _Asking(name, targets[name], ways[name], parts, self)
        return {each.file_id for each in due if not each.is_spent}

    def close(self, wait_s: float) -> None:
        """Let those that are being asked answer, so long at most."""
        end_s = time.monotonic() + wait_s
        for asking in self._asking.values():
            asking.thread.join(max(0.0, end_s - time.monotonic()))
        for asking in self._asking.values():
            asking.abort()
            asking.thread.join(1.0)

    # --- their threads

    def dropped(self, numbers: Sequence[int]) -> None:
        """There is nothing of these any more."""
        self._store.uploads_dropped(numbers)

    def refused(self, part: LeftUpload, error: DrsError, *, for_good: bool) -> bool:
        """Its server did not drop it; whether it is not asked any more."""
        if for_good or part.refusals + 1 >= REFUSALS_MAX:
            self._store.uploads_stay([part.number])
            self._rests_until_ns.pop(part.number, None)
            return True
        wait_ns = FIRST_WAIT_NS * WAIT_FACTOR**part.refusals
        if isinstance(error, DestinationError) and error.retry_after_s is not None:
            wait_ns = max(wait_ns, round(error.retry_after_s * NS_PER_S))
        self._rests_until_ns[part.number] = self._clock.monotonic_ns() + wait_ns
        self._store.upload_refused(part.number)
        _LOG.info("%s did not drop its part of %s: %s", part.destination, part.file_id, error)
        return False

    def stay(self, destination: str, count: int, error: DrsError) -> None:
        """So many stay there."""
        self._on_stay(destination, count, error)

    def not_there(self, destination: str, error: DrsError) -> None:
        """It is asked again when it is there."""
        self._monitor.on_trouble(destination, error.message)


class _Asking:
    """One server, asked in a thread of its own to drop one part after the other."""

    def __init__(self, name: str, target: Target, ways: Ways, parts: Sequence[LeftUpload], owner: Dropper) -> None:
        self._name, self._target, self._ways, self._parts, self._owner = name, target, ways, parts, owner
        self._lent: Lent | None = None
        self.thread = threading.Thread(target=self._run, name=f"drop-{name}", daemon=True)
        self.thread.start()

    def abort(self) -> None:
        """Wait for no answer any more."""
        lent = self._lent
        if lent is not None:
            lent.session.abort()

    def _run(self) -> None:
        try:
            self._lent = self._ways.borrow()
            try:
                self._ask_each(self._lent)
            finally:
                self._ways.give_back(self._lent)
        except (LinkError, CertificateRefused) as error:
            if self._lent is not None:
                self._ways.on_failed(self._lent.name)
            self._owner.not_there(self._name, error)
        except DrsError as error:  # what could not be kept is asked once more
            _LOG.info("%s is asked later to drop what was given up: %s", self._name, error)

    def _ask_each(self, lent: Lent) -> None:
        why: DrsError | None = None
        stay = 0
        try:
            for part in self._parts:
                error, for_good = self._ask(part, lent)
                if error is None:
                    self._owner.dropped([part.number])
                elif self._owner.refused(part, error, for_good=for_good):
                    why, stay = error, stay + 1
        finally:
            if why is not None:
                self._owner.stay(self._name, stay, why)

    def _ask(self, part: LeftUpload, lent: Lent) -> tuple[DrsError | None, bool]:
        """Why the server did not drop it, and whether it never will. LinkError if no answer came."""
        from transfer_core.upload.judge import cannot_drop, error_of, is_dropped  # noqa: PLC0415 - see `driver`
        from transfer_core.upload.kept import text_of  # noqa: PLC0415
        from transfer_core.upload.kinds import make_uploader  # noqa: PLC0415
        from transfer_core.upload.probe import perform  # noqa: PLC0415

        uploader = make_uploader(self._target)
        step = uploader.discard(text_of(part.kept, uploader.kind))
        if step is None:
            return None, False
        try:
            answer = perform(step, self._target, lent.session)
        except (LinkError, CertificateRefused):
            raise
        except DrsError as error:
            return error, False
        return (None, False) if is_dropped(answer) else (error_of(answer, step.what), cannot_drop(answer))
