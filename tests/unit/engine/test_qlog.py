"""A trace against what qlog 0.3 asks of a file and of its events, and against what the session itself counted."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.qvis_reader import arrows, read
from tests.support.session_world import SessionWorld, WorldFile
from transfer_core.engine.qlog import QlogTrace
from transfer_core.errors import WriteFailed
from transfer_core.sim.conditions import LinkConditions
from transfer_core.sim.manual_clock import ManualClock

LINKS = {0: "wifi", 1: "lte"}
REQUIRED = {
    "transport:packet_sent": {"header", "raw"},
    "transport:packet_received": {"header", "raw"},
    "recovery:packet_lost": {"header", "trigger"},
    "recovery:metrics_updated": {"smoothed_rtt", "min_rtt", "latest_rtt", "bytes_in_flight", "pacing_rate"},
    "recovery:congestion_state_updated": {"new"},
    "drs:scheduled": {"path_id", "copy", "taken"},
    "drs:path_added": {"path_id", "address"},
    "drs:path_removed": {"path_id"},
}


def records(file: Path) -> list[dict[str, Any]]:
    """RFC 7464: each text between a record separator and a line feed."""
    text = file.read_text(encoding="utf-8")
    assert text.startswith("\x1e")
    assert text.endswith("\n")
    parts = text.split("\x1e")[1:]
    assert all(part.count("\n") == 1 for part in parts)
    return [json.loads(part) for part in parts]


def traced_world(file: Path) -> SessionWorld:
    """A transfer over two lossy links, watched at the sender; then a path comes and goes."""
    world = SessionWorld([LinkConditions(rate_mbps=8, delay_ms=8, loss=0.05), LinkConditions(rate_mbps=4)], seed=7)
    trace = QlogTrace(file, ManualClock(world.now_ns), vantage="client", name="car 4")
    world.sender.observer = trace.session("pit", lambda number: LINKS.get(number, ""))
    world.add_file(WorldFile("a", np.random.default_rng(7).bytes(1_000_000)))
    assert world.run(limit_s=20)
    world.sender.add_path(9, ("192.0.2.1", 9000), world.now_ns)
    world.sender.remove_path(9, world.now_ns)
    trace.close()
    trace.close()
    return world


def test_a_trace_is_one_header_and_events_with_time_name_and_data(tmp_path: Path) -> None:
    traced_world(tmp_path / "a.qlog")
    header, *events = records(tmp_path / "a.qlog")
    assert (header["qlog_version"], header["qlog_format"]) == ("0.3", "JSON-SEQ")
    assert header["trace"]["vantage_point"] == {"name": "car 4", "type": "client"}
    assert header["trace"]["common_fields"]["time_format"] == "relative"
    assert header["trace"]["common_fields"]["reference_time"] > 1e12
    times = [event["time"] for event in events]
    assert times == sorted(times)
    assert times[0] >= 0
    assert {event["name"] for event in events} == set(REQUIRED)
    for event in events:
        assert event["data"].keys() >= REQUIRED[event["name"]]
        if "header" in event["data"]:
            assert event["data"]["header"]["packet_type"] == "1RTT"
            assert event["data"]["header"]["packet_number"] >= 0
    assert {event["group_id"] for event in events} == {"pit path 0 wifi", "pit path 1 lte", "pit path 9"}


def test_the_events_are_what_the_session_counted(tmp_path: Path) -> None:
    world = traced_world(tmp_path / "a.qlog")
    events = records(tmp_path / "a.qlog")[1:]
    for number, link in LINKS.items():
        sender = world.sender.paths[number].sender
        mine = [event for event in events if event["group_id"] == f"pit path {number} {link}"]
        sent = [event["data"] for event in mine if event["name"] == "transport:packet_sent"]
        lost = [event["data"] for event in mine if event["name"] == "recovery:packet_lost"]
        numbers = [data["header"]["packet_number"] for data in sent]
        assert numbers[-1] + 1 == sender.next_pn
        assert numbers == list(range(numbers[0], sender.next_pn))
        assert sum(data["raw"]["length"] + 28 for data in sent) <= sender.sent_bytes
        assert len(lost) == sender.lost_packets
        assert {data["header"]["packet_number"] for data in lost} <= set(numbers)
        taken = [data["data"]["taken"] for data in mine if data["name"] == "drs:scheduled"]
        data_sent = [data for data in sent if data["drs_kind"] == "data"]
        assert sum(each["slices"] for run in taken for each in run) == len(data_sent)
    assert world.sender.paths[0].sender.lost_packets > 0


def test_qvis_draws_each_packet_with_its_acknowledgement_or_its_loss_on_both_sides(tmp_path: Path) -> None:
    world = SessionWorld([LinkConditions(rate_mbps=8, delay_ms=8, loss=0.2), LinkConditions(rate_mbps=4)], seed=7)
    traces = []
    for side, vantage in ((world.sender, "client"), (world.receiver, "server")):
        trace = QlogTrace(tmp_path / f"{vantage}.qlog", ManualClock(world.now_ns), vantage=vantage, name=vantage)
        side.observer = trace.session("pit")
        traces.append(trace)
    world.add_file(WorldFile("a", np.random.default_rng(7).bytes(500_000)))
    assert world.run(limit_s=20)
    world.run(lambda: False, limit_s=1)  # the last words are said and heard
    for trace in traces:
        trace.close()
    agents, relays = read(tmp_path / "client.qlog"), read(tmp_path / "server.qlog")
    for number, path in world.sender.paths.items():
        agent, relay = agents[f"pit path {number}"], relays[f"pit path {number}"]
        told = path.sender.acked_packets + path.sender.late_packets
        assert len(agent.acked_at) >= told  # a burst may hold packets that ask for no answer, which are named, too
        assert len(agent.lost) == path.sender.lost_packets
        assert arrows(agent, relay) == len(relay.received)
        assert arrows(relay, agent) == len(agent.received)
        assert (agent.acked_unsent, relay.answered_unheard) == (0, 0)
        assert agent.acked_at.keys() <= relay.received.keys()
        assert len(relay.answered_at) > 0.95 * len(
            relay.received
        )  # data ahead of its file is refused, and not answered
        assert all(agent.sent[each]["time"] < at for each, at in agent.acked_at.items())
        assert agent.rtts_ms
        assert agent.windows
    assert agents["pit path 0"].lost


def test_more_than_can_be_written_is_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transfer_core.engine.qlog.EVENTS_WAITING_MAX", 0)
    traced_world(tmp_path / "a.qlog")
    _, told = records(tmp_path / "a.qlog")
    assert told["name"] == "drs:trace"
    assert told["data"]["count"] > 100
    assert told["group_id"]


def test_a_trace_that_grows_takes_two_files_at_most_and_each_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transfer_core.engine.qlog.FILE_BYTES_MAX", 100_000)
    traced_world(tmp_path / "a.qlog")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.1.qlog", "a.qlog"]
    header, *older = records(tmp_path / "a.1.qlog")
    again, *newer = records(tmp_path / "a.qlog")
    assert header == again
    assert 100_000 <= (tmp_path / "a.1.qlog").stat().st_size < 130_000
    assert (tmp_path / "a.qlog").stat().st_size < 130_000
    times = [event["time"] for event in (*older, *newer)]
    assert times == sorted(times)
    assert newer[-1]["name"] == "drs:path_removed"  # the newest is there


def test_a_file_that_can_not_be_made_is_said(tmp_path: Path) -> None:
    with pytest.raises(WriteFailed, match="nowhere"):
        QlogTrace(tmp_path / "nowhere" / "a.qlog", ManualClock(), vantage="client", name="x")


@pytest.mark.skipif(sys.platform != "linux", reason="a disk that is always full is Linux's /dev/full")
def test_a_full_disk_ends_the_trace_and_not_the_transfer(expect_log: Callable[[str], None]) -> None:
    expect_log("the trace ends here: No space left on device")
    traced_world(Path("/dev/full"))
