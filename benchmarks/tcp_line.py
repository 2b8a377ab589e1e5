"""A line for TCP in a process of its own: a rate and a delay each way, with a queue that holds what the line holds.

What goes in comes out after the delay, no faster than the rate. It stands for the way between two machines; what it
leaves out is how TCP itself finds that rate.
"""

from __future__ import annotations

import asyncio
import sys
import time

PIECE_BYTES = 16 * 1024


class Direction:
    """One way of the line, shared by all connections as a real one is."""

    def __init__(self, rate_bytes_per_s: float, delay_s: float) -> None:
        self._rate, self._delay_s = rate_bytes_per_s, delay_s
        self._free_s = 0.0  # when the line has sent what was given to it

    def take(self, size: int) -> float:
        """When so many bytes, given now, come out."""
        self._free_s = max(self._free_s, time.monotonic()) + size / self._rate
        return self._free_s + self._delay_s

    async def wait_for_room(self) -> None:
        """Until the line is not behind by more than a round trip."""
        behind_s = self._free_s - time.monotonic()
        if behind_s > 2 * self._delay_s + 0.02:
            await asyncio.sleep(behind_s - 2 * self._delay_s)


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Direction) -> None:
    """One direction of one connection, until its end."""
    loop = asyncio.get_running_loop()
    last: asyncio.Future[None] = loop.create_future()
    last.set_result(None)
    while piece := await reader.read(PIECE_BYTES):
        due_s = line.take(len(piece))
        last = asyncio.ensure_future(_deliver(writer, piece, due_s, last))
        await line.wait_for_room()
    await last
    writer.close()


async def _deliver(writer: asyncio.StreamWriter, piece: bytes, due_s: float, before: asyncio.Future[None]) -> None:
    await asyncio.sleep(max(0.0, due_s - time.monotonic()))
    await before
    writer.write(piece)


async def serve(port: int, behind: int, rate_bps: float, delay_s: float) -> None:
    """Listen on `port` and carry everything to `behind` of this machine."""
    there, back = Direction(rate_bps / 8, delay_s), Direction(rate_bps / 8, delay_s)
    open_tasks: set[asyncio.Task[None]] = set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * delay_s)  # the handshake's round trip
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind)
        for each in (carry(reader, inner_writer, there), carry(inner_reader, writer, back)):
            task = asyncio.ensure_future(each)
            open_tasks.add(task)
            task.add_done_callback(open_tasks.discard)

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])))
