"""Real processes with a proxy between them that mangles what it carries: the file is equal all the same."""

from __future__ import annotations

from tests.support.field import Field, data_of
from tests.support.mangling_proxy import ManglingProxy
from transfer_core.protocol.security.tokens import parse_address


def test_mangled_doubled_replayed_and_forged_datagrams_change_nothing(field: Field) -> None:
    relay = field.start_relay()
    proxy = ManglingProxy(parse_address(field.listen), seed=1)
    try:
        field.pair(proxy.address)
        data = data_of(6_000_000)
        (field.folder / "lap.bin").write_bytes(data)
        field.upload(field.folder / "lap.bin")
        agent = field.start_agent("--once")
        assert agent.wait() == 0, agent.err
        assert field.arrived() == {"lap.bin": data}
        assert min(proxy.done.values()) > 20, proxy.done
        assert len(proxy.done) == 6, proxy.done
        assert relay.stop() == 0
        assert relay.err == ""
        assert [event["event"] for event in relay.events] == ["ready", "agent", "received", "stopped"]
    finally:
        proxy.close()
