"""Who is near: what is announced on the local network, and what is made of others' announcements. Pure but for `own`.

An announcement is a fingerprint, addresses and a port; it has no name, no folder and no key, and proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Interface, ip_address
from typing import Protocol

from transfer_core.protocol.endpoint import Address

ADDRESSES_MAX = 8  # of one machine
Found = Callable[[str, tuple[Address, ...]], None]  # a fingerprint, and where it says to be; nowhere: it is gone


@dataclass(frozen=True, slots=True)
class Own:
    """This machine as it is announced."""

    fingerprint: str
    port: int


class Discovery(Protocol):
    """A way to find others. Methods may take a second; `found` is called from any thread."""

    def start(self, own: Own, found: Found) -> None:
        """Announce this machine and look for others, until `stop`."""
        ...

    def stop(self) -> None:
        """Say that this machine is gone. May be called twice, and without `start`."""
        ...


def near(addresses: Iterable[Address], networks: Iterable[IPv4Interface]) -> tuple[Address, ...]:
    """Those of the addresses that are on a network of this machine: an announcement can't send hellos elsewhere."""
    nets = [interface.network for interface in networks]
    fits = [each for each in addresses if 0 < each[1] < 65536 and any(_is_in(each[0], net) for net in nets)]
    return tuple(dict.fromkeys(fits))[:ADDRESSES_MAX]


def _is_in(host: str, network: object) -> bool:
    try:
        return ip_address(host) in network  # type: ignore[operator]
    except ValueError:
        return False
