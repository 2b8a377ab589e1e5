"""What the frames of a control packet are in qlog: acknowledgements, pings, and what QUIC has no name for.

An acknowledgement tells of everything since the sender's floor, so most of what it says was said before; viewers take
the first time that a packet is named. On a path that loses much it has hundreds of ranges: the newest `RANGES_MAX` are
written, and how many more there were. Field names are those of draft-ietf-quic-qlog-quic-events-03.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.control_frames import FRAME_ACK, PING_FRAME, AckFrame, MessageFrame, frames_of
from transfer_core.protocol.live_frame import FRAME_LIVE, LiveFrame
from transfer_core.protocol.ordered_messages import FRAME_MESSAGE
from transfer_core.protocol.recovery.ack import Ack

RANGES_MAX = 256
_US_PER_MS = 1000


def frames_in(body: bytes, path: int) -> list[dict[str, Any]]:
    """The frames of one packet of that path, as far as they make sense."""
    if body.startswith(PING_FRAME):
        return [{"frame_type": "ping"}]  # what follows a ping is padding
    found: list[dict[str, Any]] = []
    try:
        for frame in frames_of(memoryview(body)):
            match frame:
                case AckFrame(number, ack):
                    found.append(_ack(ack) if number == path else _unknown(FRAME_ACK, drs_path_id=number))
                case MessageFrame(sequence, message):
                    found.append(_unknown(FRAME_MESSAGE, raw_length=len(message), drs_message=sequence))
                case LiveFrame():
                    found.append(_unknown(FRAME_LIVE, drs_feed=frame.feed))
    except RemoteProtocolError:
        pass  # the session counts it, and takes what came before, too
    return found


def _unknown(raw_frame_type: int, **more: int) -> dict[str, Any]:
    return {"frame_type": "unknown", "raw_frame_type": raw_frame_type, **more}


def _ack(ack: Ack) -> dict[str, Any]:
    ranges = _acked_ranges(ack)
    frame: dict[str, Any] = {
        "frame_type": "ack",
        "ack_delay": ack.hold_us / _US_PER_MS,
        "acked_ranges": ranges[:RANGES_MAX],
        "drs_received_total": ack.received_total,
    }
    if len(ranges) > RANGES_MAX:
        frame["drs_ranges_left_out"] = len(ranges) - RANGES_MAX
    return frame


def _acked_ranges(ack: Ack) -> list[list[int]]:
    """From and to, both included, the newest first; one number where they are the same."""
    edges = _edges(ack.received) + ack.floor
    ranges = [[low, high] if low < high else [low] for low, high in zip(edges[::2], edges[1::2] - 1, strict=True)]
    ranges = [[int(number) for number in each] for each in reversed(ranges)]
    if ack.received_total and not (ranges and ranges[0][-1] == ack.largest):
        ranges.insert(0, [ack.largest])  # the body tells of older ones this time
    return ranges


def _edges(received: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where runs of received packets begin, and where they have ended, in turn."""
    padded = np.zeros(len(received) + 2, np.int8)
    padded[1:-1] = received
    return np.flatnonzero(np.diff(padded))
