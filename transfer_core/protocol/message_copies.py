"""How often a packet with messages is sent at once: a lost one would cost a round trip and more."""

from __future__ import annotations

import math

COPIES_LOSS_MIN = 0.02  # below this loss a message is sent once
COPIES_FEW = 2  # but for one of so few in flight: a start or an end hangs on it,
MESSAGES_FEW = 4  # and nothing behind it tells that it was lost
COPIES_MISS = 0.02  # above it so often that all copies are lost this rarely,
COPIES_MAX = 12  # but not more often,
COPIES_BYTES = 6000  # nor more than so much in all


def message_copies(loss: float, frames_bytes: int, messages_in_flight: int) -> int:
    """Copies of a packet with so many bytes of frames, where that share is lost; its own messages are in flight."""
    if loss < COPIES_LOSS_MIN:
        return COPIES_FEW if messages_in_flight <= MESSAGES_FEW else 1
    wanted = math.ceil(math.log(COPIES_MISS) / math.log(min(loss, 0.95)))
    return max(1, min(wanted, COPIES_BYTES // frames_bytes, COPIES_MAX))
