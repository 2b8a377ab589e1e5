from __future__ import annotations

from transfer_core.net.memory_port import memory_port_pair


def test_what_does_not_fit_into_the_peers_backlog_is_not_taken() -> None:
    here, there = memory_port_pair(backlog_bytes=3500)
    payload = memoryview(bytes(range(250)) * 20)
    assert here.send(there.local_address, payload, 1000) == 3
    assert here.send(there.local_address, payload[3000:], 1000) == 0
    received = there.receive(0)
    assert received is not None
    assert (bytes(received.payload), received.datagrams) == (bytes(payload[:3000]), 3)
    assert here.send(there.local_address, payload[3000:], 1000) == 2
    here.close()
    there.close()


def test_what_goes_to_another_address_is_lost() -> None:
    here, there = memory_port_pair()
    assert here.send(("192.0.2.99", 1), memoryview(b"lost"), 10) == 1
    assert there.receive(0) is None
    here.close()
    there.close()
