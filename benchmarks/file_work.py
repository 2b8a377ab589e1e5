"""What a file costs besides its datagrams: read and hashed on one side; hashed, written and synced on the other.

The same calls as the product's, in its steps of one chunk, and nothing between them. Together with the bare loop it
tells how fast any program could be that does both on this machine.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import blake3
import xxhash

from benchmarks.bare_loop import LoopResult
from benchmarks.machine import BLOCK_BYTES, SYNC_BYTES


@dataclass(frozen=True, slots=True)
class FileWork:
    """CPU seconds per GB of file data, on each side."""

    sender_s_per_gb: float
    receiver_s_per_gb: float


def file_work(folder: Path, total_bytes: int) -> FileWork:
    """Do both, one after the other, with a new file there."""
    path = folder / "file-work.bin"
    try:
        receiver_s = _write(path, total_bytes)
        sender_s = _read(path)
    finally:
        path.unlink(missing_ok=True)
    return FileWork(sender_s / total_bytes * 1e9, receiver_s / total_bytes * 1e9)


def most_of_loop(loop: LoopResult, work: FileWork) -> float:
    """The share of the bare loop's rate at which loop and file work together fill every core."""
    all_s_per_gb = loop.sender_s_per_gb + loop.receiver_s_per_gb + work.sender_s_per_gb + work.receiver_s_per_gb
    return (os.cpu_count() or 1) / all_s_per_gb * 8e9 / loop.bps


def _write(path: Path, total_bytes: int) -> float:
    blocks = [memoryview(os.urandom(BLOCK_BYTES)) for _ in range(512)]
    whole = blake3.blake3()
    began = time.process_time()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for at in range(0, total_bytes, BLOCK_BYTES):
            block = blocks[at // BLOCK_BYTES % len(blocks)]
            xxhash.xxh64_intdigest(block)
            os.pwrite(fd, block, at)
            whole.update(block)
            if (at + BLOCK_BYTES) % SYNC_BYTES == 0:
                os.fsync(fd)
        os.fsync(fd)
    finally:
        os.close(fd)
    return time.process_time() - began


def _read(path: Path) -> float:
    whole = blake3.blake3()
    began = time.process_time()
    with path.open("rb", buffering=0) as file:
        block = bytearray(BLOCK_BYTES)
        while count := file.readinto(block):
            data = memoryview(block)[:count]
            xxhash.xxh64_intdigest(data)
            whole.update(data)
    return time.process_time() - began
