from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.support.telemetry_world import until_read
from transfer_core.errors import LinkDown, PortInUse
from transfer_core.telemetry.arrivals import Arrivals
from transfer_core.telemetry.receiver import Listener, Receiver


class Taken:
    """Everything that a receiver handed over."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, Arrivals]] = []
        self.more = threading.Condition()

    def take(self, listener: Listener, arrivals: Arrivals) -> None:
        with self.more:
            self.batches.append((listener.port, arrivals))
            self.more.notify_all()

    def wait_for(self, count: int) -> None:
        with self.more:
            assert self.more.wait_for(lambda: self.count() >= count, timeout=60)

    def count(self) -> int:
        return sum(len(arrivals) for _, arrivals in self.batches)


@pytest.fixture
def taken():
    return Taken()


@pytest.fixture
def receiver(taken):
    running = Receiver(taken.take)
    yield running
    running.stop()


def test_datagrams_of_many_senders_come_whole_and_in_order_with_times(receiver, taken) -> None:
    listener = receiver.listen("127.0.0.1", 0)
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    before_ns = time.time_ns()
    for number in range(100):
        if number % 10 == 9:
            until_read(listener.port)
        for sender in senders:
            sender.sendto(b"%d" % number + b"." * number * 10, ("127.0.0.1", listener.port))
    taken.wait_for(300)
    ports = [sender.getsockname()[1] for sender in senders]
    for sender in senders:
        sender.close()
    seen = [each for _, batch in taken.batches for each in zip(batch.senders, batch.datagrams, strict=True)]
    for port in ports:
        mine = [datagram for (_, source), datagram in seen if source == port]
        assert mine == [b"%d" % number + b"." * number * 10 for number in range(100)]
    times = [moment for _, batch in taken.batches for moment in batch.time_ns]
    assert times == sorted(times)
    assert abs(times[0] - before_ns) < 5e9
    assert listener.datagrams == 300
    assert listener.kernel_drops() in (0, None)


def test_an_empty_datagram_is_one_too(receiver, taken) -> None:
    listener = receiver.listen("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"", ("127.0.0.1", listener.port))
        taken.wait_for(1)
    assert taken.batches[0][1].datagrams == [b""]


def test_the_buffer_is_large_and_read_back(receiver) -> None:
    listener = receiver.listen("127.0.0.1", 0)
    assert listener.buffer_bytes > 300_000


def test_what_the_kernel_drops_is_counted(receiver, taken, monkeypatch) -> None:
    monkeypatch.setattr("transfer_core.telemetry.receiver.BUFFER_WANTED_BYTES", 1)
    entered, go_on = threading.Event(), threading.Event()
    take = taken.take

    def slow(listener: Listener, arrivals: Arrivals) -> None:
        take(listener, arrivals)
        entered.set()
        assert go_on.wait(60.0)

    stuck = Receiver(slow)
    try:
        listener = stuck.listen("127.0.0.1", 0)
        if listener.kernel_drops() is None:
            pytest.skip("this system does not tell what it drops")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"first", ("127.0.0.1", listener.port))
            assert entered.wait(60.0)
            for _ in range(3000):
                sender.sendto(b"x" * 1000, ("127.0.0.1", listener.port))
        dropped = listener.kernel_drops()
        go_on.set()
        assert dropped is not None
        assert dropped > 0
        taken.wait_for(3001 - dropped)
    finally:
        go_on.set()
        stuck.stop()
    assert taken.count() + dropped == 3001


def test_a_port_in_use_and_an_address_of_others_are_refused(receiver) -> None:
    listener = receiver.listen("127.0.0.1", 0)
    with pytest.raises(PortInUse):
        receiver.listen("127.0.0.1", listener.port)
    with pytest.raises(LinkDown):
        receiver.listen("192.0.2.1", 0)


def test_closing_a_port_hands_over_what_has_arrived(receiver, taken) -> None:
    listener = receiver.listen("127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for number in range(50):
            sender.sendto(b"%d" % number, ("127.0.0.1", listener.port))
    receiver.close_port(listener.port)
    assert taken.count() == 50
    again = receiver.listen("127.0.0.1", listener.port)
    assert again.port == listener.port
