"""Which datagrams are believed, and as what the others are counted."""

from __future__ import annotations

import numpy as np

from transfer_core.protocol.arrivals import Arrivals
from transfer_core.protocol.path import Counters, new_path
from transfer_core.protocol.sealing import Sealing
from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire.datagram import PREFIX_BYTES, Kind

SECRETS = bytes([1]) * 32, bytes([2]) * 32
BODY = b"\x03" + bytes(99)


class Stage:
    """Two ends: one that seals, and the way into the other."""

    def __init__(self) -> None:
        self._there = Sealing(7, PathKeys(SECRETS[0]), PathKeys(SECRETS[1]))
        self.counters = Counters()
        self.arrivals = Arrivals(Sealing(8, PathKeys(SECRETS[1]), PathKeys(SECRETS[0])), self.counters)
        self.path = new_path(0, ("192.0.2.1", 9000), 0)

    def datagram(self, pn: int, path: int = 0, body: bytes = BODY) -> bytes:
        return self._there.seal_one(Kind.CONTROL, path, pn, pn, body, 0)

    def take(self, payload: bytes, width: int) -> list[tuple[int, list[int]]]:
        """Of each run that opens: its path and packet numbers, which are noted as seen."""
        found: list[tuple[int, list[int]]] = []
        for run in self.arrivals.runs(memoryview(payload), width):
            opened = self.arrivals.open(run, self.path)
            if opened is not None:
                pns, plain = opened
                assert [bytes(row[PREFIX_BYTES:])[:1] for row in plain] == [b"\x03"] * len(pns)
                zeros = np.zeros(len(pns), np.int64)
                self.path.receiver.on_fresh(pns, zeros.astype(np.uint32), zeros, 1, True)
                found.append((run.outside.path, pns.tolist()))
        return found


def test_equal_datagrams_are_opened_together_and_a_shorter_last_one_by_itself() -> None:
    stage = Stage()
    equal, shorter = [stage.datagram(pn) for pn in range(5)], stage.datagram(5, body=BODY[:50])
    assert stage.take(b"".join(equal) + shorter, len(equal[0])) == [(0, [0, 1, 2, 3, 4]), (0, [5])]
    assert stage.counters == Counters()


def test_datagrams_of_several_paths_in_one_read_are_taken_one_by_one() -> None:
    stage = Stage()
    mixed = [stage.datagram(pn, path=pn % 2) for pn in range(4)]
    assert stage.take(b"".join(mixed), len(mixed[0])) == [(0, [0]), (1, [1]), (0, [2]), (1, [3])]


def test_what_was_seen_is_stale_and_what_was_changed_is_forged_and_the_rest_is_believed_all_the_same() -> None:
    stage = Stage()
    datagrams = [stage.datagram(pn) for pn in range(4)]
    width = len(datagrams[0])
    assert stage.take(datagrams[1], width) == [(0, [1])]
    datagrams[2] = datagrams[2][:-1] + bytes([datagrams[2][-1] ^ 1])
    assert stage.take(b"".join(datagrams), width) == [(0, [0, 3])]
    assert (stage.counters.stale, stage.counters.forged) == (1, 1)
    assert stage.take(b"".join(datagrams), width) == []
    assert (stage.counters.stale, stage.counters.forged) == (4, 2)


def test_what_is_too_short_to_be_a_datagram_is_counted_as_such() -> None:
    stage = Stage()
    assert stage.take(bytes(30), 10) == []
    assert stage.counters == Counters(malformed=3)
