"""Tells this machine from others: addresses to listen on, and the hosts and origins that requests name."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host, as an address or as `localhost`, is this machine."""
    bare = host.strip("[]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def names_this_machine(host: str | None, origin: str | None) -> bool:
    """Whether the `Host` and `Origin` of a request are this machine, or not there.

    A web page elsewhere can reach loopback through a name that it controls (DNS rebinding), but can't hide that name.
    """
    named = [host or "", (origin or "").partition("://")[2]]
    return all(
        not text or is_loopback(text.rpartition(":")[0] if text.rpartition(":")[2].isdecimal() else text)
        for text in named
    )
