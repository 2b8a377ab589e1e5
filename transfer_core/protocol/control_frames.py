"""The frames of a control packet: acknowledgements, pings, messages and live datagrams, one behind the other.

0x00            padding up to the end
0x01            an acknowledgement: of which path, length, and what `recovery.ack` says
0x03            a ping: nothing but a wish for an answer
others          see `ordered_messages` and `live_frame`
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from transfer_core.errors import RemoteProtocolError
from transfer_core.protocol.live_frame import FRAME_LIVE, LiveFrame, decode_frame, frame_length
from transfer_core.protocol.ordered_messages import FRAME_MESSAGE, MESSAGE_HEAD
from transfer_core.protocol.recovery.ack import Ack, decode_ack, encode_ack

_FRAME_PADDING = 0x00
FRAME_ACK = 0x01
_FRAME_PING = 0x03
_ACK_HEAD = struct.Struct(">BBH")
PING_FRAME = bytes((_FRAME_PING,))


@dataclass(frozen=True, slots=True)
class AckFrame:
    """What has arrived on one path."""

    path: int
    ack: Ack


@dataclass(frozen=True, slots=True)
class MessageFrame:
    """A message, encoded, with its number in the session."""

    sequence: int
    body: bytes


Frame = AckFrame | MessageFrame | LiveFrame


def ack_frame(path: int, ack: Ack, room_bytes: int) -> bytes:
    """An acknowledgement of what came on that path, in `room_bytes` at most."""
    body = encode_ack(ack, room_bytes - _ACK_HEAD.size)
    return _ACK_HEAD.pack(FRAME_ACK, path, len(body)) + body


def frames_of(body: memoryview) -> Iterator[Frame]:
    """What a control packet says, but for pings. RemoteProtocolError at the first frame that makes no sense."""
    at = 0
    while at < len(body):
        kind = body[at]
        if kind == _FRAME_PING:
            at += 1
        elif kind == FRAME_ACK and len(body) >= at + _ACK_HEAD.size:
            _, path, length = _ACK_HEAD.unpack_from(body, at)
            at += _ACK_HEAD.size
            ack, _ = decode_ack(body[at : at + length])
            yield AckFrame(path, ack)
            at += length
        elif kind == FRAME_MESSAGE and len(body) >= at + MESSAGE_HEAD.size:
            _, sequence, length = MESSAGE_HEAD.unpack_from(body, at)
            at += MESSAGE_HEAD.size
            if len(body) < at + length:
                raise RemoteProtocolError("a message is cut short")
            yield MessageFrame(sequence, bytes(body[at : at + length]))
            at += length
        elif kind == FRAME_LIVE and len(body) >= at + 3:
            end = at + frame_length(body[at:])
            yield decode_frame(body[at:end])
            at = end
        elif kind == _FRAME_PADDING:
            return
        else:
            raise RemoteProtocolError(f"unknown frame 0x{kind:02x}")
