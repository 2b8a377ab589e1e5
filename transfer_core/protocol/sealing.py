"""Seals and opens the datagrams of one session: headers, nonces, keys. Knows nothing of what is inside.

Equal datagrams are worked on as rows of one buffer whose slices were made once, since at a gigabit each slice made
anew would cost as much as the cipher. Lone ones, which are of any size, take the plain way.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from cryptography.exceptions import InvalidTag
from numpy.typing import NDArray

from transfer_core.protocol.security.keys import PathKeys
from transfer_core.protocol.wire.datagram import (
    FLOOR_UNIT,
    OUTER_BYTES,
    PN_HIGH_BITS,
    PREFIX,
    PREFIX_BYTES,
    SEALED_OVERHEAD,
    Burst,
    BurstPool,
    DataRows,
    Kind,
    floor_distance,
    floor_distances,
)

SEAL_BYTES = 4 * 65_507  # four times what one UDP send can carry: what is done once a burst costs less then
SEAL_ROWS = SEAL_BYTES // 1472
OPEN_BYTES = 5 * 65_507  # and what comes in at once may be one receive more
OPEN_ROWS = OPEN_BYTES // 1472
OPEN_SIZES_KEPT = 3
_OUTER = struct.Struct(">BBIHI")
_NONCE = struct.Struct(">IQ")
_PREFIX = struct.Struct(">HI")
_US_MASK = 0xFFFFFFFF


def seal_rows_max(datagram_bytes: int) -> int:
    """How many datagrams of that size can be sealed at once."""
    return min(SEAL_ROWS, SEAL_BYTES // datagram_bytes)


def prefixes(plain: NDArray[np.uint8], pns: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """What opened rows of those numbers say first: the sender's floor, and when they were sent (us mod 2**32)."""
    if len(pns) == 1:  # most often, and numpy is slow with little
        distance, sent_us = _PREFIX.unpack_from(plain[0])
        return pns - distance * FLOOR_UNIT, np.array((sent_us,), np.uint32)
    prefix = plain[:, :PREFIX_BYTES].view(PREFIX)[:, 0]
    return pns - prefix["floor"].astype(np.int64) * FLOOR_UNIT, prefix["tx_us"].astype(np.uint32)


def open_rows_max(datagram_bytes: int) -> int:
    """How many datagrams of that size can be opened at once; less memory is set aside than for the usual size."""
    return max(1, min(OPEN_ROWS, OPEN_BYTES // datagram_bytes))


@dataclass(frozen=True, slots=True)
class Outside:
    """What equal datagrams say on the outside; `is_uniform`: all are of this kind, path and session."""

    kind: int
    path: int
    session: int
    pns: NDArray[np.int64]
    is_uniform: bool


class Sealing:
    """The two directions' keys, and buffers. What is given out is valid until the next call of the same method."""

    def __init__(self, peer_index: int, send_keys: PathKeys, receive_keys: PathKeys) -> None:
        self._peer_index = peer_index
        self._send_keys = send_keys
        self._receive_keys = receive_keys
        self._sending = BurstPool(seal_rows_max)
        self._opening = BurstPool(open_rows_max, OPEN_SIZES_KEPT)

    # --- sending

    def data_rows(self, plain_bytes: int) -> DataRows:
        """Plain rows, `seal_rows_max` of them, to be filled but for their prefixes, for `seal_rows`."""
        return self._sending.burst(plain_bytes).data

    def seal_rows(
        self, path: int, plain_bytes: int, count: int, first_pn: int, floor: int, now_ns: int
    ) -> tuple[memoryview, int]:
        """Seal the first `count` of those rows; gives the datagrams back to back, and the length of each."""
        burst = self._sending.burst(plain_bytes)
        if count == 1:
            return self._seal_row(burst, path, first_pn, floor, now_ns), burst.datagram_bytes
        burst.floors[:count] = floor_distances(first_pn, count, floor)
        burst.sent_us[:count] = now_ns // 1000 & _US_MASK
        burst.address_rows(count, Kind.DATA, path, self._peer_index, first_pn)
        keys = self._send_keys
        aead = keys.aead(path, first_pn)
        if keys.aead(path, first_pn + count - 1) is aead:
            seal = aead.encrypt_into
            for nonce, plain, head, sealed in burst.rows(count)[:count]:
                seal(nonce, plain, head, sealed)
        else:
            for i, (nonce, plain, head, sealed) in enumerate(burst.rows(count)[:count]):
                keys.aead(path, first_pn + i).encrypt_into(nonce, plain, head, sealed)
        return burst.payload[: count * burst.datagram_bytes], burst.datagram_bytes

    def _seal_row(self, burst: Burst, path: int, pn: int, floor: int, now_ns: int) -> memoryview:
        """The first row alone: numpy is slow with little."""
        nonce, plain, head, sealed = burst.rows(1)[0]
        _PREFIX.pack_into(plain, 0, floor_distance(pn, floor), now_ns // 1000 & _US_MASK)
        _OUTER.pack_into(head, 0, Kind.DATA, path, self._peer_index, pn >> 32, pn & 0xFFFFFFFF)
        _NONCE.pack_into(nonce, 0, path, pn)
        burst.note_first_row(Kind.DATA, path, self._peer_index, pn)
        self._send_keys.aead(path, pn).encrypt_into(nonce, plain, head, sealed)
        return burst.payload[: burst.datagram_bytes]

    def seal_one(self, kind: Kind, path: int, pn: int, floor: int, frames: bytes, now_ns: int) -> bytes:
        """A datagram with frames."""
        plain = _PREFIX.pack(floor_distance(pn, floor), now_ns // 1000 & _US_MASK) + frames
        head = _OUTER.pack(kind, path, self._peer_index, pn >> 32, pn & 0xFFFFFFFF)
        return head + self._send_keys.aead(path, pn).encrypt(_NONCE.pack(path, pn), plain, head)

    # --- receiving

    def outside(self, payload: memoryview, count: int, width: int) -> Outside | None:
        """Read the headers of up to `open_rows_max` datagrams of `width` bytes each. None if they are too short."""
        if width < SEALED_OVERHEAD + PREFIX_BYTES:
            return None
        if count == 1:
            kind, path, session, high, low = _OUTER.unpack_from(payload)
            return Outside(kind, path, session, np.array((high << 32 | low,), np.int64), True)
        burst = self._opening.burst(width - SEALED_OVERHEAD)
        burst.sealed[:count] = np.frombuffer(payload, np.uint8, count * width).reshape(count, width)
        kind, path, session, _, _ = _OUTER.unpack_from(payload)
        pns = (burst.pns_high[:count].astype(np.int64) << 32) | burst.pns_low[:count]
        names = burst.names[:count]
        others = np.count_nonzero((names ^ names[0]) << PN_HIGH_BITS)
        return Outside(kind, path, session, pns, others == 0)

    def open_rows(
        self, payload: memoryview, outside: Outside, wanted: NDArray[np.bool_], width: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """Open those rows of what `outside` read last that are wanted; gives plain rows, and which of all opened."""
        if len(outside.pns) == 1:
            return self._open_one(payload, outside, wanted)
        count, path, pns, keys = len(outside.pns), outside.path, outside.pns, self._receive_keys
        burst = self._opening.burst(width - SEALED_OVERHEAD)
        burst.name_nonces(count, path, pns)
        if wanted.all():  # nothing is done with what is stale, the keys included
            decrypt = keys.aead(path, int(pns[-1])).decrypt_into
            try:
                for nonce, plain, head, sealed in burst.rows(count)[:count]:
                    decrypt(nonce, sealed, head, plain)
                return burst.plain[:count], wanted
            except InvalidTag:
                pass  # one is forged, or sealed with another epoch's key: find out which
        opened = wanted.copy()
        for i in np.flatnonzero(wanted).tolist():
            nonce, plain, head, sealed = burst.rows(i + 1)[i]
            try:
                keys.aead(path, int(pns[i])).decrypt_into(nonce, sealed, head, plain)
            except InvalidTag:
                opened[i] = False
        return burst.plain[:count], opened

    def _open_one(
        self, payload: memoryview, outside: Outside, wanted: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        if wanted[0]:
            pn = int(outside.pns[0])
            aead = self._receive_keys.aead(outside.path, pn)
            nonce = _NONCE.pack(outside.path, pn)
            try:
                plain = aead.decrypt(nonce, payload[OUTER_BYTES:], payload[:OUTER_BYTES])
            except InvalidTag:
                pass  # the answer says so
            else:
                return np.frombuffer(plain, np.uint8).reshape(1, -1), wanted
        return np.empty((1, 0), np.uint8), np.zeros(1, np.bool_)


assert PREFIX.itemsize == _PREFIX.size == PREFIX_BYTES
