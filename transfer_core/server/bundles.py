"""Bundles as they come in: many small files that were sent as one.

A bundle is put together in memory, taken apart in the write thread, and each file in it goes the way of any other:
written, synced, verified, named, recorded. It is called done when all of them are in their places under the names that
they were offered with. If one can't be, all of it is refused: the agent then offers its files one by one, and hears at
once of those that are here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from transfer_core.errors import ConflictError, DrsError, FileHashMismatch, RemoteProtocolError
from transfer_core.protocol.file_offers import makes_sense
from transfer_core.protocol.wire.bundle import head_digest, open_bundle
from transfer_core.server.arriving import Arriving, Offer, Stored
from transfer_core.server.intake import Intake


@dataclass(slots=True, eq=False)
class ArrivingBundle:
    """A bundle of which the files are written. Touched by the loop's thread from then on."""

    digest: str
    home: str  # where the agent's files are, below the relay's folder
    files: dict[Arriving, str] = field(default_factory=dict)  # those that are to be finished, with their hashes
    wrong: DrsError | None = None  # why it can't be taken

    def settle(self, arriving: Arriving, result: Stored | DrsError) -> bool:
        """One of its files is finished; whether it was the last."""
        del self.files[arriving]
        self.note(arriving.offer.path, result)
        return not self.files

    def note(self, path: str, result: Stored | DrsError) -> None:
        """What became of one of its files."""
        if isinstance(result, DrsError):
            self.wrong = result
        elif result.stored_as != f"{self.home}/{path}":
            self.wrong = ConflictError(f"{path} is stored as {result.stored_as}", hint="Offer each file by itself.")


def take_apart(intake: Intake, agent: bytes, chunk_bytes: int, data: bytearray, digest: str) -> ArrivingBundle:
    """In the write thread: take in what is in a bundle, as far as that is possible; nothing of it is finished yet."""
    bundle = ArrivingBundle(digest, intake.home_of(agent))
    try:
        files = open_bundle(memoryview(data))
        if digest != head_digest(data, [file for file, _ in files]):
            raise FileHashMismatch("the bundle is not what was sent")
        looked = intake.look_up(agent, [file.file_id for file, _ in files])
        for file, content in files:
            if not makes_sense(file.file_id) or not 0 < file.size <= chunk_bytes:
                raise RemoteProtocolError("a file in a bundle makes no sense")
            offer = Offer(agent, file.file_id, file.path, file.size, chunk_bytes, file.mtime_ns, file.fingerprint)
            taken = intake.open_whole(offer, content, looked)
            if isinstance(taken, Stored):
                bundle.note(file.path, taken)
            else:
                bundle.files[taken] = file.digest
    except DrsError as error:
        bundle.wrong = error
    return bundle
