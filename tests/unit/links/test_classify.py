from __future__ import annotations

import pytest

from transfer_core.events import LinkKind
from transfer_core.links.classify import classify, kind_of, links_for
from transfer_core.links.model import InterfaceFact, Link


def fact(name: str, *addresses: str, up: bool = True, **more: object) -> InterfaceFact:
    return InterfaceFact(name, up, addresses or ("192.0.2.7",), **more)  # type: ignore[arg-type]


LO = fact("lo", "127.0.0.1", "::1")
ETH = fact("eth0", "192.0.2.7", "2001:db8::7")
WIFI = fact("wlan0", "198.51.100.7")
VETH = fact("veth1", "203.0.113.1")


def usable(links: list[Link]) -> list[str]:
    return [link.name for link in links if link.usable]


def why(links: list[Link]) -> dict[str, str]:
    return {link.name: link.why for link in links if not link.usable}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lo", LinkKind.LOOPBACK),
        ("lo0", LinkKind.LOOPBACK),
        ("Loopback Pseudo-Interface 1", LinkKind.LOOPBACK),
        ("eth0", LinkKind.ETHERNET),
        ("enp3s0", LinkKind.ETHERNET),
        ("Ethernet 2", LinkKind.ETHERNET),
        ("em1", LinkKind.ETHERNET),
        ("wlan0", LinkKind.WIFI),
        ("wlp2s0", LinkKind.WIFI),
        ("Wi-Fi", LinkKind.WIFI),
        ("wwan0", LinkKind.CELLULAR),
        ("wwp0s20u4", LinkKind.CELLULAR),
        ("rmnet_data0", LinkKind.CELLULAR),
        ("usb0", LinkKind.CELLULAR),
        ("starlink0", LinkKind.SATELLITE),
        ("bond0", LinkKind.OTHER),
    ],
)
def test_the_kind_is_read_from_the_name(name: str, kind: LinkKind) -> None:
    assert kind_of(fact(name)) is kind


def test_driver_and_radio_tell_more_than_the_name() -> None:
    assert kind_of(fact("enx0215e0ec0100", driver="rndis_host")) is LinkKind.CELLULAR
    assert kind_of(fact("enp0s20u1", driver="qmi_wwan")) is LinkKind.CELLULAR
    assert kind_of(fact("en0", is_wireless=True)) is LinkKind.WIFI


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("eth0", {"has_carrier": False}, "no carrier"),
        ("eth0", {"up": False, "has_carrier": False}, "no carrier"),
        ("eth0", {"up": False}, "down"),
        ("eth0", {"master": "bond0"}, "part of bond0"),
        ("docker0", {}, "virtual"),
        ("veth12ab", {}, "virtual"),
        ("br-9f00", {}, "virtual"),
        ("virbr0", {}, "virtual"),
        ("tun0", {}, "virtual"),
        ("tap3", {}, "virtual"),
        ("vEthernet (WSL)", {}, "virtual"),
    ],
)
def test_an_unusable_interface_says_why(name: str, more: dict[str, object], reason: str) -> None:
    link = classify(fact(name, **more))
    assert not link.usable
    assert link.why == reason


def test_no_address_and_only_link_local_ones_are_told_apart() -> None:
    assert classify(InterfaceFact("eth0", True)).why == "no address"
    assert classify(fact("eth0", "169.254.3.4", "fe80::1")).why == "link-local only"
    both = classify(fact("eth0", "192.0.2.7", "fe80::1"))
    assert both.usable
    assert both.addresses == ("192.0.2.7",)


def test_a_virtual_interface_serves_when_it_is_asked_for() -> None:
    assert classify(VETH, asked_for=True).usable
    assert usable(links_for(["203.0.113.2"], [ETH, VETH], ["veth1"])) == ["veth1"]
    assert why(links_for(["203.0.113.2"], [ETH, VETH], ["veth1"])) == {"eth0": "not among the chosen links"}


def test_a_relay_elsewhere_is_reached_over_everything_but_loopback() -> None:
    links = links_for(["203.0.113.2"], [ETH, WIFI, VETH, LO], None)
    assert usable(links) == ["eth0", "wlan0"]
    assert why(links) == {"veth1": "virtual", "lo": "the relay is on another machine"}


@pytest.mark.parametrize("relay", ["127.0.0.1", "localhost", "::1", "192.0.2.7", "::ffff:192.0.2.7"])
def test_a_relay_on_this_machine_is_reached_over_loopback_alone(relay: str) -> None:
    links = links_for([relay], [ETH, WIFI, LO], None)
    assert usable(links) == ["lo"]
    assert why(links)["eth0"] == "the relay is on this machine"


def test_links_chosen_by_name_serve_for_a_relay_on_this_machine() -> None:
    assert usable(links_for(["192.0.2.7"], [ETH, WIFI, LO], ["eth0", "wlan0"])) == ["eth0", "wlan0"]
    assert why(links_for(["127.0.0.1"], [ETH, LO], ["eth0", "lo"])) == {"eth0": "the relay listens on loopback only"}


def test_loopback_chosen_for_a_relay_elsewhere_still_says_no() -> None:
    assert why(links_for(["203.0.113.2"], [ETH, LO], ["lo"]))["lo"] == "the relay is on another machine"


def test_a_chosen_link_that_does_not_exist_is_named() -> None:
    assert why(links_for(["203.0.113.2"], [ETH], ["eth0", "wlan7"])) == {"wlan7": "there is no such interface"}


def test_a_link_without_the_relays_address_family_is_left_out() -> None:
    links = links_for(["2001:db8::99"], [ETH, WIFI], None)
    assert usable(links) == ["eth0"]
    assert why(links) == {"wlan0": "no IPv6 address, and the relay has no other"}
    assert usable(links_for(["2001:db8::99", "203.0.113.2"], [ETH, WIFI], None)) == ["eth0", "wlan0"]


def test_a_relay_known_by_name_only_leaves_all_links_in() -> None:
    assert usable(links_for(["relay.example"], [ETH, WIFI, LO], None)) == ["eth0", "wlan0"]
