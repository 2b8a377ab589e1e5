"""How far jobs under way are, and which link carried what of each, over all sessions that it took. In the loop."""

from __future__ import annotations

from collections.abc import Mapping

from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.under_way import Figures
from transfer_core.engine.uplink import Uplink

_NOTHING_YET = Figures()


def figures_of(uplink: Uplink, job: OutgoingJob) -> Figures:
    """How far a job under way is."""
    file = uplink.session.files.get(job.number) if uplink.session is not None and job.number is not None else None
    if file is None:
        if not job.bytes_before and not job.base_links and job.job.file_id not in uplink.past_links:
            return _NOTHING_YET  # as most are in bundles, of thousands that are looked at each time
        return Figures(job.bytes_before, bytes_by_link(uplink, job, {}), 0, job.bytes_before)
    links = bytes_by_link(uplink, job, file.path_bytes)
    durable = min(file.size, int(file.stored.sum()) * file.chunk_bytes)
    return Figures(max(file.arrived_bytes, 0), links, file.resent_bytes, durable)


def bytes_by_link(uplink: Uplink, job: OutgoingJob, path_bytes: Mapping[int, int]) -> dict[str, int]:
    """What each link carried of a job: `path_bytes` of this session, and those of former attempts and sessions."""
    links = dict(job.base_links)
    for name, count in uplink.past_links.get(job.job.file_id, {}).items():
        links[name] = links.get(name, 0) + count
    for number, count in path_bytes.items():
        name = uplink.path_links[number]
        links[name] = links.get(name, 0) + count
    return links


def keep_past(uplink: Uplink) -> None:
    """Remember which link carried what in the session that ends; its jobs have no number until the next one."""
    if uplink.session is None:
        return
    for number, file in uplink.session.files.items():
        job = uplink.by_number.get(number)
        if job is None or job.members:
            continue
        past = uplink.past_links.setdefault(job.job.file_id, {})
        for path, count in file.path_bytes.items():
            name = uplink.path_links[path]
            past[name] = past.get(name, 0) + count
        job.number = None
