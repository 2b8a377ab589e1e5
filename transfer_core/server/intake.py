"""What arrives, on the relay's disk: part files, checkpoints, verification, the final name.

Two threads work here. The write thread opens files and writes chunks, in the order in which they came. The sync
thread makes them durable, group by group: it syncs the data, then saves the checkpoint that names it, and only then
says so; it also verifies and renames what is whole. A chunk is called stored only after that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from transfer_core.config import RelayConfig
from transfer_core.errors import DiskFull, DrsError, FileHashMismatch, StorageError
from transfer_core.protocol.wire.messages import Runs, to_runs
from transfer_core.server.arriving import Arriving, Offer, Stored, UnderWay
from transfer_core.server.finishing import Finisher, outcome
from transfer_core.storage.file_hash import FollowingHash
from transfer_core.storage.free_space import Room, require_quota, usable_bytes
from transfer_core.storage.incoming import IncomingFile, part_path
from transfer_core.storage.relay_store import PAGE_CHUNKS, Checkpoint, Completed, IncomingRecord, RelayStore
from transfer_core.storage.safe_path import part_name, resolve_beside, resolve_under

# 2.5 MiB, more than a frame of a camera: a file up to this size gets no checkpoint, and is sent again as a whole
SMALL_BYTES = 5 << 19


@dataclass(slots=True)
class Looked:
    """What was looked up for many files of an agent at once."""

    home: Path
    usable_bytes: int
    records: Mapping[str, IncomingRecord]
    folders: dict[str, str] = field(default_factory=dict)  # found to be good, as `resolve_beside` wants them


class Intake:
    """The disk side of a relay. Each method names the thread that it belongs to."""

    def __init__(self, root: Path, store: RelayStore, config: RelayConfig, room: Room | None = None) -> None:
        self._root = root
        self._root_prefix = os.path.join(root, "")  # noqa: PTH118 - with the separator
        self._store = store
        self._config = config
        self._room = room or Room(root, config.keep_free_bytes)
        self._under_way = UnderWay(self._room)
        self._finisher = Finisher()
        self._homes: dict[bytes, Path] = {}  # where each agent's files go

    @property
    def root(self) -> Path:
        """Where everything is put."""
        return self._root

    def free_bytes(self) -> int:
        """What may still be used on this disk. Any thread."""
        return usable_bytes(self._root, self._config.keep_free_bytes)

    def home_of(self, agent: bytes) -> str:
        """The folder below `root` in which that agent's files are. Any thread."""
        return self._store.folder_of(agent)

    # --- the write thread

    def look_up(self, agent: bytes, file_ids: Sequence[str]) -> Looked:
        """What `open_whole` wants to know of these, to be handed to it at once after this."""
        return Looked(self._home_of(agent), self._room.usable_bytes(), self._store.find_all(agent, file_ids))

    def open(self, offer: Offer, whole: Sequence[tuple[int, memoryview]] = ()) -> Arriving | Stored:
        """Take a file in, or say that it is here already. DiskFull and QuotaExceeded pass; others are final.

        `whole` has all its chunks with their offsets, if they are in memory. What can't be written of it is missing
        in `written`: it is to come by `write`, which says what is wrong.
        """
        taken = self._open(offer, lambda: self._store.find(offer.agent, offer.file_id), self._begin)
        if isinstance(taken, Arriving):
            for offset, data in whole:
                chunk = offset // offer.chunk_bytes
                if not taken.written[chunk] and outcome(partial(self.write, taken, chunk, offset, data)) is not None:
                    break
        return taken

    def open_whole(self, offer: Offer, content: memoryview, looked: Looked) -> Arriving | Stored:
        """Take in a file of one chunk with all of its content; errors as those of `open` and `write`."""
        taken = self._open(
            offer, lambda: looked.records.get(offer.file_id), lambda _: self._begin_whole(offer, content, looked)
        )
        if isinstance(taken, Arriving) and not taken.written[0]:
            self.write(taken, 0, 0, content)
        return taken

    def _open(
        self, offer: Offer, find: Callable[[], IncomingRecord | None], begin: Callable[[Offer], Arriving]
    ) -> Arriving | Stored:
        present = self._under_way.offered_again(offer)
        if present is not None:
            return present
        other = self._under_way.find(offer.key)
        if other is not None:
            self._let_go(other, delete=True)
        known = find()
        same = known is not None and offer.is_of(known)
        if known is not None and same and known.status == "completed" and self._is_there(known.stored_as, offer.size):
            return Stored(known.file_hash, known.stored_as)
        if self._config.quota_bytes_per_agent is not None:  # a sum over all that it has sent, so only where it counts
            used = self._store.bytes_of(offer.agent) - (0 if known is None else known.size)
            used += self._unrecorded_bytes(offer.agent)
            require_quota(used, offer.size, self._config.quota_bytes_per_agent, offer.path)
        try:
            if known is not None and same and known.status == "uploading":
                arriving = self._resume(offer, Path(self._root, known.target), known.number)
            else:
                arriving = begin(offer)
        except BaseException:
            self._room.release(offer.key)
            raise
        self._under_way.add(arriving)
        return arriving

    def _unrecorded_bytes(self, agent: bytes) -> int:
        """What an agent has under way of which the database does not know yet."""
        return sum(each.offer.size for each, _ in self._under_way.of(agent) if each.number is None)

    def _is_there(self, stored_as: str, size: int) -> bool:
        try:
            return (self._root / stored_as).stat().st_size == size
        except OSError:
            return False

    def _claim(self, offer: Offer, there_bytes: int) -> None:
        """Promise it the room that it still needs. DiskFull."""
        self._room.claim(offer.key, max(0, offer.size - there_bytes), offer.path)

    def _begin(self, offer: Offer) -> Arriving:
        self._claim(offer, 0)
        target, part = self._free_target(offer.agent, resolve_under(self._home_of(offer.agent), offer.path))
        number = None
        if offer.size > SMALL_BYTES:
            number = self._store.begin(self._completed(offer, "", ""), str(target.relative_to(self._root)))
        file = IncomingFile.open(part, offer.size, is_new=True)
        return self._arrive(offer, str(target), file, number, np.zeros(offer.chunks, np.bool_))

    def _begin_whole(self, offer: Offer, content: memoryview, looked: Looked) -> Arriving:
        self._room.claim(offer.key, offer.size, offer.path, usable=looked.usable_bytes)
        target = resolve_beside(looked.home, offer.path, looked.folders)
        file = IncomingFile.write_whole(part_name(target), content)
        if file is None:  # something lies there, or another file is on its way to that name
            return self._begin(offer)
        digest = FollowingHash(offer.size, offer.chunk_bytes)
        digest.feed(0, content)
        return Arriving(offer, target, file, None, np.ones(1, np.bool_), np.zeros(1, np.bool_), digest)

    def _home_of(self, agent: bytes) -> Path:
        home = self._homes.get(agent)
        if home is None:
            home = self._homes[agent] = self._root / self._store.folder_of(agent)
        if not home.is_dir():
            home.mkdir(exist_ok=True)
        return home

    def _free_target(self, agent: bytes, target: Path) -> tuple[Path, Path]:
        """A target whose part file no other file under way uses, and that part file, which is not there.

        One that was left there by a file that has stopped is thrown away, with the record by which that would go on.
        """
        part = part_path(target)
        if os.path.lexists(part):
            taken = {Path(arriving.target) for arriving in self._under_way.all()}
            candidate, number = target, 2
            while candidate in taken:
                candidate, number = target.with_name(f"{target.stem} ({number}){target.suffix}"), number + 1
            target, part = candidate, part_path(candidate)
            self._store.forget_part(agent, str(target.relative_to(self._root)))
            part.unlink(missing_ok=True)
        return target, part

    def _resume(self, offer: Offer, target: Path, number: int) -> Arriving:
        have = self._store.have(number, offer.chunks)
        if not part_path(target).exists():
            have[:] = False
        self._claim(offer, int(np.count_nonzero(have)) * offer.chunk_bytes)
        return self._arrive(offer, str(target), IncomingFile.open(part_path(target), offer.size), number, have)

    def _arrive(
        self, offer: Offer, target: str, file: IncomingFile, number: int | None, have: NDArray[np.bool_]
    ) -> Arriving:
        return Arriving(
            offer, target, file, number, have.copy(), have.copy(), FollowingHash(offer.size, offer.chunk_bytes)
        )

    def write(self, arriving: Arriving, chunk: int, offset: int, data: memoryview) -> None:
        """Write a chunk. DiskFull, WriteFailed."""
        if self._config.keep_free_bytes and chunk % 256 == 255 and self.free_bytes() == 0:  # at first it was claimed
            raise DiskFull("the relay's disk is full")
        arriving.write(chunk, offset, data)
        self._room.written(arriving.offer.key, len(data))
        arriving.follow(chunk, data)

    def discard(self, agent: bytes, file_id: str) -> None:
        """The agent wants no more of it: its part is dropped."""
        arriving = self._under_way.find((agent, file_id))
        if arriving is not None:
            self._let_go(arriving, delete=True)
        known = self._store.find(agent, file_id)
        if known is not None and known.status == "uploading":
            part_path(Path(self._root, known.target)).unlink(missing_ok=True)
            self._store.forget(agent, file_id)

    def _let_go(self, arriving: Arriving, *, delete: bool) -> None:
        self._under_way.drop(arriving)
        arriving.close(delete=delete)

    def opened(self, agent: bytes, file_id: str | None = None) -> list[tuple[Arriving, int]]:
        """The files that an agent has under way, or one of them, each with how often it was offered: see `leave`."""
        return [each for each in self._under_way.of(agent) if file_id in (None, each[0].offer.file_id)]

    # --- the sync thread

    def leave(self, opened: list[tuple[Arriving, int]]) -> None:
        """Let go of what has not been offered again since, so that others get the room. Goes on from the checkpoint."""
        for arriving, times in opened:
            if self._under_way.drop(arriving, opened=times):
                arriving.close(delete=False)

    def sync(self, announce: Callable[[Arriving, Runs], None], give_up: Callable[[Arriving, DrsError], None]) -> None:
        """Make durable what was written, save it, then announce it.

        A file whose sync fails is given up: once it is closed it can be offered again, and goes on from its last
        checkpoint. `give_up` has the write thread close it, which may be writing to it.
        """
        synced: list[tuple[Arriving, list[int]]] = []
        refused: list[tuple[Arriving, StorageError]] = []
        for arriving in self._under_way.all():
            if not arriving.dirty:
                continue
            try:
                chunks = arriving.sync()
            except StorageError as error:
                refused.append((arriving, error))
                continue
            if chunks:
                synced.append((arriving, chunks))
        for arriving, refusal in refused:
            self._under_way.drop(arriving)
            give_up(arriving, refusal)
        checkpoints = [
            Checkpoint(arriving.number, arriving.durable, tuple(sorted({chunk // PAGE_CHUNKS for chunk in chunks})))
            for arriving, chunks in synced
            if arriving.number is not None
        ]
        if checkpoints:
            try:
                self._store.save(checkpoints, ())
            except DrsError:
                for arriving, chunks in synced:  # they are said to be stored only once the checkpoint is
                    arriving.dirty.update(chunks)
                raise
        for arriving, chunks in synced:
            if arriving.number is not None:
                announce(arriving, to_runs(chunks))

    def finish(self, whole: list[tuple[Arriving, str]]) -> list[tuple[Arriving, Stored | DrsError]]:
        """Verify files that are whole, put them in their places, and record them in one transaction."""
        results: dict[Arriving, Stored | DrsError] = {}
        for arriving, digest in whole:
            try:
                self._verify(arriving, digest)
            except DrsError as wrong:
                results[arriving] = wrong
        sound = [(arriving, digest) for arriving, digest in whole if arriving not in results]
        ready = self._finisher.make_ready([(arriving.file, arriving.offer.mtime_ns) for arriving, _ in sound])
        placed: list[tuple[Arriving, str, str]] = []
        for (arriving, digest), unready in zip(sound, ready, strict=True):
            try:
                if unready is not None:
                    raise unready
                placed.append((arriving, digest, arriving.file.take_name(arriving.target, digest=digest)))
            except DrsError as error:
                results[arriving] = error
        folders = [os.path.dirname(final) for _, _, final in placed]  # noqa: PTH120 - a path each costs too much
        unsure = self._finisher.sync_folders(folders)
        completed: list[Completed] = []
        for (arriving, digest, final), folder in zip(placed, folders, strict=True):
            self._under_way.drop(arriving)
            if folder in unsure:  # it has its name, but perhaps not after a loss of power: to be offered again
                results[arriving] = unsure[folder]
                continue
            stored = Stored(digest, self._below_root(final))
            results[arriving] = stored
            completed.append(self._completed(arriving.offer, stored.stored_as, stored.digest))
        try:
            if completed:
                self._store.save((), completed)
        except DrsError as error:  # they are in their places, but would be forgotten: to be offered again
            results = {each: error if isinstance(result, Stored) else result for each, result in results.items()}
        return [(arriving, results[arriving]) for arriving, _ in whole]

    def _below_root(self, place: str) -> str:
        return place.removeprefix(self._root_prefix).replace(os.sep, "/")

    def _verify(self, arriving: Arriving, digest: str) -> None:
        found = arriving.whole_hash()
        if found != digest:
            self._let_go(arriving, delete=True)
            self._store.forget(*arriving.offer.key)
            raise FileHashMismatch(f"{arriving.offer.path} arrived as {found}, was sent as {digest}")

    def _completed(self, offer: Offer, stored_as: str, digest: str) -> Completed:
        return Completed(
            offer.agent,
            offer.file_id,
            offer.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"),
            offer.size,
            offer.chunk_bytes,
            offer.fingerprint,
            stored_as,
            digest,
        )

    def close(self) -> None:
        """Let go of all files; their parts stay."""
        for arriving in self._under_way.drop_all():
            arriving.file.close()
        self._finisher.close()
