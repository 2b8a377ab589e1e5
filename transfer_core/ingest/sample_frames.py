"""Writes frames as cameras do: many cameras at once, each frame in pieces over part of its interval.

With the same seed the same files come to be, byte for byte, however fast they are written.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from transfer_core.errors import DiskFull, DrsError, UsageError, WriteFailed
from transfer_core.ingest.sample_jpeg import jpeg_of_size, sample_picture

MIB = 1 << 20
POOL_BYTES = 8 * MIB
PIECES = 8
WRITING_SHARE = 0.6  # of a frame's interval; the rest of it the camera waits
CAMERAS_MAX = 64


class Style(StrEnum):
    """How a writer brings a file to its end."""

    CLOSE = "close"  # written under its own name, and closed
    RENAME = "rename"  # written as .part, and renamed
    PREALLOCATE = "preallocate"  # has its full size from the start


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """What to write. Sizes are in MiB; `fps` 0 is as fast as it goes. UsageError for what can't be."""

    cameras: int = 6
    count: int = 900
    min_mb: float = 1.0
    max_mb: float = 2.0
    fps: float = 30.0
    seed: int = 7
    width: int = 1600
    height: int = 1200
    first: int = 0
    style: Style = Style.CLOSE

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 1 <= self.cameras <= CAMERAS_MAX or not 0 <= self.count <= 10**9 or not 0 <= self.first <= 10**9:
            raise UsageError(f"cameras has to be from 1 to {CAMERAS_MAX}, and the count not negative")
        if not 0 < self.min_mb <= self.max_mb <= 1024:
            raise UsageError("sizes have to be more than 0, at most 1024 MiB, and the smallest not above the largest")
        if not 0 <= self.fps <= 1000 or not (8 <= self.width <= 8192 and 8 <= self.height <= 8192):
            raise UsageError("fps has to be from 0 to 1000, and a picture from 8 to 8192 pixels wide and high")


def camera_name(number: int) -> str:
    """`camera01` for 1."""
    return f"camera{number:02d}"


def frame_name(camera: str, number: int) -> str:
    """`frame_camera01_000000000.jpg`."""
    return f"frame_{camera}_{number:09d}.jpg"


def write_samples(folder: Path, plan: SamplePlan, finished: Callable[[Path, int], None], stop: threading.Event) -> int:
    """Write all frames of all cameras; how many were finished. `finished(path, size)` comes from several threads.

    WriteFailed, DiskFull: the frames before stay.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _own_error(folder, error) from error
    cameras = [_Camera(folder, plan, number, finished, stop) for number in range(1, plan.cameras + 1)]
    began_s = time.monotonic()  # once all are ready: a camera that begins late would hurry to catch up
    with ThreadPoolExecutor(plan.cameras, thread_name_prefix="camera") as pool:
        return sum(pool.map(lambda camera: camera.run(began_s), cameras))


class _Camera:
    """One of them, in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        plan: SamplePlan,
        number: int,
        finished: Callable[[Path, int], None],
        stop: threading.Event,
    ) -> None:
        self._name = camera_name(number)
        self._folder, self._plan, self._finished, self._stop = folder / self._name, plan, finished, stop
        self._random = np.random.default_rng((plan.seed, number))
        room = max(POOL_BYTES, round(plan.max_mb * MIB))
        self._pool = memoryview(self._random.bytes(room) * 2)
        self._room = room

    def run(self, began_s: float) -> int:
        """Write its frames, the first at that time; how many."""
        plan, done = self._plan, 0
        try:
            self._folder.mkdir(exist_ok=True)
            for number in range(plan.first, plan.first + plan.count):
                if plan.fps:
                    self._sleep_until(began_s + (number - plan.first) / plan.fps)
                if self._stop.is_set():
                    break
                self._write(number)
                done += 1
        except OSError as error:
            self._stop.set()
            raise _own_error(self._folder, error) from error
        return done

    def _write(self, number: int) -> None:
        plan = self._plan
        size = int(self._random.integers(round(plan.min_mb * MIB), round(plan.max_mb * MIB), endpoint=True))
        start = int(self._random.integers(self._room))
        picture = sample_picture(plan.width, plan.height, number)
        parts = jpeg_of_size(picture, size, self._pool[start : start + size])
        path = self._folder / frame_name(self._name, number)
        written = path.with_name(path.name + ".part") if plan.style is Style.RENAME else path
        whole = b"".join(parts)
        with written.open("wb", buffering=0) as file:
            if plan.style is Style.PREALLOCATE:
                os.posix_fallocate(file.fileno(), 0, len(whole))
            self._write_pieces(file.fileno(), memoryview(whole))
        if written is not path:
            written.replace(path)
        self._finished(path, len(whole))

    def _write_pieces(self, fd: int, whole: memoryview) -> None:
        pause_s = WRITING_SHARE / self._plan.fps / PIECES if self._plan.fps else 0.0
        step = -(-len(whole) // PIECES)
        for at in range(0, len(whole), step):
            left = whole[at : at + step]
            while left:
                left = left[os.write(fd, left) :]
            if pause_s and at + step < len(whole):
                time.sleep(pause_s)

    def _sleep_until(self, at_s: float) -> None:
        left_s = at_s - time.monotonic()
        if left_s > 0:
            self._stop.wait(left_s)


def _own_error(folder: Path, error: OSError) -> DrsError:
    kind = DiskFull if error.errno == errno.ENOSPC else WriteFailed
    return kind(f"{folder} can't be written: {error.strerror or error}", hint="Name a folder with room, to write into.")
