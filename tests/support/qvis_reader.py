"""Reads a trace as qvis 0.3 does, and keeps what its congestion and sequence diagrams draw. AssertionError where qvis
would refuse a file, leave something out, or warn.

After `FileLoader`, `TextSequenceJSONToQlog`, `QlogLoaderV2`, `CongestionGraphD3Renderer.parseQlog` and
`SequenceDiagramD3Renderer.calculateConnections` of github.com/quiclog/qvis.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HEADER_LOOKED_AT = 1024
VERSIONS = ("draft-02", "draft-02-RC1", "qlog-03-WIP", "0.3")
VANTAGES = ("client", "server", "network", "unknown")
FRAME_TYPES = ("ack", "ping", "unknown")  # of those that it knows, what this product sends
Event = dict[str, Any]


@dataclass(slots=True)
class Drawn:
    """One of qvis' traces (a group of events): what the diagrams show of it."""

    title: str
    vantage: str
    absolute_ms: list[float] = field(default_factory=list)
    sent: dict[int, Event] = field(default_factory=dict)
    received: dict[int, Event] = field(default_factory=dict)
    acked_at: dict[int, float] = field(default_factory=dict)  # packets sent, by the first acknowledgement that came
    answered_at: dict[int, float] = field(default_factory=dict)  # packets received, by the first one that went
    lost: list[int] = field(default_factory=list)
    rtts_ms: list[float] = field(default_factory=list)
    windows: list[int] = field(default_factory=list)
    acked_unsent: int = 0
    answered_unheard: int = 0


def read(file: Path) -> dict[str, Drawn]:
    """The traces of a file, by group."""
    header, events = _records(file)
    trace = header["trace"]
    common = trace["common_fields"]
    assert header["qlog_version"] in VERSIONS
    assert trace["vantage_point"]["type"] in VANTAGES
    assert common["time_format"] == "relative", "else the first event's time is taken for the start"
    assert isinstance(common["reference_time"], int | float), "milliseconds since 1970"
    assert common.get("protocol_type") != "TCP"
    groups: dict[str, Drawn] = {}
    assert all("group_id" in event for event in events), "the first event decides for all whether there are groups"
    for event in events:
        group = str(event["group_id"])
        drawn = groups.setdefault(group, Drawn(group, trace["vantage_point"]["type"]))
        _take(drawn, event, common["reference_time"])
    for drawn in groups.values():
        _link(drawn)
    return groups


def _records(file: Path) -> tuple[Event, list[Event]]:
    assert file.suffix in (".qlog", ".sqlog"), "others it refuses"
    text = file.read_text(encoding="utf-8")
    start = text[:HEADER_LOOKED_AT]
    assert "qlog_version" in start
    assert "qlog_format" in start
    assert "JSON-SEQ" in start
    assert "NDJSON" not in start
    parts = [part.strip() for part in text.split("\x1e")]
    header, *events = [json.loads(part) for part in parts if part]
    assert header["qlog_format"] == "JSON-SEQ"
    return header, events


def _take(drawn: Drawn, event: Event, reference_ms: float) -> None:
    category, name = event["name"].split(":")
    data = event["data"]
    at_ms = float(event["time"]) + reference_ms
    assert not drawn.absolute_ms or at_ms >= drawn.absolute_ms[-1], "it sorts what is out of order, with an alert"
    drawn.absolute_ms.append(at_ms)
    packet = data.get("header", {})
    assert "packet_size" not in packet
    assert "payload_length" not in packet
    assert "packet_type" not in data
    match (category, name):
        case ("transport", "packet_sent" | "packet_received"):
            assert data["raw"]["length"] > 0, "a packet without a size is not drawn"
            assert isinstance(packet["packet_number"], int)
            assert packet["packet_type"] == "1RTT"
            assert all(frame["frame_type"] in FRAME_TYPES for frame in data.get("frames", []))
            into = drawn.sent if name == "packet_sent" else drawn.received
            assert packet["packet_number"] not in into
            into[packet["packet_number"]] = event
        case ("recovery", "packet_lost"):
            drawn.lost.append(packet["packet_number"])
        case ("recovery", "metrics_updated"):
            drawn.rtts_ms.append(data["latest_rtt"])
            drawn.windows.append(data["congestion_window"])
            assert {"bytes_in_flight", "min_rtt", "smoothed_rtt"} <= data.keys()
        case ("recovery", "congestion_state_updated"):
            assert isinstance(data["new"], str)


def _link(drawn: Drawn) -> None:
    """As the congestion diagram does: the first acknowledgement that names a packet is the one that counts."""
    assert set(drawn.lost) <= drawn.sent.keys(), "a loss of what was not sent is not drawn"
    for event in drawn.received.values():
        for number in _acked(event):
            if number in drawn.sent:
                drawn.acked_at.setdefault(number, event["time"])
            else:
                drawn.acked_unsent += 1
    for event in drawn.sent.values():
        for number in _acked(event):
            if number in drawn.received:
                drawn.answered_at.setdefault(number, event["time"])
            else:
                drawn.answered_unheard += 1


def _acked(event: Event) -> list[int]:
    found: list[int] = []
    for frame in event["data"].get("frames", []):
        if frame["frame_type"] == "ack":
            for each in frame["acked_ranges"]:
                assert len(each) in (1, 2)
                assert each[0] <= each[-1]
                found += range(each[0], each[-1] + 1)
    return found


def arrows(start: Drawn, end: Drawn) -> int:
    """How many arrows the sequence diagram draws from the packets that one side sent to the same at the other side."""
    return len(start.sent.keys() & end.received.keys())
