"""Runs one upload: performs what the protocol wants next, reads the source for it, moves to another link, resumes.

Theory of operation. The driver knows no protocol. Slices of the file are streamed from the disk in small blocks, so
that memory stays bounded whatever a chunk's size; each block passes the owner, who may hold it back (bandwidth) or stop
the upload. The answer to a slice takes a round trip to come; the next slices go meanwhile, over connections of their
own, so that small chunks cost no speed on a long way. When a connection breaks, its link rests, the protocol is told
that the answer is lost, and the next step, which asks what has arrived, goes over the best link left.
"""

from __future__ import annotations

import base64
import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from transfer_core.errors import BadAnswer, LinkError
from transfer_core.storage.reader import SourceFile
from transfer_core.upload.door import BLOCK_BYTES, Answer, Finished, Item, NeedDigest, Step, Upload, Uploader
from transfer_core.upload.kept import fitting, kept_of, mark_of
from transfer_core.upload.whole_hash import WholeHash

if TYPE_CHECKING:  # it takes long to import, and many agents upload nothing over HTTP
    from transfer_core.upload.session import LinkSession

STEPS_WITHOUT_PROGRESS_MAX = 40
LOOK_S = 0.1
SLICES_MAX = 3  # with two, both often wait for their answers at once, and nothing is on the line
LINK_FAILURES_MAX = 4  # in a row without progress; then the destination is to be called offline


class Way(Protocol):
    """One link to the destination, with a session over it."""

    @property
    def name(self) -> str:
        """Of the link."""
        ...

    @property
    def session(self) -> LinkSession:
        """Over that link alone."""
        ...


class Owner(Protocol):
    """Who has the upload done. Called in the driver's thread."""

    def check(self) -> None:
        """Cancelled if it shall stop."""
        ...

    def chunk_bytes(self) -> int:
        """How much one request had better carry by now."""
        ...

    def way(self) -> Way:
        """The best link now. NoUsableLink."""
        ...

    def way_done(self, way: Way) -> None:
        """The request over it has ended. May be called twice."""
        ...

    def way_failed(self, way: Way, error: LinkError) -> None:
        """Nothing came back over that link."""
        ...

    def grant(self, size: int, way: Way) -> int:
        """How many of these bytes may go now, at least one; waits while none may. Cancelled, LinkError."""
        ...

    def headers(self, step: Step) -> dict[str, str]:
        """The step's headers with what proves who asks."""
        ...

    def keep(self, resume: str, bytes_done: int, way: Way, moved: int) -> None:
        """So much has arrived, of which `moved` by the newest request; `resume` is how to go on after a restart."""
        ...


class _Sending:
    """A slice on its way, in a thread of its own."""

    def __init__(
        self, step: Step, way: Way, perform: Callable[[_Sending], Answer], on_news: Callable[[], None]
    ) -> None:
        self.step, self.way = step, way
        self._on_news = on_news
        self.passed = threading.Event()  # its body has been handed to the system, or it ended
        self.answer: Answer | None = None
        self._error: BaseException | None = None
        self._perform = perform
        self._thread = threading.Thread(target=self._run, name=f"slice-{step.offset}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._perform(self)
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            self._error = error
        finally:
            self.on_passed()

    def on_passed(self) -> None:
        """Its body has been handed to the system."""
        self.passed.set()
        self._on_news()

    @property
    def is_over(self) -> bool:
        """Its answer is there, or it has failed."""
        return self.answer is not None or self._error is not None

    def wait_over(self) -> None:
        """Until nothing more happens, whatever came of it."""
        self._thread.join()

    def wait(self) -> Answer:
        """Its answer; what went wrong is raised here."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self.answer is not None
        return self.answer


class Driver:
    """One run of one upload."""

    def __init__(self, uploader: Uploader, item: Item, source: SourceFile, resume: str, owner: Owner) -> None:
        self._source, self._owner = source, owner
        self._mark = mark_of(uploader.kind, source.fingerprint.digest, item.name)
        text = fitting(resume, self._mark)
        self.goes_on = bool(text)  # with what was kept
        self._upload: Upload = uploader.begin(item, text)
        self.hash = WholeHash(source, with_md5=uploader.kind in ("chunked", "s3"))
        self.sent_bytes = 0  # of the file, also those sent again
        self._idle_steps = self._failures = 0
        self._news = threading.Event()  # a slice's body has left, or its answer is there

    @property
    def bytes_done(self) -> int:
        """What the server is known to have."""
        return self._upload.bytes_done

    def run(self) -> Finished:
        """Until the server has all of it. Errors of this program's tree; Cancelled when the owner says so."""
        while True:
            self._owner.check()
            self._upload.prefer(self._owner.chunk_bytes())
            step = self._upload.next()
            if isinstance(step, Finished):
                self.hash.finish(self._owner.check)
                self._source.check_unchanged()
                return step
            if isinstance(step, NeedDigest):
                self.hash.finish(self._owner.check)
                self._source.check_unchanged()
                self._upload.take_digest(self.hash.hexdigest(step.algorithm))
            elif step.length and self._upload.ahead(step) is not None:
                self._send_in_turn(step)
            else:
                self._one(step)

    def _one(self, step: Step) -> None:
        """One request and its answer."""
        way = self._owner.way()
        try:
            answer = self.perform(step, way)
        except LinkError as error:
            self._lost(way, error)
        else:
            self._take(answer, step, way)
        finally:
            self._owner.way_done(way)

    def _send_in_turn(self, first: Step) -> None:
        """Slices one behind the other: while the answers to some are on their way, the next one's body is.

        Returns when there is none left, or when something else has to be done first.
        """
        self._news.clear()
        under_way = deque([self._start(first)])
        try:
            while under_way:
                self._owner.check()
                oldest, newest = under_way[0], under_way[-1]
                ahead = self._ahead_of(newest) if len(under_way) < SLICES_MAX and not oldest.is_over else None
                if ahead is not None:
                    under_way.append(self._start(ahead))
                elif oldest.is_over:
                    is_going_on = self._finish(oldest)
                    under_way.popleft()
                    if not is_going_on:
                        break
                else:
                    self._news.wait(LOOK_S)
                    self._news.clear()
            for sending in under_way:  # what they brought is asked for, once they can bring nothing more
                sending.wait_over()
        finally:
            for sending in under_way:
                self._let_go(sending)

    def _ahead_of(self, newest: _Sending) -> Step | None:
        """What can be sent behind the newest slice, whose body has left and which has not failed."""
        if newest.is_over or not newest.passed.is_set():
            return None
        return self._upload.ahead(newest.step)

    def _start(self, step: Step) -> _Sending:
        digest = "" if step.digest is None else self._slice_digest(step, step.digest.algorithm)
        self._upload.sending(step, digest)

        def perform(sending: _Sending) -> Answer:
            return self._perform(step, sending.way, digest, sending.on_passed)

        return _Sending(step, self._owner.way(), perform, self._news.set)

    def _finish(self, sending: _Sending) -> bool:
        """Take its answer; whether slices may follow without anything asked in between."""
        try:
            answer = sending.wait()
        except LinkError as error:
            self._lost(sending.way, error)
            return False
        else:
            self._take(answer, sending.step, sending.way)
            following = self._upload.next()
            return isinstance(following, Step) and following.length > 0
        finally:
            self._owner.way_done(sending.way)

    def _let_go(self, sending: _Sending) -> None:
        """What comes of it is asked for next time."""
        if not sending.is_over:
            sending.way.session.abort()
            sending.wait_over()
        self._owner.way_done(sending.way)

    def _lost(self, way: Way, error: LinkError) -> None:
        self._owner.check()
        self._owner.way_failed(way, error)
        self._upload.lost()
        self._failures += 1
        if self._failures >= LINK_FAILURES_MAX:
            raise error

    def _take(self, answer: Answer, step: Step, way: Way) -> None:
        before = self._upload.bytes_done
        try:
            self._upload.take(answer, step)
        finally:  # also what is forgotten after an error has to be kept as forgotten
            moved = max(0, self._upload.bytes_done - before)
            self._keep(way, moved if step.length else 0)
        self._idle_steps = 0 if moved else self._idle_steps + 1
        self._failures = 0 if moved else self._failures
        if self._idle_steps > STEPS_WITHOUT_PROGRESS_MAX:
            raise BadAnswer("the server answers, but the upload does not go on")

    def _keep(self, way: Way, moved: int) -> None:
        kept = kept_of(self._mark, self._upload.resume_text())
        self._owner.keep(kept, self._upload.bytes_done, way, moved)

    def perform(self, step: Step, way: Way) -> Answer:
        """One request over one link. LinkError if no answer came."""
        digest = "" if step.digest is None else self._slice_digest(step, step.digest.algorithm)
        if step.length:
            self._upload.sending(step, digest)
        return self._perform(step, way, digest, _nothing)

    def _perform(self, step: Step, way: Way, digest: str, passed: Callable[[], None]) -> Answer:
        headers = {**step.headers}
        if step.digest is not None:
            headers[step.digest.header] = step.digest.prefix + digest
        signed = self._owner.headers(Step(step.what, step.method, step.url, headers, head=step.head))
        length = len(step.head) + step.length + len(step.tail)
        body = self._body(step, way, passed) if length or step.method in ("POST", "PUT", "PATCH") else None
        answer = way.session.perform(step, signed, body, length)
        self._owner.check()
        return replace(answer, sent_digest=digest)

    def _slice_digest(self, step: Step, algorithm: str) -> str:
        hasher = hashlib.new(algorithm, usedforsecurity=False)
        for _, block in self._blocks(step):
            self._owner.check()
            hasher.update(block)
        return base64.b64encode(hasher.digest()).decode()

    def _blocks(self, step: Step) -> Iterator[tuple[int, bytes]]:
        end = step.offset + step.length
        for offset in range(step.offset, end, BLOCK_BYTES):
            block = bytearray(min(BLOCK_BYTES, end - offset))
            self._source.read_into(offset, memoryview(block))
            yield offset, bytes(block)

    def _body(self, step: Step, way: Way, passed: Callable[[], None]) -> Iterator[bytes]:
        if step.head:
            yield step.head
        for offset, block in self._blocks(step):
            start = 0
            while start < len(block):
                granted = self._owner.grant(len(block) - start, way)
                self.sent_bytes += granted
                yield block[start : start + granted]
                start += granted
            self.hash.feed(offset, block)
        if step.tail:
            yield step.tail
        passed()


def _nothing() -> None:
    """Nobody waits for the body to have passed."""
