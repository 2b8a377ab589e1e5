from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest

from tests.support.scripted_service import WIFI, make_job
from transfer_core.errors import ConflictError, StateLocked, UnknownPeer
from transfer_core.events import (
    DestinationsChanged,
    DestinationView,
    EngineChanged,
    EngineView,
    JobsChanged,
    JobsRemoved,
    JobState,
    LinkMark,
    LinkMarked,
    LinksChanged,
    LinkState,
    Notice,
    Severity,
)

OLD_FAILURE = make_job("old", JobState.FAILED, error="E_CHUNK_HASH")
FIRST = make_job("f1")
SECOND = make_job("f2")


def changed(*jobs):
    return [JobsChanged(jobs)]


def ended(job, status=JobState.COMPLETED, **values):
    return replace(job, status=status, bytes_done=job.size, duration_s=1.5, **values)


@pytest.fixture
def busy(service):
    service.queue = {job.file_id: job for job in (OLD_FAILURE, FIRST, SECOND)}
    service.drains.extend(
        [
            [JobsChanged((OLD_FAILURE, FIRST, SECOND)), LinksChanged((WIFI,))],
            changed(replace(FIRST, status=JobState.UPLOADING, bytes_done=400)),
            [LinksChanged((replace(WIFI, state=LinkState.SILENT, why="nothing comes back"),))],
            changed(ended(FIRST)),
            changed(ended(SECOND)),
        ]
    )
    return service


def lines_of(out):
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize(
    "error",
    [UnknownPeer("the relay does not know us"), ConflictError("pit is box", hint="Queue its files for box.")],
    ids=["usual hint", "own hint"],
)
def test_agent_once_ends_with_the_error_of_relays_that_refuse_it_and_one_hint(drs, service, error) -> None:
    service.queue = {FIRST.file_id: FIRST}
    relay = DestinationView(FIRST.destination, "relay", ("10.0.0.5:9000",), False, why=error.one_line())
    service.drains.append([JobsChanged((FIRST,)), DestinationsChanged((relay,))])
    code, _, err = drs("agent", "--once")
    assert (code, err) == (1, f"{error.one_line()}\n")


def test_agent_once_ends_when_the_queue_is_drained_and_old_failures_do_not_count(drs, busy) -> None:
    code, out, err = drs("agent", "--once")
    assert (code, err) == (0, "")
    assert busy.started
    assert busy.stopped
    assert not busy.listening
    assert "f1 /data/f1.bin: completed, 1 kB in 1.5 s" in out or "f1 /data/f1.bin: completed, 1.0 kB in 1.5 s" in out
    assert "link wifi: silent (nothing comes back)" in out


def test_agent_as_json_writes_one_object_a_line_with_the_event_first_and_utc_times(drs, busy) -> None:
    _, out, _ = drs("agent", "--once", "--json")
    events = lines_of(out)
    assert all(next(iter(event)) == "event" for event in events)
    assert all(event["at"].endswith("Z") for event in events)
    assert events[0]["event"] == "ready"
    assert events[0]["links"] == ["wifi"]
    assert events[-1]["event"] == "stopped"
    assert [events[-1][key] for key in ("completed", "failed", "left")] == [2, 0, 0]
    assert ("silent", "nothing comes back") in [(e["state"], e["why"]) for e in events if e["event"] == "link"]
    states = [event["status"] for event in events if event["event"] == "job" and event["file_id"] == "f1"]
    assert states == ["pending", "uploading", "completed"]


def test_agent_once_fails_if_a_job_failed_and_says_which_with_its_code(drs, busy) -> None:
    busy.drains[-1] = changed(ended(SECOND, JobState.FAILED, error="E_SOURCE_MISSING", reason="it is gone"))
    code, _, err = drs("agent", "--once")
    assert code == 1
    assert err.startswith("E_SOURCE_MISSING: /data/f2.bin failed: it is gone. ")


def test_a_job_that_failed_before_and_was_retried_counts_again(drs, service) -> None:
    again = replace(OLD_FAILURE, status=JobState.PENDING, error=None)
    service.drains.extend(
        [changed(OLD_FAILURE, FIRST), changed(again), changed(ended(FIRST)), changed(ended(again, JobState.FAILED))]
    )
    assert drs("agent", "--once")[0] == 1


def test_agent_once_does_not_wait_for_jobs_that_are_paused_or_removed(drs, service) -> None:
    service.queue = {"f1": replace(FIRST, status=JobState.PAUSED)}
    service.drains.extend([changed(replace(FIRST, status=JobState.PAUSED), SECOND), [JobsRemoved(("f2",))]])
    service.drains[1] = lambda: (service.queue.pop("f2"), [JobsRemoved(("f2",))])[1]
    assert drs("agent", "--once")[0] == 0


def test_agent_once_does_not_wait_for_ever_on_a_paused_queue(drs, service) -> None:
    engine = EngineView(True, True, 0.0, 1, 1000, None, 1, 1, Severity.CAUTION, "paused", "bonded")
    service.drains.append([JobsChanged((FIRST,)), EngineChanged(engine)])
    code, _, err = drs("agent", "--once")
    assert code == 1
    assert err.startswith("E_CONFLICT: ")
    assert "resume --all" in err
    assert service.stopped is False  # the fixture's service stops only after a clean end


@pytest.mark.parametrize(("once", "expected"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_cleanly_and_fails_only_if_the_end_was_waited_for(number, once, expected, drs, service) -> None:
    before = signal.getsignal(number)

    def kill():
        os.kill(os.getpid(), number)
        return []

    service.drains.extend([changed(FIRST), kill])
    code, out, _ = drs("agent", "--json", *(["--once"] if once else []))
    assert code == expected
    assert service.stopped
    assert lines_of(out)[-1]["left"] == 1
    assert signal.getsignal(number) is before


def test_marks_and_notices_are_passed_on(drs, service) -> None:
    mark = LinkMark("lte", 5, "2026-11-21T10:00:00.000Z", "kill", "killed by hand")
    notice = Notice("2026-11-21T10:00:01.000Z", Severity.CAUTION, "link", "lte is silent")
    service.drains.append([LinkMarked(mark), notice])
    events = lines_of(drs("agent", "--once", "--json")[1])
    assert {"event": "link_mark", "at": mark.at, "link": "lte", "what": "kill", "text": "killed by hand"} in events
    assert [(e["at"], e["text"]) for e in events if e["event"] == "notice"] == [(notice.at, "lte is silent")]


def test_agent_hands_its_options_to_the_service(drs, service, tmp_path) -> None:
    file = tmp_path / "links.toml"
    trace = tmp_path / "a.qlog"
    words = ("--links", "a, b", "--simulate", file, "--policy", "best", "--trace", trace, "--state", tmp_path)
    drs("agent", "--once", *words)
    wanted = {"state": tmp_path, "links": ["a", "b"], "simulation": file, "policy": "best", "trace": trace}
    assert service.opened_with == wanted


@pytest.fixture
def lap(tmp_path):
    path = tmp_path / "lap.bin"
    path.write_bytes(b"1" * 10)
    return path


def test_send_queues_and_sends_its_files_and_does_not_wait_for_others(drs, service, lap) -> None:
    service.queue = {"f1": FIRST}
    service.drains.append(lambda: changed(*service.jobs()))
    service.drains.append(lambda: changed(ended(service.job("new1"), links={"wifi": 10}, stored_as="in/lap.bin")))
    code, out, _ = drs("send", lap, "--to", "pit")
    assert code == 0
    assert f"{lap}: 1.0 kB in 1.5 s (wifi 10 B) -> in/lap.bin" in out
    assert service.stopped


def test_send_fails_if_its_file_failed(drs, service, lap) -> None:
    service.drains.append(lambda: changed(*service.jobs()))
    service.drains.append(lambda: changed(ended(service.job("new0"), JobState.FAILED, error="E_NAME_REFUSED")))
    code, _, err = drs("send", lap, "--to", "pit")
    assert code == 1
    assert err.startswith("E_NAME_REFUSED: ")


def test_send_follows_the_agent_that_runs_here_already(drs, service, lap) -> None:
    service.start_error = StateLocked("another one works here")
    polls = []

    def jobs():
        polls.append(1)
        if len(polls) > 1:
            service.queue["new0"] = ended(service.queue["new0"])
        return list(service.queue.values())

    service.jobs = jobs
    code, _, err = drs("send", lap, "--to", "pit")
    assert code == 0
    assert len(polls) == 2
    assert "already sends" in err
