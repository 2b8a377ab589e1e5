"""The machines of a folder besides this one, as its relay tells them: whom to believe on a direct way. Pure."""

from __future__ import annotations

from dataclasses import dataclass

DIRECT = "direct:"  # begins the peer of a direct way; the rest is the other's key


@dataclass(frozen=True, slots=True)
class Member:
    """A machine that has paired with the folder's relay and takes part in the folder."""

    key: bytes  # public
    name: str
    online: bool = False  # at the relay, when it said so

    @property
    def peer(self) -> str:
        """What it is called as a peer of a direct way."""
        return peer_of(self.key)


def peer_of(key: bytes) -> str:
    """The peer of a direct way to the machine of that key."""
    return DIRECT + key.hex()
