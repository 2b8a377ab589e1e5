"""What is made of announcements, which anybody can make up."""

from __future__ import annotations

from ipaddress import IPv4Interface

from transfer_core.engine.direct.discovery import ADDRESSES_MAX, near

HOME = (IPv4Interface("192.168.7.20/24"), IPv4Interface("10.1.2.3/30"))


def test_only_addresses_on_own_networks_are_dialled() -> None:
    said = [("192.168.7.33", 4000), ("8.8.8.8", 53), ("10.1.2.2", 4000), ("192.168.8.1", 4000), ("127.0.0.1", 9)]
    assert near(said, HOME) == (("192.168.7.33", 4000), ("10.1.2.2", 4000))


def test_what_is_no_address_is_left_out() -> None:
    said = [("", 4000), ("pit.local", 4000), ("192.168.7.33", 0), ("192.168.7.33", 70_000), ("fe80::1", 4000)]
    assert near(said, HOME) == ()


def test_one_machine_has_only_so_many_addresses_each_once() -> None:
    said = [(f"192.168.7.{number % 100}", 4000) for number in range(1, 220)]
    found = near(said, HOME)
    assert len(found) == ADDRESSES_MAX
    assert len(set(found)) == ADDRESSES_MAX
