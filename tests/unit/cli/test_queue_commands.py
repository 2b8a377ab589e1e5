from __future__ import annotations

import json

import pytest

from tests.support.scripted_service import make_job
from transfer_core.events import JobState

CONTRACT = [
    "file_id",
    "path",
    "size",
    "priority",
    "status",
    "bytes_done",
    "attempts",
    "error",
    "created_at",
    "completed_at",
    "links",
]


@pytest.fixture
def queued(service):
    done = make_job(
        "bb22",
        JobState.COMPLETED,
        bytes_done=1000,
        links={"wifi": 600, "lte": 400},
        duration_s=2.5,
        completed_at="2026-11-21T10:00:09.000Z",
    )
    waiting = make_job("ab12", reason="no link is up", path="/data/läp\n[bold]1.bin", priority=2, bytes_done=999)
    service.queue = {job.file_id: job for job in (waiting, make_job("aa11", JobState.UPLOADING), done)}
    return service


def test_status_as_json_gives_the_promised_keys_first_and_in_order(drs, queued) -> None:
    code, out, _ = drs("status", "--json")
    jobs = json.loads(out)
    assert code == 0
    assert [job["file_id"] for job in jobs] == ["ab12", "aa11", "bb22"]
    for job in jobs:
        assert list(job)[: len(CONTRACT)] == CONTRACT
    assert jobs[2]["links"] == {"wifi": 600, "lte": 400}
    assert jobs[2]["status"] == "completed"
    assert jobs[0]["error"] is None


def test_status_for_people_never_says_100_before_it_is_true_and_keeps_names_on_their_line(drs, queued) -> None:
    _, out, _ = drs("status")
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    assert "99 %" in rows["ab12"]
    assert "no link is up" in rows["ab12"]
    assert "läp\N{REPLACEMENT CHARACTER}[bold]1.bin" in rows["ab12"]
    assert "high" in rows["ab12"]
    assert "100 %" in rows["bb22"]


def test_an_empty_queue_is_said_to_be_empty_and_is_an_empty_list(drs, service) -> None:
    assert drs("status") == (0, "The queue is empty.\n", "")
    assert json.loads(drs("status", "--json")[1]) == []


def test_one_job_is_found_by_the_start_of_its_id_and_its_manifest_printed(drs, queued) -> None:
    queued.queue |= {name: make_job(name) for name in ("cafe-1", "cafe-2")}
    assert [job["file_id"] for job in json.loads(drs("status", "bb22", "--json")[1])] == ["bb22"]
    assert [job["file_id"] for job in json.loads(drs("status", "cafe-2", "--json")[1])] == ["cafe-2"]
    assert json.loads(drs("status", "bb22", "--manifest")[1]) == {"file_id": "bb22", "total_chunks": 1}
    code, _, err = drs("status", "zzzz")
    assert code == 1
    assert err.startswith("E_NOT_FOUND: ")
    code, _, err = drs("status", "cafe")
    assert code == 2
    assert "2 jobs" in err


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry", "status"])
def test_less_than_four_characters_of_an_id_name_no_job(verb, drs, queued) -> None:
    for start in ("b", "bb", "bb2", ""):
        code, _, err = drs(verb, start)
        assert code == 2
        assert err.startswith("E_USAGE: ")
        assert "4 characters" in err
    assert queued.calls == []


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "retry"])
def test_a_verb_reaches_all_jobs_named(verb, drs, queued) -> None:
    queued.queue["cafe-1"] = make_job("cafe-1")
    code, out, _ = drs(verb, "cafe", "bb22")
    assert code == 0
    assert queued.calls == [(verb, ["cafe-1", "bb22"])]
    assert [line.split()[0] for line in out.splitlines()] == ["cafe-1", "bb22"]
    assert [job["file_id"] for job in json.loads(drs(verb, "ab12", "--json")[1])] == ["ab12"]


def test_nothing_is_done_if_one_of_several_ids_is_unknown(drs, queued) -> None:
    assert drs("cancel", "aa11", "zzzz")[0] == 1
    assert queued.calls == []


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_the_whole_queue_is_paused_and_resumed(verb, drs, queued) -> None:
    assert drs(verb, "--all")[0] == 0
    assert queued.calls == [(f"{verb}_all",)]


def test_priority_takes_a_number_or_a_name(drs, queued) -> None:
    assert drs("priority", "aa11", "critical")[0] == 0
    assert drs("priority", "aa11", "7")[0] == 0
    assert queued.calls == [("set_priority", ["aa11"], 1), ("set_priority", ["aa11"], 7)]


def test_history_shows_what_each_link_carried(drs, queued) -> None:
    code, out, _ = drs("history", "--limit", 5, "--find", "bb")
    assert code == 0
    assert queued.calls == [("history", 5, 0, "bb")]
    assert "wifi 600 B, lte 400 B" in out
    assert "2.5 s" in out
    assert [job["duration_s"] for job in json.loads(drs("history", "--json")[1])] == [2.5]
    assert "No job" in drs("history", "--find", "zz")[1]


def test_upload_queues_absolute_paths_with_priority_destination_and_folder(drs, service, tmp_path, monkeypatch) -> None:
    (tmp_path / "lap.bin").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    code, out, _ = drs("upload", "lap.bin", "--to", "pit", "--priority", "high", "--dest-path", "race/1")
    assert code == 0
    expected = {"destination": "pit", "priority": 2, "dest_path": "race/1", "source": "cli"}
    assert service.calls == [("add_paths", [str(tmp_path / "lap.bin")], expected)]
    assert "lap.bin" in out


def test_upload_queues_nothing_if_a_path_is_not_there(drs, service, tmp_path) -> None:
    (tmp_path / "lap.bin").write_bytes(b"1")
    code, _, err = drs("upload", tmp_path / "lap.bin", tmp_path / "gone.bin")
    assert code == 1
    assert err.startswith("E_SOURCE_MISSING: ")
    assert service.calls == []


def test_upload_says_what_was_left_out_and_fails(drs, service, tmp_path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"1")
    service.skip = {str(tmp_path / "b"): "it can't be read"}
    code, out, err = drs("upload", tmp_path / "a", tmp_path / "b", "--json")
    assert code == 1
    assert err.startswith("E_SOURCE: ")
    result = json.loads(out)
    assert [job["path"] for job in result["added"]] == [str(tmp_path / "a")]
    assert result["skipped"] == [{"path": str(tmp_path / "b"), "why": "it can't be read"}]
