"""Files of a session that are put together in memory: parcels for the desk of shared folders, bundles for the disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from transfer_core.engine.event_loop import EventLoop
from transfer_core.engine.gathered_work import Answer, GatheredWork
from transfer_core.engine.parcels import BUNDLE_PREFIX, PARCEL_PREFIX, Parcels, RelayMail
from transfer_core.errors import DrsError, FileHashMismatch, TooMany
from transfer_core.protocol.receiver_events import ChunkReady, FileStopped, ReceiverEvent, VerifyFile
from transfer_core.server.arriving import Arriving, Stored
from transfer_core.server.bundles import ArrivingBundle, take_apart
from transfer_core.server.intake import Intake
from transfer_core.server.relay_session import RelaySession

NO_FOLDERS = "this relay keeps no shared folders, since it runs with --workers: share them through another one"


class InMemory:
    """See the module. For the loop's thread. `finish` is told of written files of bundles, with their hashes."""

    def __init__(
        self,
        *,
        loop: EventLoop,
        intake: Intake,
        write: GatheredWork,
        mail: RelayMail | None,
        finish: Callable[[Iterable[tuple[Arriving, str]]], None],
    ) -> None:
        self._loop, self._intake, self._write, self._mail, self._finish = loop, intake, write, mail, finish
        self._bundles: dict[Arriving, tuple[RelaySession, int, ArrivingBundle]] = {}
        self.bytes_received = 0  # in bundles

    def offered(self, session: RelaySession, number: int) -> bool:
        """Answer an offer if it is one of these; whether it is."""
        file = session.protocol.files[number]
        if not file.path.startswith(PARCEL_PREFIX):
            return False
        is_bundle = file.path.startswith(BUNDLE_PREFIX)
        if not is_bundle and self._mail is None:
            why = NO_FOLDERS
        else:
            why = (session.bundles if is_bundle else session.parcels).open(number, file.size)
        if why:
            session.protocol.fail_file(number, TooMany.code, why)
        else:
            session.protocol.accept_file(number)
        return True

    def takes(self, session: RelaySession, event: ReceiverEvent) -> bool:
        """Do what an event of a session wants, if it is of one of these; whether it is."""
        if not isinstance(event, ChunkReady | VerifyFile | FileStopped):
            return False
        for parcels in (session.parcels, session.bundles):
            if event.file in parcels.buffers:
                self._take(session, parcels, event)
                return True
        return False

    def _take(self, session: RelaySession, parcels: Parcels, event: ChunkReady | VerifyFile | FileStopped) -> None:
        match event:
            case ChunkReady(number, chunk, offset, data):
                parcels.write(number, offset, data)
                session.protocol.chunk_written(number, chunk)
            case VerifyFile(number, digest) if parcels is session.bundles:
                data_of_all, file = parcels.buffers.pop(number), session.protocol.files.get(number)
                if file is not None:  # else it was stopped in the same breath
                    chunk_bytes = file.chunk_bytes
                    self._write.add(lambda: self._open_bundle(session, number, chunk_bytes, data_of_all, digest))
            case VerifyFile(number, digest):
                self._take_parcel(session, number, digest)
            case FileStopped(number):
                del parcels.buffers[number]

    # --- parcels

    def _take_parcel(self, session: RelaySession, number: int, digest: str) -> None:
        data = session.parcels.close(number, digest)
        if data is None or self._mail is None:
            session.protocol.fail_file(number, FileHashMismatch.code, "the parcel is not what was sent")
            return

        def done(error: DrsError | None) -> None:
            self._loop.post(lambda: _answer(session, number, digest, "", error))

        self._mail.on_parcel(session.agent, data, done)

    # --- bundles

    def _open_bundle(
        self, session: RelaySession, number: int, chunk_bytes: int, data: bytearray, digest: str
    ) -> Answer:
        """In the write thread."""
        bundle = take_apart(self._intake, session.agent, chunk_bytes, data, digest)
        return lambda: self._opened(session, number, bundle)

    def _opened(self, session: RelaySession, number: int, bundle: ArrivingBundle) -> None:
        for arriving in bundle.files:
            self._bundles[arriving] = session, number, bundle
            self.bytes_received += arriving.offer.size
        self._finish(list(bundle.files.items()))
        if not bundle.files:
            _answer(session, number, bundle.digest, bundle.home, bundle.wrong)

    def finished(self, arriving: Arriving, result: Stored | DrsError) -> None:
        """What became of a file that may have come in a bundle."""
        place = self._bundles.pop(arriving, None)
        if place is not None:
            session, number, bundle = place
            if bundle.settle(arriving, result):
                _answer(session, number, bundle.digest, bundle.home, bundle.wrong)


def _answer(session: RelaySession, number: int, digest: str, stored_as: str, error: DrsError | None) -> None:
    if error is None:
        session.protocol.finish_file(number, digest, stored_as)
    else:
        session.protocol.fail_file(number, error.code, error.message)
