"""The way from a node to its peers, and the head that each of its parcels has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from transfer_core.sync.index import Index
from transfer_core.sync.parcel import Parcel


class Post(Protocol):
    """The way to the peers."""

    def send(self, peer: str, parcel: Parcel, *, urgent: bool, delivered: Callable[[], None] | None) -> None:
        """Deliver a parcel some time; `delivered` is called in the node's thread once the peer has it for good.

        A parcel that can't be delivered any more is followed by `Node.remove_peer`, and `add_peer` when it can be.
        """
        ...


class Sender:
    """Sends parcels of one node."""

    def __init__(self, folder: str, name: str, index: Index, post: Post) -> None:
        self._folder, self._name, self._index, self._post = folder, name, index, post

    def send(self, peer: str, *, urgent: bool, delivered: Callable[[], None] | None = None, **fields: Any) -> None:
        """`fields` are those of the parcel, beside folder, replica and name."""
        parcel = Parcel(self._folder, self._index.replica, self._name, **fields)
        self._post.send(peer, parcel, urgent=urgent, delivered=delivered)
