"""Where other machines can reach this one, for a pairing token that names no address."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

LISTEN_FILE = "relay.listen"


def keep_listen(state: Path, listen: str) -> None:
    """Remember where the relay listens, for `relay pair` in another process."""
    (state / LISTEN_FILE).write_text(f"{listen}\n", encoding="utf-8")


def kept_listen(state: Path, default: str) -> str:
    """Where the relay listens, or listened when it ran last."""
    try:
        return (state / LISTEN_FILE).read_text(encoding="utf-8").strip() or default
    except (OSError, UnicodeDecodeError):
        return default


def reachable_hosts(listen_host: str) -> list[str]:
    """The numeric addresses behind a listening host: itself, or those of all interfaces that are up for a wildcard.

    Loopback is named only if there is nothing else: it is of use to an agent on this very machine alone.
    """
    import psutil

    wildcard = ipaddress.ip_address(listen_host)
    if not wildcard.is_unspecified:
        return [listen_host]
    family = socket.AF_INET if wildcard.version == 4 else socket.AF_INET6
    facts = psutil.net_if_stats()
    hosts = [
        address.address
        for name, addresses in sorted(psutil.net_if_addrs().items())
        for address in addresses
        if address.family == family and name in facts and facts[name].isup and _leads_here(address.address)
    ]
    return hosts or ["127.0.0.1" if wildcard.version == 4 else "::1"]


def _leads_here(text: str) -> bool:
    """Whether another machine can use it as it is written: no loopback, no scope of an interface."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return not (address.is_loopback or address.is_link_local)
