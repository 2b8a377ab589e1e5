"""Finds a relay's addresses by the names that people gave it."""

from __future__ import annotations

import logging
import socket

from transfer_core.protocol.endpoint import Address
from transfer_core.protocol.security.tokens import parse_address

_LOG = logging.getLogger(__name__)


def resolve(addresses: tuple[str, ...]) -> tuple[Address, ...]:
    """Numeric addresses; names are looked up, and left out if that fails."""
    found: dict[Address, None] = {}
    for text in addresses:
        host, port = parse_address(text)
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except OSError as error:
            _LOG.info("%s can't be looked up: %s", host, error)
            continue
        for _, _, _, _, address in entries:
            found[(str(address[0]), int(address[1]))] = None
    return tuple(found)
