from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import NotFoundError, UsageError
from transfer_core.events.watches import TriggerRun
from transfer_core.ingest.trigger import Trigger, accepted_reply, error_reply, parse_trigger

REFERENCE = b'{"frame_id": "frame_camera01_000046836.jpg", "ball_id": "ball_001"}'


def test_the_references_message_is_understood() -> None:
    trigger = parse_trigger(REFERENCE)
    assert trigger == Trigger("frame_camera01_000046836.jpg", "ball_001", "camera01", 46836)
    assert trigger.frame_of("camera02") == "frame_camera02_000046836.jpg"


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"frame_id": 7}',
        b'{"frame_id": "nothing"}',
        b'{"frame_id": "../frame_camera01_1.jpg"}',
        b'{"frame_id": "frame_camera01_1.jpg", "ball_id": 1}',
        b'{"frame_id": "frame_camera01_1.jpg", "ball_id": ".."}',
        b'{"frame_id": "frame_camera01_1.jpg", "ball_id": "a/b"}',
        b'{"frame_id": "frame_camera01_1.jpg", "ball_id": "ball\\u0000"}',
        b"[" * 60_000,
        b" " * 70_000,
    ],
)
def test_a_message_that_is_no_trigger_is_refused(message: bytes) -> None:
    with pytest.raises(UsageError):
        parse_trigger(message)


@given(st.binary(max_size=200) | st.dictionaries(st.text(), st.text()).map(lambda value: json.dumps(value).encode()))
def test_no_message_breaks_it(message: bytes) -> None:
    try:
        trigger = parse_trigger(message)
        reply = accepted_reply(TriggerRun("job-1", trigger.frame_id, trigger.ball_id, trigger.camera, (), ""))
    except UsageError as refusal:
        reply = error_reply(refusal)
    assert json.loads(reply)["status"] in ("accepted", "error")


def test_what_a_trigger_is_told() -> None:
    frame = "frame_camera01_000046836.jpg"
    run = TriggerRun("job-1", frame, "ball_001", "camera01", ("camera01", "camera02"), "ball_001/camera01")
    assert json.loads(accepted_reply(run)) == {
        "status": "accepted",
        "job_id": "job-1",
        "frame_id": frame,
        "ball_id": "ball_001",
        "camera": "camera01",
        "cameras": ["camera01", "camera02"],
        "dest_path": "ball_001/camera01",
    }
    refused = json.loads(error_reply(NotFoundError("no camera", hint="Add it.")))
    assert refused == {"status": "error", "error": "E_NOT_FOUND", "message": "no camera", "hint": "Add it."}
