"""Runs one upload: performs what the protocol wants next, reads the source for it, moves to another link, resumes.

Theory of operation. The driver knows no protocol. Slices of the file are streamed from the disk in small blocks, so
that memory stays bounded whatever a chunk's size; each block passes the owner, who may hold it back (bandwidth) or stop
the upload. When a connection breaks, its link rests, the protocol is told that the answer is lost, and the next step,
which asks what has arrived, goes over the best link left. Hashes of the whole file follow behind what is sent in
order, and read from the disk what was sent in an earlier run.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Protocol

import blake3

from transfer_core.errors import BadAnswer, LinkError
from transfer_core.storage.reader import SourceFile
from transfer_core.upload.door import Answer, Finished, Item, NeedDigest, Step, Upload, Uploader
from transfer_core.upload.session import BLOCK_BYTES, LinkSession

STEPS_WITHOUT_PROGRESS_MAX = 40
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

    def way(self) -> Way:
        """The best link now. NoUsableLink."""
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


class WholeHash:
    """BLAKE3 of a whole file, and MD5 if asked, fed with what passes in order; the rest is read from the disk."""

    def __init__(self, source: SourceFile, with_md5: bool) -> None:
        self._source = source
        self._hashers: dict[str, Any] = {"blake3": blake3.blake3()}
        if with_md5:
            self._hashers["md5"] = hashlib.md5(usedforsecurity=False)
        self.front = 0

    def feed(self, offset: int, data: bytes) -> None:
        """Take a piece if it goes on from the front, or overlaps it."""
        if offset <= self.front < offset + len(data):
            fresh = memoryview(data)[self.front - offset :]
            for hasher in self._hashers.values():
                hasher.update(fresh)
            self.front += len(fresh)

    def finish(self, check: Any) -> None:
        """Read what has not passed."""
        buffer = bytearray(1 << 20)
        size = self._source.fingerprint.size
        while self.front < size:
            check()
            view = memoryview(buffer)[: min(len(buffer), size - self.front)]
            self._source.read_into(self.front, view)
            self.feed(self.front, bytes(view))

    def hexdigest(self, algorithm: str) -> str:
        """Of what was fed."""
        return str(self._hashers[algorithm].hexdigest())


class Driver:
    """One run of one upload."""

    def __init__(self, uploader: Uploader, item: Item, source: SourceFile, resume: str, owner: Owner) -> None:
        self._source, self._owner = source, owner
        self._mark = f"{uploader.kind} {source.fingerprint.digest:016x} {item.name}"
        self._upload: Upload = uploader.begin(item, self._fitting(resume))
        self.hash = WholeHash(source, with_md5=uploader.kind in ("chunked", "s3"))
        self.sent_bytes = 0  # of the file, also those sent again
        self._sent_digest = ""

    def _fitting(self, resume: str) -> str:
        """The kept text, unless it is of another state of the source, another protocol or another name."""
        try:
            mark, text = json.loads(resume)
        except (ValueError, TypeError):
            return ""
        return text if mark == self._mark and isinstance(text, str) else ""

    @property
    def bytes_done(self) -> int:
        """What the server is known to have."""
        return self._upload.bytes_done

    def run(self) -> Finished:
        """Until the server has all of it. Errors of this program's tree; Cancelled when the owner says so."""
        idle_steps = failures = 0
        while True:
            self._owner.check()
            step = self._upload.next()
            if isinstance(step, Finished):
                self.hash.finish(self._owner.check)
                self._source.check_unchanged()
                return step
            if isinstance(step, NeedDigest):
                self.hash.finish(self._owner.check)
                self._source.check_unchanged()
                self._upload.take_digest(self.hash.hexdigest(step.algorithm))
                continue
            before = self._upload.bytes_done
            way = self._owner.way()
            try:
                answer = self.perform(step, way)
            except LinkError as error:
                self._owner.check()
                self._owner.way_failed(way, error)
                self._upload.lost(self._sent_digest)
                failures += 1
                if failures >= LINK_FAILURES_MAX:
                    raise
                continue
            try:
                self._upload.take(answer)
            finally:  # also what is forgotten after an error has to be kept as forgotten
                moved = max(0, self._upload.bytes_done - before)
                self._keep(way, moved if step.length else 0)
            idle_steps = 0 if moved else idle_steps + 1
            failures = 0 if moved else failures
            if idle_steps > STEPS_WITHOUT_PROGRESS_MAX:
                raise BadAnswer("the server answers, but the upload does not go on")

    def _keep(self, way: Way, moved: int) -> None:
        text = self._upload.resume_text()
        kept = json.dumps([self._mark, text]) if text else ""
        self._owner.keep(kept, self._upload.bytes_done, way, moved)

    def discard(self) -> None:
        """Have the server drop what it has, if it can be asked and answers."""
        step = self._upload.discard()
        if step is not None:
            with contextlib.suppress(LinkError):
                self.perform(step, self._owner.way())

    def perform(self, step: Step, way: Way) -> Answer:
        """One request over one link. LinkError if no answer came."""
        headers, self._sent_digest = {**step.headers}, ""
        if step.digest is not None:
            self._sent_digest = self._slice_digest(step, step.digest.algorithm)
            headers[step.digest.header] = step.digest.prefix + self._sent_digest
        signed = self._owner.headers(Step(step.what, step.method, step.url, headers, head=step.head))
        length = len(step.head) + step.length + len(step.tail)
        body = self._body(step, way) if length or step.method in ("POST", "PUT", "PATCH") else None
        answer = way.session.perform(step, signed, body, length)
        self._owner.check()
        return replace(answer, sent_digest=self._sent_digest)

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

    def _body(self, step: Step, way: Way) -> Iterator[bytes]:
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
