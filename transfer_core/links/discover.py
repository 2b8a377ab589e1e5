"""Asks the operating system for its interfaces.

psutil tells names, addresses, speed and MTU everywhere; Linux adds carrier, radio, driver and master under
/sys/class/net. The system's own answer is taken as it is; what it means is decided in `classify`.
"""

from __future__ import annotations

import socket
from pathlib import Path

import psutil

from transfer_core.links.model import InterfaceFact

SYS_CLASS_NET = Path("/sys/class/net")
FAMILIES = (socket.AF_INET, socket.AF_INET6)


def scan(sys_class_net: Path = SYS_CLASS_NET) -> list[InterfaceFact]:
    """All interfaces in the order of their names, loopback last. Takes a few milliseconds; blocks for no network."""
    addresses = psutil.net_if_addrs()
    stats = psutil.net_if_stats()
    facts = []
    for name in sorted(addresses.keys() | stats.keys(), key=lambda name: (name.startswith("lo"), name)):
        stat = stats.get(name)
        numbers = [(entry.family, entry.address.partition("%")[0]) for entry in addresses.get(name, [])]
        folder = sys_class_net / name
        facts.append(
            InterfaceFact(
                name=name,
                is_up=stat is not None and stat.isup,
                addresses=tuple(text for wanted in FAMILIES for family, text in numbers if family == wanted),
                speed_mbps=stat.speed if stat is not None and stat.speed else None,
                mtu=stat.mtu if stat is not None and stat.mtu else None,
                has_carrier=_carrier(folder),
                is_wireless=_is_wireless(folder),
                driver=_target_name(folder / "device" / "driver"),
                master=_target_name(folder / "master"),
            )
        )
    return facts


def _carrier(folder: Path) -> bool | None:
    try:
        return (folder / "carrier").read_text().strip() == "1"
    except OSError:  # no Linux, or the interface is switched off: it can't be told
        return None


def _is_wireless(folder: Path) -> bool | None:
    if not folder.exists():
        return None
    return (folder / "wireless").exists() or (folder / "phy80211").exists()


def _target_name(symlink: Path) -> str:
    try:
        return symlink.readlink().name
    except OSError:
        return ""
