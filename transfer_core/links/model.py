"""What a scan finds: the bare facts about an interface, and the link that they make."""

from __future__ import annotations

from dataclasses import dataclass

from transfer_core.events import LinkKind


@dataclass(frozen=True, slots=True)
class InterfaceFact:
    """What the operating system says about one interface. `None`: it does not say."""

    name: str
    is_up: bool
    addresses: tuple[str, ...] = ()  # numeric, IPv4 first, without prefix length or scope
    speed_mbps: int | None = None
    mtu: int | None = None
    has_carrier: bool | None = None
    is_wireless: bool | None = None
    driver: str = ""  # of the device, such as "qmi_wwan"
    master: str = ""  # the bond or bridge that it is a port of


@dataclass(frozen=True, slots=True)
class Link:
    """One way out of this machine. When it is not usable, `why` says it for people."""

    name: str
    kind: LinkKind
    device: str
    usable: bool
    why: str = ""
    addresses: tuple[str, ...] = ()  # those that can be sent from; link-local ones are left out
    speed_mbps: int | None = None
    mtu: int | None = None
