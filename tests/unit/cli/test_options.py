import pytest

from transfer_core.cli.options import (
    format_address,
    link_names,
    parse_address,
    parse_listen,
    parse_seconds,
    window_size,
)
from transfer_core.cli.own_addresses import keep_listen, kept_listen, reachable_hosts
from transfer_core.errors import UsageError


@pytest.mark.parametrize("text", ["10.0.0.5:9000", "pit.local:1", "[fd00::5]:65535"])
def test_addresses_are_read_and_written_the_same(text: str) -> None:
    assert format_address(parse_address(text)) == text


@pytest.mark.parametrize("text", ["", "pit", ":9000", "pit:", "pit:0", "pit:65536", "pit:x", "fd00::5:x", "a:b:9"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


def test_a_relay_listens_on_numeric_addresses_and_any_port() -> None:
    assert parse_listen("localhost:0") == ("127.0.0.1", 0)
    assert parse_listen("[::]:9000") == ("::", 9000)
    with pytest.raises(UsageError, match="numeric"):
        parse_listen("pit.local:9000")


def test_durations_and_link_names() -> None:
    assert parse_seconds("10m") == 600
    assert link_names(" a, b,") == ["a", "b"]
    assert link_names(None) is None
    for wrong in ("0s", "soon", "-1s"):
        with pytest.raises(UsageError):
            parse_seconds(wrong)


def test_a_token_without_addresses_names_where_the_relay_listens(tmp_path) -> None:
    assert kept_listen(tmp_path, "127.0.0.1:9000") == "127.0.0.1:9000"
    keep_listen(tmp_path, "0.0.0.0:9999")
    assert kept_listen(tmp_path, "127.0.0.1:9000") == "0.0.0.0:9999"
    assert reachable_hosts("192.0.2.5") == ["192.0.2.5"]


def test_a_wildcard_stands_for_the_machines_addresses_and_never_for_itself() -> None:
    hosts = reachable_hosts("0.0.0.0")
    assert hosts
    assert "0.0.0.0" not in hosts
    assert hosts == ["127.0.0.1"] or not any(host.startswith("127.") for host in hosts)


@pytest.mark.parametrize("text", ["", "x", "1366", "1366x", "1366x-768", "0x0", "100x768", "1366x99999", "²x²"])
def test_a_size_that_no_window_has_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        window_size(text)


def test_a_size_is_two_numbers_of_px() -> None:
    assert window_size("1366X768") == (1366, 768)
    assert window_size(None) is None
