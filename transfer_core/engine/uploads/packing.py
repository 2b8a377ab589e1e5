"""Compresses files with zstd before they are uploaded, where the destination is set to that and it is worth it.

A packed file lies beside the queue until it has arrived, so that an upload that is broken off goes on with the same
bytes. It is synced before it gets its name: what has the name is whole. Where there is no room for it, or where a
sample hardly shrinks, the file goes as it is.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path

from transfer_core.errors import DrsError
from transfer_core.storage.durable import sync_file, sync_folder
from transfer_core.storage.free_space import usable_bytes
from transfer_core.storage.reader import SourceFile

_LOG = logging.getLogger(__name__)
SUFFIX = ".zst"
FOLDER_NAME = "packed"
LEVEL = 3  # a race log to a third at 300 MB/s; higher levels cost more time than they save on most links
SAMPLE_BYTES = 2_000_000
WORTH_IT = 0.9
SMALLEST_BYTES = 4096
KEEP_FREE_BYTES = 256 * 1024 * 1024
BLOCK_BYTES = 1 << 20
LOOK_BYTES = 32 << 20  # how much is written between two looks at the free space


class Packer:
    """Packed files in one folder. Each is made by one thread at a time."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir / FOLDER_NAME

    def pack(self, file_id: str, source: SourceFile, check: Callable[[], None]) -> Path | None:
        """The packed file, made unless it is there already; None if the source is to go as it is.

        Errors of the SourceError branch; what `check` raises ends it.
        """
        size = source.fingerprint.size
        if size < SMALLEST_BYTES or not self._is_worth_it(source):
            return None
        path = self._folder / f"{file_id}-{source.fingerprint.digest:016x}{SUFFIX}"
        if path.exists():
            return path
        part = path.with_suffix(".part")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._write(part, source, check)
            source.check_unchanged()
            part.replace(path)
            sync_folder(self._folder)
        except OSError as error:
            _LOG.info("%s goes as it is: %s", source.path, error)
            _remove(part)
            return None
        except DrsError:
            _remove(part)
            raise
        return path

    @staticmethod
    def _is_worth_it(source: SourceFile) -> bool:
        import zstandard  # noqa: PLC0415 - many agents pack nothing

        sample = bytearray(min(SAMPLE_BYTES, source.fingerprint.size))
        source.read_into(0, memoryview(sample))
        return len(zstandard.ZstdCompressor(level=1).compress(bytes(sample))) < WORTH_IT * len(sample)

    def _write(self, part: Path, source: SourceFile, check: Callable[[], None]) -> None:
        import zstandard  # noqa: PLC0415

        size = source.fingerprint.size
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with part.open("wb") as file:
            with compressor.stream_writer(file, size=size, closefd=False) as writer:
                for offset in range(0, size, BLOCK_BYTES):
                    check()
                    if offset % LOOK_BYTES == 0 and usable_bytes(self._folder, KEEP_FREE_BYTES) < LOOK_BYTES:
                        raise OSError(28, "there is too little room to pack it")
                    block = bytearray(min(BLOCK_BYTES, size - offset))
                    source.read_into(offset, memoryview(block))
                    writer.write(block)
            file.flush()
            sync_file(file.fileno())

    def forget(self, file_ids: Collection[str]) -> None:
        """These jobs need their packed files no more."""
        for path in self._all():
            if path.name.rpartition("-")[0] in file_ids:
                _remove(path)

    @property
    def holds_any(self) -> bool:
        """Whether any file lies packed here, wanted or not."""
        return bool(self._all())

    def tidy(self, wanted: Collection[str]) -> None:
        """Remove what belongs to none of these jobs."""
        for path in self._all():
            if path.name[:36] not in wanted or path.suffix != SUFFIX:
                _remove(path)

    def _all(self) -> list[Path]:
        try:
            return [Path(entry.path) for entry in os.scandir(self._folder)]
        except FileNotFoundError:
            return []


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
