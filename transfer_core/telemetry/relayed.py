"""Telemetry that another machine's agent passes on: what it says about a feed, and the port that stands for it here.

Times of arrival are the agent's. Its clock may be wrong, so they are moved by the least difference to our clock that
was seen, which keeps the intervals between datagrams as they were there; and they never go back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from transfer_core.errors import ConfigError
from transfer_core.protocol.live_frame import LiveDatagram
from transfer_core.telemetry.arrivals import Arrivals, Sender

ABOUT_BYTES_MAX = 1100  # it goes in one message
NAME_MAX = 100
SENDERS_MAX = 1024  # of one feed


@dataclass(frozen=True, slots=True)
class About:
    """What an agent says of a feed. `pilots` are names by source as the agent calls it."""

    name: str
    port: int
    settings: Mapping[str, Any]
    pilots: Mapping[str, str] = field(default_factory=dict)


def encode_about(about: About) -> bytes:
    """As JSON, with as many pilots as there is room for. ConfigError if the layout alone is too long."""
    pilots = dict(about.pilots)
    while True:
        document = {"name": about.name[:NAME_MAX], "port": about.port, "settings": dict(about.settings)}
        text = json.dumps({**document, "pilots": pilots}, separators=(",", ":")).encode()
        if len(text) <= ABOUT_BYTES_MAX:
            return text
        if not pilots:
            raise ConfigError("the layout is too long to be passed on", hint="Leave some channels out.")
        pilots.popitem()


def decode_about(data: bytes) -> About:
    """What an agent said. ConfigError if it makes no sense."""
    try:
        found = json.loads(data)
        name, port, settings, pilots = (found[key] for key in ("name", "port", "settings", "pilots"))
        is_right = isinstance(name, str) and isinstance(settings, dict) and isinstance(pilots, dict)
        port = int(port)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError("what the agent says of its telemetry can't be read") from error
    if not is_right or not 0 < port < 65_536:
        raise ConfigError("what the agent says of its telemetry makes no sense")
    bare = " ".join(name.split())[:NAME_MAX]
    named = {str(source)[:NAME_MAX]: str(pilot)[:NAME_MAX] for source, pilot in pilots.items()}
    return About(bare or "live", port, settings, named)


@dataclass(slots=True)
class Relayed:
    """Stands for the port of another machine. Like `receiver.Listener`, without a socket."""

    origin: str  # the agent's name
    port: int  # as it is called here
    about: About
    datagrams: int = 0
    missing: int = 0
    refused_senders: int = 0
    error: str = ""
    buffer_bytes: int = 0
    _senders: dict[Sender, Sender] = field(default_factory=dict)
    _offset_ns: int | None = None
    _newest_ns: int = 0

    @property
    def host(self) -> str:
        """Where it comes from."""
        return self.origin

    def kernel_drops(self) -> int | None:
        """The agent knows."""
        return None

    def sender_here(self, sender: Sender) -> Sender | None:
        """A sender's name here, where other agents may have senders of that address; None for one too many."""
        known = self._senders.get(sender)
        if known is None and len(self._senders) < SENDERS_MAX:
            known = self._senders[sender] = (f"{self.origin}/{sender[0]}", sender[1])
        return known

    def arrivals(self, datagrams: Sequence[LiveDatagram], now_ns: int) -> Arrivals:
        """The datagrams as if they had arrived here."""
        offset_ns = now_ns - max((each.time_ns for each in datagrams), default=now_ns)
        if self._offset_ns is not None:
            offset_ns = min(offset_ns, self._offset_ns)
        self._offset_ns = offset_ns
        senders: list[Sender] = []
        times: list[int] = []
        payloads: list[bytes] = []
        for each in datagrams:
            sender = self.sender_here(each.sender)
            if sender is None:
                self.refused_senders += 1
                continue
            self._newest_ns = max(self._newest_ns, each.time_ns + offset_ns)
            senders.append(sender)
            times.append(self._newest_ns)
            payloads.append(each.data)
        self.datagrams += len(payloads)
        return Arrivals(senders, times, payloads)
