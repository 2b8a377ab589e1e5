"""Which link carried what of a job, over the sessions that it took."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.loop_stage import job_of
from transfer_core.engine.carried import bytes_by_link, figures_of, keep_past
from transfer_core.engine.outgoing import OutgoingJob
from transfer_core.engine.under_way import Figures
from transfer_core.engine.uplink import RelayTarget, Uplink
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.sender import SenderSession

SIZE = 200_000


@pytest.fixture
def job(tmp_path: Path) -> Iterator[OutgoingJob]:
    source = tmp_path / "lap.bin"
    source.write_bytes(bytes(SIZE))
    made = job_of("id-1", source, "lap.bin")
    yield made
    made.source.close()


@pytest.fixture
def uplink() -> Uplink:
    return Uplink(RelayTarget("pit", (), b"", None))


def begin_session(uplink: Uplink, job: OutgoingJob, path_links: dict[int, str]) -> None:
    keys = PathKeys(bytes(32))
    uplink.session = SenderSession(my_index=1, peer_index=2, send_keys=keys, receive_keys=keys, window_chunks=64)
    uplink.path_links = path_links
    uplink.by_number.clear()
    job.number = job.offer_to(uplink.session)
    uplink.by_number[job.number] = job


def carry(uplink: Uplink, job: OutgoingJob, path_bytes: dict[int, int]) -> None:
    assert uplink.session is not None
    assert job.number is not None
    uplink.session.files[job.number].path_bytes.update(path_bytes)


def test_what_a_link_carried_in_one_session_is_added_to_what_it_carried_in_the_next(
    uplink: Uplink, job: OutgoingJob
) -> None:
    begin_session(uplink, job, {0: "wifi", 1: "lte"})
    carry(uplink, job, {0: 1000, 1: 50})
    keep_past(uplink)
    assert job.number is None
    begin_session(uplink, job, {0: "lte", 1: "wifi"})  # paths have other numbers there
    carry(uplink, job, {0: 7})
    assert figures_of(uplink, job).links == {"wifi": 1000, "lte": 57}
    keep_past(uplink)
    assert bytes_by_link(uplink, job, {}) == {"wifi": 1000, "lte": 57}


def test_between_two_sessions_a_job_is_as_far_as_it_was_before_them(uplink: Uplink, job: OutgoingJob) -> None:
    assert figures_of(uplink, job) == Figures()
    job.bytes_before, job.base_links = 65536, {"sat": 65536}
    assert figures_of(uplink, job) == Figures(65536, {"sat": 65536}, 0, 65536)


def test_what_a_bundle_carried_is_its_members_affair(uplink: Uplink, job: OutgoingJob) -> None:
    begin_session(uplink, job, {0: "wifi"})
    carry(uplink, job, {0: 1000})
    job.members = (job,)
    keep_past(uplink)
    assert uplink.past_links == {}


def test_nothing_is_kept_where_there_was_no_session(uplink: Uplink) -> None:
    keep_past(uplink)
    assert uplink.past_links == {}
