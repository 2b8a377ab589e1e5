"""Turns the facts about interfaces into links: of what kind each is, whether it can be used, and for which relay.

The kind is read from the name first, since names are what people know (systemd: `en*`, `wl*`, `ww*`; older Linux:
`eth*`, `wlan*`; Windows: "Wi-Fi", "Ethernet 2"), then from the driver and from what the system says. An interface that
only exists within this machine (containers, bridges, tunnels) is left out unless it is asked for by name: it would send
the same bytes over the same wire twice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from transfer_core.events import LinkKind
from transfer_core.links.model import InterfaceFact, Link

_LOOPBACK = re.compile(r"lo\d*|loopback.*", re.IGNORECASE)
_VIRTUAL = re.compile(
    r"(docker|podman|veth|br-|virbr|vnet|tun|tap|wg|zt|tailscale|utun|ipsec|vmnet|vboxnet|lxc|lxd|cni|cali|flannel"
    r"|kube|dummy|ifb|sit\d|gre\d|ip6tnl|ip6gre|teql|nlmon|awdl|llw|anpi|gif|stf|bridge|vethernet|hyper-v|vmware|virtualbox"
    r"|npcap|tap-windows|wintun|openvpn|wireguard).*|br\d+",
    re.IGNORECASE,
)
_SATELLITE = re.compile(r".*(starlink|satellite|vsat|iridium).*|sat\d*", re.IGNORECASE)
_CELLULAR = re.compile(r"(ww|rmnet|pdp_ip|ccmni|usb\d|ppp\d|lte|4g|5g|mobile|cellular).*", re.IGNORECASE)
_WIFI = re.compile(r"(wl|ath\d|wi-?fi|wireless|drahtlos).*", re.IGNORECASE)
_ETHERNET = re.compile(r"(en|eth|em\d|p\d+p\d+|lan|lokales netz|local area).*", re.IGNORECASE)
_CELLULAR_DRIVERS = frozenset({"qmi_wwan", "cdc_mbim", "huawei_cdc_ncm", "sierra_net", "mhi_net", "iosm", "t7xx"})
_TETHER_DRIVERS = frozenset({"rndis_host", "ipheth"})  # a telephone on a USB cable


def kind_of(fact: InterfaceFact) -> LinkKind:
    """What the interface is made of, as well as its name, driver and the system tell."""
    if _LOOPBACK.fullmatch(fact.name):
        return LinkKind.LOOPBACK
    if _SATELLITE.fullmatch(fact.name):
        return LinkKind.SATELLITE
    if fact.driver in _CELLULAR_DRIVERS or fact.driver in _TETHER_DRIVERS or _CELLULAR.fullmatch(fact.name):
        return LinkKind.CELLULAR
    if fact.is_wireless or _WIFI.fullmatch(fact.name):
        return LinkKind.WIFI
    if _ETHERNET.fullmatch(fact.name):
        return LinkKind.ETHERNET
    return LinkKind.OTHER


def classify(fact: InterfaceFact, *, asked_for: bool = False) -> Link:
    """The link that an interface makes. One that is asked for by name is not left out for being virtual."""
    usable_addresses = tuple(text for text in fact.addresses if not _is_link_local(text))
    return Link(
        name=fact.name,
        kind=kind_of(fact),
        device=fact.name,
        usable=not (why := _why_unusable(fact, usable_addresses, asked_for)),
        why=why,
        addresses=usable_addresses,
        speed_mbps=fact.speed_mbps,
        mtu=fact.mtu,
    )


def links_for(relay_hosts: Sequence[str], facts: Iterable[InterfaceFact], chosen: Collection[str] | None) -> list[Link]:
    """All links, each usable for a relay at these numeric addresses or saying why not, in the order of `facts`.

    `chosen` limits them to the interfaces of those names, which may then be virtual ones too. A relay on this very
    machine is reached over loopback alone, unless links are chosen; any other relay never is.
    """
    known = list(facts)
    links = [classify(fact, asked_for=chosen is not None and fact.name in chosen) for fact in known]
    relay = [address for host in relay_hosts if (address := _parse(host)) is not None]
    own = {_parse(text) for fact in known for text in fact.addresses}
    is_here = any(address.is_loopback or address in own for address in relay)
    has_loopback = any(link.usable and link.kind is LinkKind.LOOPBACK for link in links)
    decided = [_for_relay(link, relay, is_here, has_loopback, chosen) for link in links]
    missing = sorted(set(chosen or ()) - {link.name for link in links})
    decided.extend(Link(name, LinkKind.OTHER, name, False, "there is no such interface") for name in missing)
    return decided


def _for_relay(
    link: Link,
    relay: Sequence[IPv4Address | IPv6Address],
    is_here: bool,
    has_loopback: bool,
    chosen: Collection[str] | None,
) -> Link:
    if not link.usable:
        return link
    versions = {address.version for address in relay}
    why = ""
    if chosen is not None and link.name not in chosen:
        why = "not among the chosen links"
    elif link.kind is LinkKind.LOOPBACK and not is_here:
        why = "the relay is on another machine"
    elif link.kind is not LinkKind.LOOPBACK and is_here and has_loopback and chosen is None:
        why = "the relay is on this machine"
    elif versions and versions.isdisjoint(address.version for text in link.addresses if (address := _parse(text))):
        why = f"no IPv{versions.pop()} address, and the relay has no other"
    elif relay and all(address.is_loopback for address in relay) and link.kind is not LinkKind.LOOPBACK:
        why = "the relay listens on loopback only"
    return replace(link, usable=False, why=why) if why else link


def _why_unusable(fact: InterfaceFact, usable_addresses: Sequence[str], asked_for: bool) -> str:
    if _VIRTUAL.fullmatch(fact.name) and not asked_for:
        return "virtual"
    if fact.master and not asked_for:
        return f"part of {fact.master}"
    if fact.has_carrier is False:
        return "no carrier"
    if not fact.is_up:
        return "down"
    if not fact.addresses:
        return "no address"
    if not usable_addresses:
        return "link-local only"
    return ""


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """The address that the text is; None for a name that is still to be looked up."""
    if text.lower() == "localhost":
        return IPv4Address("127.0.0.1")
    try:
        address = ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_link_local(text: str) -> bool:
    address = _parse(text)
    return address is None or address.is_link_local or address.is_unspecified
