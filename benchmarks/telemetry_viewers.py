"""`python -m benchmarks.telemetry_viewers URL COUNT FROZEN`: watches a race until stdin ends; it begins with the token.

Frozen viewers connect and then read nothing, as a program that hangs does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial

import websockets


async def watch(url: str, token: str, *, frozen: bool, gaps: list[int]) -> None:
    """Count frames; `gaps` gets how many came, and how many sequence numbers were left out."""
    headers = {"Authorization": f"Bearer {token}"}
    connect = partial(websockets.connect, compression=None, max_size=None, additional_headers=headers)
    if frozen:
        connect = partial(connect, max_queue=1, ping_interval=None)
    came = left_out = 0
    before = None
    try:
        async with connect(f"{url}?rate=30") as viewer:
            if frozen:
                await asyncio.Event().wait()
            async for message in viewer:
                if isinstance(message, bytes):
                    number = int.from_bytes(message[8:12], "little")
                    left_out += 0 if before is None else number - before - 1
                    before, came = number, came + 1
    except asyncio.CancelledError:
        gaps += [came, left_out]
        raise


async def main() -> None:
    """The command line."""
    url, count, frozen = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    token = (await asyncio.to_thread(sys.stdin.readline)).strip()
    counts: list[list[int]] = [[] for _ in range(count)]
    tasks = [
        asyncio.create_task(watch(url, token, frozen=number < frozen, gaps=counts[number])) for number in range(count)
    ]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    live = [each for each in counts[frozen:] if each]
    print(json.dumps({"watching": len(live), "frozen": frozen, "frames": sorted(each[0] for each in live)}))


if __name__ == "__main__":
    asyncio.run(main())
