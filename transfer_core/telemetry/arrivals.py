"""Datagrams as they arrived: who sent them, when, and their bytes. Receiver, log and replays hand them around."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Sender = tuple[str, int]  # address and port


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Some datagrams in order of arrival. `time_ns` never goes back within one recorder."""

    senders: Sequence[Sender]
    time_ns: Sequence[int]
    datagrams: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.datagrams)


def merged(parts: Sequence[Arrivals]) -> Arrivals:
    """Several in their order as one."""
    if len(parts) == 1:
        return parts[0]
    return Arrivals(
        [sender for part in parts for sender in part.senders],
        [time_ns for part in parts for time_ns in part.time_ns],
        [datagram for part in parts for datagram in part.datagrams],
    )


def source_name(sender: Sender, vehicle: str = "") -> str:
    """`192.168.1.7:50123`, `[fd00::7]:50123/car07`."""
    host, port = sender
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{address}/{vehicle}" if vehicle else address
