"""`python -m benchmarks.flood HOST:PORT SECONDS FILE`: send what the file holds, and worse, 10,000 times a second.

The file has a datagram a line, in hex. Prints how many were sent, and how many came back.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from pathlib import Path

RATE = 10_000
TURN_S = 0.005


def datagrams(seen: list[bytes], rng: random.Random) -> list[bytes]:
    """A thousand: replayed ones, forged ones with a true outside, hellos that are none, noise, nothing at all."""
    made = [b""]
    for _ in range(250):
        true = rng.choice(seen)
        bent = bytearray(true)
        bent[rng.randrange(len(bent))] ^= 1 << rng.randrange(8)
        hello = bytes((1, 1)) + rng.randbytes(638)
        made += [true, bytes(bent), true[:12] + rng.randbytes(len(true) - 12), rng.choice((hello, rng.randbytes(1400)))]
    return made


def main() -> None:
    """Send at the rate, whatever the scheduler does."""
    host, _, port = sys.argv[1].rpartition(":")
    seconds, seen = float(sys.argv[2]), [bytes.fromhex(line) for line in Path(sys.argv[3]).read_text().split()]
    made = datagrams(seen, random.Random(1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port_of_mine:
        port_of_mine.connect((host, int(port)))
        port_of_mine.setblocking(False)
        began, sent, dropped, replies = time.monotonic(), 0, 0, 0
        while (passed := time.monotonic() - began) < seconds:
            while sent < passed * RATE:
                try:
                    port_of_mine.send(made[sent % len(made)])
                except BlockingIOError:
                    dropped += 1
                sent += 1
            try:
                while True:
                    port_of_mine.recv(65536)
                    replies += 1
            except BlockingIOError:
                time.sleep(TURN_S)
    sys.stdout.write(json.dumps({"sent": sent - dropped, "replies": replies, "seconds": passed}))


if __name__ == "__main__":
    main()
