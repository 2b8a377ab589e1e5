"""Ports that nobody is given by chance while whoever is to listen there starts, or starts again."""

from __future__ import annotations

import contextlib
import random
import socket

_FIRST, _END = 20_000, 32_000  # below those that systems give out by themselves: from 32768 on Linux, 49152 elsewhere
_ANY = random.SystemRandom()
_given: set[int] = set()


def free_port() -> int:
    """One of this machine that is free for UDP and TCP."""
    while True:
        port = _ANY.choice([each for each in range(_FIRST, _END) if each not in _given])
        _given.add(port)
        with contextlib.suppress(OSError), contextlib.ExitStack() as probes:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                probes.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            return port
