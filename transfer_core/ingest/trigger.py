"""What a trigger says, and what it is told: one JSON object each way. Pure.

    {"frame_id": "frame_camera01_000046836.jpg", "ball_id": "ball_001"}

    {"status": "accepted", "job_id": "...", "camera": "camera01", "dest_path": "ball_001/camera01", ...}
    {"status": "error", "error": "E_NOT_FOUND", "message": "...", "hint": "..."}

The frame's name tells its camera and its number: `PREFIX_CAMERA_NUMBER.EXTENSION`. A trigger for one camera starts the
same frame number on the others, since they are triggered together.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from transfer_core.errors import DrsError, UsageError
from transfer_core.events.watches import TriggerRun

MESSAGE_BYTES_MAX = 65_536
_FRAME = re.compile(r"(?P<head>[^/]*?)(?P<camera>[^_/]+)_(?P<number>\d{1,18})(?P<tail>\.[^/_]*)?")
_BALL = re.compile(r"(?!\.)[\w.+ -]{0,63}[\w+-]|")
EXAMPLE = 'Send {"frame_id": "frame_camera01_000046836.jpg", "ball_id": "ball_001"}.'


@dataclass(frozen=True, slots=True)
class Trigger:
    """One message, understood."""

    frame_id: str
    ball_id: str
    camera: str
    number: int

    def frame_of(self, camera: str) -> str:
        """The same frame of another camera."""
        found = _FRAME.fullmatch(self.frame_id)
        assert found is not None
        return f"{found['head']}{camera}_{found['number']}{found['tail'] or ''}"


def parse_trigger(message: bytes) -> Trigger:
    """The message's meaning. UsageError says what is wrong with it."""
    if len(message) > MESSAGE_BYTES_MAX:
        raise UsageError(f"a trigger of {len(message)} bytes is too long", hint=EXAMPLE)
    try:
        value = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the trigger is no JSON: {error}", hint=EXAMPLE) from error
    if not isinstance(value, dict):
        raise UsageError("the trigger is no JSON object", hint=EXAMPLE)
    frame_id, ball_id = value.get("frame_id"), value.get("ball_id", "")
    if not isinstance(frame_id, str) or not isinstance(ball_id, str):
        raise UsageError("frame_id and ball_id have to be texts", hint=EXAMPLE)
    return make_trigger(frame_id, ball_id)


def make_trigger(frame_id: str, ball_id: str) -> Trigger:
    """A trigger for that frame. UsageError if the names can't be those of a frame and a ball."""
    found = _FRAME.fullmatch(frame_id)
    if found is None or not frame_id.isprintable():
        raise UsageError(f"{frame_id[:200]!r} is no frame's name", hint="It has to end with _CAMERA_NUMBER.EXTENSION.")
    if _BALL.fullmatch(ball_id) is None:
        raise UsageError(f"{ball_id[:200]!r} can't be a ball's name", hint="Use letters, digits, - and _.")
    return Trigger(frame_id, ball_id, found["camera"], int(found["number"]))


def accepted_reply(run: TriggerRun) -> bytes:
    """The answer to a trigger that was taken, before anything is copied."""
    return _encode(
        {
            "status": "accepted",
            "job_id": run.run_id,
            "frame_id": run.frame_id,
            "ball_id": run.ball_id,
            "camera": run.camera,
            "cameras": list(run.cameras),
            "dest_path": run.dest_path,
        }
    )


def error_reply(error: DrsError) -> bytes:
    """The answer to a trigger that was not."""
    return _encode({"status": "error", "error": error.code, "message": error.message, "hint": error.hint})


def _encode(value: dict[str, object]) -> bytes:
    return json.dumps(value).encode()
