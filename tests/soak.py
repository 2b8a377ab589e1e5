"""`python -m tests.soak` plays random worlds until told to stop, and prints the seed of any that breaks.

`python -m tests.soak 100 300` plays the seeds from 100 to below 300; one that broke replays to the byte by its number.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterable

from tests.support.random_world import play

REPORT_S = 10.0


def one(seed: int) -> tuple[int, str]:
    """What broke in a world; empty if nothing did."""
    try:
        play(seed)
    except Exception:
        return seed, traceback.format_exc()
    return seed, ""


def soak(seeds: Iterable[int], workers: int) -> list[int]:
    """Play these worlds, also on Ctrl+C to a clean end; the seeds that broke."""
    broken: list[int] = []
    count, said_s = 0, time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            for seed, fault in pool.imap_unordered(one, seeds, chunksize=1):
                count += 1
                if fault:
                    broken.append(seed)
                    print(
                        f"\nseed {seed} breaks; again by: python -m tests.soak {seed} {seed + 1}\n{fault}", flush=True
                    )
                if time.monotonic() - said_s > REPORT_S:
                    said_s = time.monotonic()
                    print(f"{count} worlds, the newest {seed}, {len(broken)} broke", flush=True)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
            pool.terminate()
    print(f"{count} worlds; broken: {broken or 'none'}")
    return broken


def main() -> None:
    """Exit 1 if a world broke."""
    numbers = [int(word) for word in sys.argv[1:]]
    first = numbers[0] if numbers else time.time_ns() // 1_000_000 % 1_000_000_000
    seeds: Iterable[int] = range(first, numbers[1]) if len(numbers) > 1 else itertools.count(first)
    if not numbers:
        print(f"from seed {first} until Ctrl+C")
    sys.exit(1 if soak(seeds, os.cpu_count() or 1) else 0)


if __name__ == "__main__":
    main()
