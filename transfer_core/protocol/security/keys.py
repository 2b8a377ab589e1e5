"""The keys that seal datagrams: one for each direction, path and epoch of packet numbers.

    key = HKDF-SHA256(secret of the direction, info = "drs-sync path" || path id u8 || epoch u32),  epoch = pn >> 26
    nonce = path id u32 || packet number u64, big-endian

No nonce is used twice under one key: the secrets are new for each session and direction, a path id is used once in a
session and a packet number once on its path (and both stand in the nonce besides, as in QUIC multipath).

No key is used too often: it seals at most 2**26 datagrams of less than 2**11 bytes. RFC 9001 appendix B.1.1 allows
2**28 of that size under one AES-GCM key before an attacker's advantage passes 2**-57; section 6.6 allows 2**23 of any
size up to 2**16. A receiver may fail to open 2**57 of that size (B.1.2), more than any link brings, so it counts none.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

EPOCH_BITS = 26
EPOCHS_KEPT = 2  # a packet number that is fresh is at most one epoch away from the newest


def path_key(secret: bytes, path: int, epoch: int) -> bytes:
    """The 32-byte key of a path and epoch."""
    info = b"drs-sync path" + path.to_bytes(1, "big") + epoch.to_bytes(4, "big")
    return HKDF(SHA256(), 32, None, info).derive(secret)


class PathKeys:
    """The sealing keys of one direction; each path's two newest in use are kept at hand."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._at_hand: dict[int, dict[int, AESGCM]] = {}

    def aead(self, path: int, packet_number: int) -> AESGCM:
        """The cipher for that packet."""
        epoch = packet_number >> EPOCH_BITS
        of_path = self._at_hand.get(path)
        if of_path is None:
            of_path = self._at_hand[path] = {}
        found = of_path.get(epoch)
        if found is None:
            if len(of_path) >= EPOCHS_KEPT:
                del of_path[min(of_path)]
            found = of_path[epoch] = AESGCM(path_key(self._secret, path, epoch))
        return found
