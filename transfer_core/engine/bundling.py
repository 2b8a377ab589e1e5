"""Small files that leave together: many jobs as one transfer of the session, so that none pays for one of its own.

    claimed together -> read into one bundle (disk thread) -> offered -> all are in their places, or none is said to be

A bundle arrives as a whole or is refused as a whole. Whatever else may happen to a file (no room, another name, one
that was stopped, a session that ended) is no matter of bundles: its members are then offered one by one, and the relay
answers at once for those that it has. So a bundle is only a faster way, and what it carries is never long on the line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from transfer_core.clock import Clock
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.parcels import BUNDLE_PREFIX
from transfer_core.engine.uplink import Uplink
from transfer_core.errors import DrsError
from transfer_core.events import JobState
from transfer_core.jobs.model import Job
from transfer_core.protocol.sender import SenderSession
from transfer_core.protocol.wire.bundle import (
    BUNDLE_BYTES_MAX,
    BUNDLE_FILES_MAX,
    BUNDLES_MAX,
    BundledFile,
    bundle_head,
    head_bytes,
    head_digest,
)
from transfer_core.protocol.wire.messages import PATH_MAX
from transfer_core.storage.file_hash import FollowingHash
from transfer_core.units import NS_PER_S

BUNDLE = "bundle"  # the source of jobs that stand for several
FILES_MIN = 8  # fewer are as fast one by one
HEAD_EACH_BYTES = head_bytes([("", "")])
BUNDLE_NS = NS_PER_S // 10  # on the line, at the rate that is known
AT_ONCE = BUNDLES_MAX - 8  # some may still be under way at the relay that are not here
AGAIN_NS = 30 * NS_PER_S  # after a refusal


class Bundles:
    """Which files go together. In the loop's thread, unless said otherwise."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = count(1)
        self._refused_ns: dict[str, int] = {}  # by relay

    def groups(
        self, uplink: Uplink, session: SenderSession, jobs: Sequence[OutgoingJob]
    ) -> Iterator[list[OutgoingJob]]:
        """The jobs in their order; those of a group of more than one are to leave together."""
        most_bytes = self._most_bytes(uplink, session)
        free = AT_ONCE - sum(bool(out.members) for out in uplink.by_number.values())
        group: list[OutgoingJob] = []
        group_bytes = 0
        for out in jobs:
            bytes_there = _bytes_there(out)
            fits = bytes_there <= most_bytes and _fits(out)
            is_full = group_bytes + bytes_there > most_bytes or len(group) == BUNDLE_FILES_MAX
            if group and (not fits or is_full or not _goes_with(out, group[0])):
                made = _together(group, free)
                free -= len(made) == 1
                yield from made
                group, group_bytes = [], 0
            if fits:
                group.append(out)
                group_bytes += bytes_there
            else:
                yield [out]
        yield from _together(group, free)

    def _most_bytes(self, uplink: Uplink, session: SenderSession) -> int:
        refused_ns = self._refused_ns.get(uplink.target.name)
        if refused_ns is not None and self._clock.monotonic_ns() - refused_ns < AGAIN_NS:
            return 0
        rate = sum(path.sender.rate_bytes_per_s for path in session.paths.values() if not path.sender.is_silent)
        return min(BUNDLE_BYTES_MAX, int(rate * BUNDLE_NS / NS_PER_S))

    def refused(self, uplink: Uplink) -> None:
        """The relay did not take a bundle: what is offered to it goes one by one for a while."""
        self._refused_ns[uplink.target.name] = self._clock.monotonic_ns()

    def next_number(self) -> int:
        """One that no other bundle has."""
        return next(self._numbers)


def make_bundle(members: Sequence[OutgoingJob], number: int) -> OutgoingJob | None:
    """In the disk's thread: read these into a job of their own. None if one can't be read, whose `failed` says why."""
    at = head_bytes([(out.job.file_id, out.job.dest_path) for out in members])
    data = bytearray(at + sum(out.source.fingerprint.size for out in members))
    view = memoryview(data)
    files: list[BundledFile] = []
    for out in members:
        source = out.source.fingerprint
        part = view[at : at + source.size]
        at += source.size
        try:
            out.source.read_into(0, part)
            out.digest.feed(0, part)
            digest = out.known_digest = out.finish_digest()
        except DrsError as error:
            out.failed = error
            return None
        raw = bytes.fromhex(digest.partition(":")[2])
        files.append(BundledFile(out.job.file_id, out.job.dest_path, source.size, source.mtime_ns, source.digest, raw))
    head = bundle_head(files)
    data[: len(head)] = head
    bundle = OutgoingJob.of_letter(_job_of(members, number, len(data)), data, number, members[0].chunk_bytes)
    bundle.members = tuple(members)
    bundle.known_digest = head_digest(data, files)
    bundle.digest = FollowingHash(0, bundle.chunk_bytes)  # no other is wanted
    bundle.records = dict(enumerate(bundle.read_records(0, bundle.chunks) or ()))
    return bundle


def share_links(members: Sequence[OutgoingJob], path_bytes: Mapping[int, int]) -> list[dict[int, int]]:
    """What each path carried of each member, by their sizes: what a path carried is theirs, one after another."""
    left = [[path, carried] for path, carried in path_bytes.items()]
    shares: list[dict[int, int]] = []
    for out in members:
        share: dict[int, int] = {}
        owed = out.source.fingerprint.size
        while owed and left:
            path, carried = left[-1]
            taken = min(owed, carried)
            share[path] = share.get(path, 0) + taken
            owed -= taken
            left[-1][1] -= taken
            if not left[-1][1]:
                left.pop()
        shares.append(share)
    return shares


def _together(group: list[OutgoingJob], free: int) -> list[list[OutgoingJob]]:
    """As one if that is worth it and there may be one more; else each by itself."""
    return [group] if len(group) >= FILES_MIN and free > 0 else [[out] for out in group]


def _bytes_there(out: OutgoingJob) -> int:
    """What it takes of a bundle, at most: a character of a name is four bytes there, or fewer."""
    return out.job.size + HEAD_EACH_BYTES + 4 * (len(out.job.file_id) + len(out.job.dest_path))


def _fits(out: OutgoingJob) -> bool:
    return out.chunks == 1 and not out.is_resumed and len(out.job.dest_path) <= PATH_MAX // 4


def _goes_with(out: OutgoingJob, first: OutgoingJob) -> bool:
    return (out.job.priority, out.chunk_bytes) == (first.job.priority, first.chunk_bytes)


def _job_of(members: Sequence[OutgoingJob], number: int, size: int) -> Job:
    first = members[0].job
    name = f"bundle-{number}"
    return Job(
        file_id=name,
        path=BUNDLE_PREFIX + name,
        size=size,
        priority=first.priority,
        position=first.position,
        status=JobState.UPLOADING,
        destination=first.destination,
        dest_path=BUNDLE_PREFIX + name,
        source=BUNDLE,
    )
