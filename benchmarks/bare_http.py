"""The least that a server under uvicorn has to do with a body: write it in blocks on a thread, fsync, answer.

`python -m benchmarks.bare_http FOLDER` listens on loopback and prints its port. Every PUT goes to a file of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

BLOCK_BYTES = 512 * 1024
_NUMBERS = itertools.count()


def make_app(folder: Path) -> Any:
    """The application."""

    async def app(_: dict[str, Any], receive: Any, send: Any) -> None:
        fd = os.open(folder / f"bare{next(_NUMBERS)}", os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            block = bytearray()
            more = True
            while more:
                message = await receive()
                block += message.get("body", b"")
                more = message.get("more_body", False)
                if len(block) >= BLOCK_BYTES or not more:
                    full, block = block, bytearray()
                    await asyncio.to_thread(os.write, fd, full)
            await asyncio.to_thread(os.fdatasync, fd)
        finally:
            os.close(fd)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return app


def main() -> None:
    """Serve until killed."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(make_app(Path(sys.argv[1])), log_level="error", access_log=False, lifespan="off")
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
