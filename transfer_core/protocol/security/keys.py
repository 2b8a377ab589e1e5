"""The keys that seal datagrams: one for each direction, path and epoch of packet numbers.

    key = HKDF-SHA256(secret of the direction, info = "drs-sync path" || path id u8 || epoch u32),  epoch = pn >> 26
    nonce = path id u32 || packet number u64

A packet number is used once on its path and a path id once in a session, so no nonce is used twice under one key; and
no key seals more than 2**26 datagrams, below the 2**28 that RFC 9001 section B.1 allows for packets of 2**11 bytes.
"""

from __future__ import annotations

from collections import OrderedDict

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

EPOCH_BITS = 26
_KEPT = 64


def path_key(secret: bytes, path: int, epoch: int) -> bytes:
    """The 32-byte key of a path and epoch."""
    info = b"drs-sync path" + bytes((path,)) + epoch.to_bytes(4, "big")
    return HKDF(SHA256(), 32, None, info).derive(secret)


class PathKeys:
    """The sealing keys of one direction; the ones in use are kept at hand."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._at_hand: OrderedDict[tuple[int, int], AESGCM] = OrderedDict()

    def aead(self, path: int, packet_number: int) -> AESGCM:
        """The cipher for that packet."""
        place = (path, packet_number >> EPOCH_BITS)
        found = self._at_hand.get(place)
        if found is None:
            found = self._at_hand[place] = AESGCM(path_key(self._secret, *place))
            if len(self._at_hand) > _KEPT:
                self._at_hand.popitem(last=False)
        return found
