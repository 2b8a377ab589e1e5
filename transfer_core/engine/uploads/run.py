"""One job on its way over HTTP, in a thread of its own from claim to verified."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from transfer_core.engine.outgoing import expected_source
from transfer_core.engine.under_way import Figures
from transfer_core.engine.uploads.governor import Governor
from transfer_core.engine.uploads.packing import SUFFIX, Packer
from transfer_core.engine.uploads.ways import Lent, Ways
from transfer_core.errors import Cancelled, DrsError, LinkError
from transfer_core.jobs.model import Job
from transfer_core.storage.reader import SourceFile
from transfer_core.upload.chunk_size import chunk_bytes_for
from transfer_core.upload.door import Item, Step, Uploader
from transfer_core.upload.driver import Driver, Way
from transfer_core.upload.kinds import Authorizer

_LOG = logging.getLogger(__name__)


class RunListener(Protocol):
    """Who is told what came of a run. Called in its thread."""

    def resume_of(self, file_id: str) -> str:
        """What was kept of it."""
        ...

    def keep_resume(self, file_id: str, text: str) -> None:
        """Keep it durably."""
        ...

    def keep_receipt(self, file_id: str, file_hash: str, text: str) -> None:
        """Keep the destination's signed word that it has the file of that hash."""
        ...

    def resize(self, file_id: str, size: int) -> None:
        """The source has another size than when it was queued."""
        ...

    def on_moved(self, run: UploadRun) -> None:
        """Bytes have arrived."""
        ...

    def on_ended(self, run: UploadRun, error: DrsError | None) -> None:
        """It has arrived, or ended with an error. Not called for one that was stopped."""
        ...

    def leave_upload(self, file_id: str, kept: str) -> None:
        """It goes on without what it had kept: the source has changed, and what the server has is of no use."""
        ...

    def on_gone(self, run: UploadRun) -> None:
        """Its thread ends; always called, last."""
        ...


class UploadRun:
    """See the module. Also the `Owner` of its driver."""

    def __init__(
        self,
        job: Job,
        *,
        uploader: Callable[[], Uploader],
        authorize: Callable[[], Authorizer],
        ways: Ways,
        governor: Governor,
        listener: RunListener,
        after: threading.Thread | None,
        packer: Packer | None,
    ) -> None:
        self.job, self.held = job, ""
        self._packer = packer
        self._share = 1.0  # of the file's size that goes, once it is packed
        self.carried: dict[str, int] = dict(job.links)
        self.resent_bytes = job.resent_bytes
        self.stored_as = self.file_hash = ""
        self._make_uploader, self._make_authorizer = uploader, authorize
        self._ways, self._governor, self._listener, self._after = ways, governor, listener, after
        self._stopping = threading.Event()
        self._discard = False
        self._lent: list[Lent] = []
        self._lock = threading.Lock()
        self._driver: Driver | None = None
        self._best = job.bytes_done
        self._first: int | None = None
        self._kept = ""
        self.thread = threading.Thread(target=self._run, name=f"upload-{job.file_id[:8]}", daemon=True)

    # --- any thread

    def stop(self, *, discard: bool) -> None:
        """End soon, whatever it is waiting for; `discard`: nobody wants the file any more."""
        self._discard = discard
        self._stopping.set()
        for lent in self._all_lent():
            lent.session.abort()

    def _all_lent(self) -> list[Lent]:
        with self._lock:
            return list(self._lent)

    @property
    def is_stopped(self) -> bool:
        """`stop` was called: nobody waits for what comes of it."""
        return self._stopping.is_set()

    def break_dead_link(self) -> None:
        """Break off what goes over a link that was switched off."""
        for lent in self._all_lent():
            if self._ways.is_dead(lent.name):
                lent.session.abort()

    def figures(self) -> Figures:
        """How far it is."""
        passed = self.job.bytes_done + (0 if self._driver is None else round(self._driver.sent_bytes / self._share))
        done = min(self.job.size, round(self._best / self._share))
        return Figures(done, dict(self.carried), self.resent_bytes, done, passed)

    # --- its thread

    def _run(self) -> None:
        try:
            if self._after is not None:
                self._after.join()  # the same job's last run, which lets go of the upload first
            error = self._attempt()
            if error is None or not self.is_stopped:  # what has arrived has arrived, whatever was asked meanwhile
                self._listener.on_ended(self, error)
        finally:
            self._let_go()
            self._listener.on_gone(self)

    def _let_go(self) -> None:
        """Others may have the links and the rate."""
        for lent in self._all_lent():
            self.way_done(lent)
        self._governor.leave(self.job.file_id)

    def _attempt(self) -> DrsError | None:
        try:
            self.check()
            self._upload()
        except Cancelled as error:
            if self._discard and not self._kept and self._packer is not None:  # else undo goes on with what is packed
                self._packer.forget([self.job.file_id])
            return error
        except DrsError as error:
            return error
        except Exception as error:  # noqa: BLE001 - one upload may not end the agent; the job says what happened
            _LOG.exception("an upload failed in an unforeseen way")
            return DrsError(f"{type(error).__name__}: {error}")
        return None

    def _upload(self) -> None:
        source = SourceFile.open(self.job.path, expected_source(self.job))
        try:
            if source.fingerprint.size != self.job.size:
                self._listener.resize(self.job.file_id, source.fingerprint.size)
            packed = self._pack(source)
            if packed is not None:
                source.close()
                source = packed
            self._send(source, SUFFIX if packed is not None else "")
        finally:
            source.close()

    def _pack(self, source: SourceFile) -> SourceFile | None:
        if self._packer is None:
            return None
        self.held = "is being compressed"
        try:
            path = self._packer.pack(self.job.file_id, source, self.check)
        finally:
            self.held = ""
        if path is None:
            return None
        packed = SourceFile.open(path)
        self._share = max(1, packed.fingerprint.size) / max(1, source.fingerprint.size)
        self._best = 0  # in bytes of what is packed, from here on
        return packed

    def _send(self, source: SourceFile, suffix: str) -> None:
        uploader = self._make_uploader()
        self._authorize = self._make_authorizer()
        item = Item(
            file_id=self.job.file_id,
            name=name_there(self.job.dest_path or Path(self.job.path).name) + suffix,
            size=source.fingerprint.size,
            priority=self.job.priority,
            source=self.job.source,
            chunk_bytes=self.chunk_bytes(),
        )
        self._kept = self._listener.resume_of(self.job.file_id)
        self._driver = Driver(uploader, item, source, self._kept, self)
        if self._kept and not self._driver.goes_on:
            self._listener.leave_upload(self.job.file_id, self._kept)
            self._kept = ""
        finished = self._driver.run()
        self.stored_as = finished.stored_as
        self.file_hash = "blake3:" + self._driver.hash.hexdigest("blake3")
        if finished.receipt:
            self._listener.keep_receipt(self.job.file_id, self.file_hash, finished.receipt)
        if self._packer is not None:
            self._packer.forget([self.job.file_id])

    # --- the owner of the driver

    def check(self) -> None:
        """See `driver.Owner`."""
        if self._stopping.is_set():
            raise Cancelled("stopped")

    def chunk_bytes(self) -> int:
        """See `driver.Owner`."""
        return chunk_bytes_for(*self._ways.figures())

    def way(self) -> Way:
        """See `driver.Owner`. Each request goes over the link that is best then."""
        lent = self._ways.borrow(self._all_lent())
        with self._lock:
            self._lent.append(lent)
        self.check()
        return lent

    def way_done(self, way: Way) -> None:
        """See `driver.Owner`."""
        with self._lock:
            lent = next((each for each in self._lent if each is way), None)
            if lent is None:
                return
            self._lent.remove(lent)
        self._ways.give_back(lent)

    def way_failed(self, way: Way, error: LinkError) -> None:
        """See `driver.Owner`."""
        _LOG.info("%s over %s: %s", self.job.path, way.name, error)
        self._ways.on_failed(way.name)
        way.session.abort()

    def grant(self, size: int, way: Way) -> int:
        """See `driver.Owner`."""
        if self._first is None and self._driver is not None:
            self._first = self._best = self._driver.bytes_done
        self._ways.check(way.name)
        granted = self._governor.grant(self.job.file_id, self.job.destination, size, self.check, link=way.name)
        self._ways.count(way.name, granted)
        return granted

    def headers(self, step: Step) -> dict[str, str]:
        """See `driver.Owner`."""
        return self._authorize(step)

    def keep(self, resume: str, bytes_done: int, way: Way, moved: int) -> None:
        """See `driver.Owner`."""
        asked_s = next((each.asked_s for each in self._all_lent() if each is way), time.monotonic())
        self._ways.on_answer(way.name, moved, time.monotonic() - asked_s)
        if resume != self._kept:
            self._listener.keep_resume(self.job.file_id, resume)
            self._kept = resume
        gained = bytes_done - self._best
        if gained > 0:
            self._best = bytes_done
            if self._first is not None:
                self.carried[way.name] = self.carried.get(way.name, 0) + gained
            self._listener.on_moved(self)
        if self._first is not None and self._driver is not None:
            self.resent_bytes = self.job.resent_bytes + max(0, self._driver.sent_bytes - (self._best - self._first))


def name_there(name: str) -> str:
    """The name as text that can be sent: bytes that are no valid Unicode become `%XX`."""
    return "".join(f"%{ord(sign) - 0xDC00:02X}" if 0xDC80 <= ord(sign) <= 0xDCFF else sign for sign in name)
