from __future__ import annotations

from pathlib import Path

from transfer_core.links.discover import scan


def test_the_loopback_interface_is_found_with_its_address() -> None:
    facts = {fact.name: fact for fact in scan()}
    loopback = next(fact for fact in facts.values() if "127.0.0.1" in fact.addresses)
    assert loopback.is_up
    assert loopback.mtu is not None


def test_addresses_carry_no_scope_and_ipv4_comes_first() -> None:
    for fact in scan():
        assert not any("%" in address for address in fact.addresses)
        assert list(fact.addresses) == sorted(fact.addresses, key=lambda text: ":" in text)


def test_carrier_radio_driver_and_master_come_from_the_system_files(tmp_path: Path) -> None:
    name = next(fact.name for fact in scan() if "127.0.0.1" in fact.addresses)
    folder = tmp_path / name
    (folder / "wireless").mkdir(parents=True)
    (folder / "device").mkdir()
    (folder / "carrier").write_text("0\n")
    (folder / "device" / "driver").symlink_to("../../bus/drivers/cdc_mbim")
    (folder / "master").symlink_to("../bond0")
    found = next(fact for fact in scan(tmp_path) if fact.name == name)
    assert (found.has_carrier, found.is_wireless, found.driver, found.master) == (False, True, "cdc_mbim", "bond0")


def test_without_system_files_nothing_is_claimed(tmp_path: Path) -> None:
    for fact in scan(tmp_path):
        assert (fact.has_carrier, fact.is_wireless, fact.driver, fact.master) == (None, None, "", "")
