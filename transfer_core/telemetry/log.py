"""The recording itself: raw datagrams with their times of arrival, in a file that survives a crash at any byte.

A log is eight bytes of magic, then records: length and CRC-32 of the body, four bytes each, little-endian, then the
body. A body's first byte says what it is:

    0   a JSON document: first the header, then senders, names, markers as they come
    1   datagrams: their count n as u32, n times as i64 (ns), n sender numbers and n lengths as u16, then their bytes

A record counts only whole and with its CRC right: what follows the last such record is cut off when the log is opened
to go on. Only what `sync` has returned for is safe from a loss of power; a process that is killed loses nothing that
it had appended.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transfer_core.errors import DiskFull, IntegrityError, SourceMissing, SourceUnreadable, StorageError, WriteFailed
from transfer_core.storage.durable import sync_file, sync_folder
from transfer_core.telemetry.arrivals import Arrivals, Sender

MAGIC = b"DRSLOG1\n"
SUFFIX = ".drslog"
BODY_MAX = 32 * 1024 * 1024
DATAGRAMS_MAX = 4096  # in one record, so that a seek reads little
_HEAD = struct.Struct("<II")
_COUNT = struct.Struct("<I")
_DOCUMENT, _DATAGRAMS = b"\0", b"\1"
_TIMES_AT = 1 + _COUNT.size
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def full_disk(error: OSError) -> bool:
    """Whether it says that there is no room."""
    return error.errno in _FULL


def _error(error: OSError, path: Path) -> StorageError:
    if full_disk(error):
        return DiskFull(
            f"no room left for the recording {path.name}", hint="Free some space; recording goes on by itself."
        )
    return WriteFailed(f"{path} can't be written: {error.strerror or error}", hint="Check the disk of the recordings.")


@dataclass(frozen=True, slots=True)
class Record:
    """One whole record: a document, or datagrams. `end` is where the next begins."""

    start: int
    end: int
    document: Mapping[str, Any] | None = None
    arrivals: Arrivals | None = None


class LogWriter:
    """An open log. Used by one thread; `sync` by another at the same time."""

    def __init__(self, path: Path, fd: int, size: int, senders: dict[Sender, int]) -> None:
        self.path = path
        self.size_bytes = size
        self._fd = fd
        self._senders = senders
        self._torn = False

    @classmethod
    def create(cls, path: Path, header: Mapping[str, Any]) -> LogWriter:
        """A new log, on the disk with its header. DiskFull, WriteFailed; also if there is one of that name."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise _error(error, path) from error
        writer = cls(path, fd, 0, {})
        try:
            writer._append(MAGIC)
            writer.document(header)
            writer.sync()
            sync_folder(path.parent)
        except OSError as error:
            raise _error(error, path) from error
        return writer

    @classmethod
    def reopen(cls, path: Path) -> LogWriter:
        """A log to go on with, after its torn tail was cut off. IntegrityError, WriteFailed."""
        senders: dict[Sender, int] = {}
        with LogReader(path) as reader:
            end = len(MAGIC)
            for record in reader.records():
                end = record.end
            senders = {sender: number for number, sender in enumerate(reader.senders)}
        try:
            fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            os.ftruncate(fd, end)
            os.lseek(fd, end, os.SEEK_SET)
        except OSError as error:
            raise _error(error, path) from error
        return cls(path, fd, end, senders)

    def document(self, document: Mapping[str, Any]) -> None:
        """Append a document. DiskFull, WriteFailed; then nothing of it is there."""
        self._append(_framed(_DOCUMENT + json.dumps(document).encode()))

    def append(self, arrivals: Arrivals) -> None:
        """Append datagrams, all or none. DiskFull, WriteFailed; call it again with the same."""
        new = [sender for sender in dict.fromkeys(arrivals.senders) if sender not in self._senders]
        numbers = dict(self._senders)
        frames: list[bytes] = []
        for sender in new:
            numbers[sender] = len(numbers)
            frames.append(_framed(_DOCUMENT + json.dumps({"sender": sender}).encode()))
        for first in range(0, len(arrivals), DATAGRAMS_MAX):
            part = slice(first, first + DATAGRAMS_MAX)
            frames.append(_datagram_frame(arrivals, part, numbers))
        self._append(b"".join(frames))
        self._senders = numbers

    def sync(self) -> None:
        """Return when everything appended before is on the disk. DiskFull, WriteFailed."""
        try:
            sync_file(self._fd)
        except OSError as error:
            raise _error(error, self.path) from error

    def close(self) -> None:
        """Let go of it. May be called twice."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def _append(self, data: bytes) -> None:
        written = 0
        try:
            if self._torn:
                # half a record would hide all that follow it
                os.ftruncate(self._fd, self.size_bytes)
                os.lseek(self._fd, self.size_bytes, os.SEEK_SET)
                self._torn = False
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError as error:
            self._torn = written > 0
            raise _error(error, self.path) from error
        self.size_bytes += written


def _framed(body: bytes) -> bytes:
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _datagram_frame(arrivals: Arrivals, part: slice, numbers: Mapping[Sender, int]) -> bytes:
    datagrams = arrivals.datagrams[part]
    times = np.array(arrivals.time_ns[part], dtype="<i8")
    senders = np.array([numbers[sender] for sender in arrivals.senders[part]], dtype="<u2")
    lengths = np.array([len(datagram) for datagram in datagrams], dtype="<u2")
    return _framed(
        b"".join(
            (
                _DATAGRAMS,
                _COUNT.pack(len(datagrams)),
                times.tobytes(),
                senders.tobytes(),
                lengths.tobytes(),
                *datagrams,
            )
        )
    )


class LogReader:
    """Reads a log, also one that is still written. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """IntegrityError if it is no log; SourceMissing, SourceUnreadable."""
        self.path = path
        self.senders: list[Sender] = []  # as far as the log has been read
        try:
            self._file = path.open("rb")
            magic = self._file.read(len(MAGIC))
        except FileNotFoundError as error:
            raise SourceMissing(f"the recording {path} is gone", hint="Put the file back.") from error
        except OSError as error:
            raise SourceUnreadable(f"{path} can't be read: {error.strerror or error}") from error
        if magic != MAGIC:
            self._file.close()
            raise IntegrityError(f"{path.name} is no recording of telemetry", hint="Choose another file.")

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def header(self) -> Mapping[str, Any]:
        """The first document. IntegrityError if the log was torn before that."""
        record = self.read(len(MAGIC))
        if record is None or record.document is None:
            raise IntegrityError(f"{self.path.name} has no header", hint="The recording was cut off at its start.")
        return record.document

    def records(self, start: int = len(MAGIC)) -> Iterator[Record]:
        """Whole records from one's start on; ends at what is torn, or not yet written."""
        while (record := self.read(start)) is not None:
            yield record
            start = record.end

    def read(self, start: int) -> Record | None:
        """The record that begins there, None if there is no whole one. Senders must have been read before."""
        body = self._body(start)
        if not body:
            return None
        end = start + _HEAD.size + len(body)
        try:
            if body[:1] == _DOCUMENT:
                document = json.loads(body[1:])
                if isinstance(document, dict) and isinstance(document.get("sender"), list):
                    self._meet((str(document["sender"][0]), int(document["sender"][1])))
                return Record(start, end, document=document)
            return Record(start, end, arrivals=self._arrivals(body))
        except (ValueError, IndexError, TypeError, struct.error) as error:
            # the CRC is right, so this is no torn write
            raise IntegrityError(f"{self.path.name} holds a record that can't be read: {error}") from error

    def _meet(self, sender: Sender) -> None:
        if sender not in self.senders:
            self.senders.append(sender)

    def _body(self, start: int) -> bytes:
        try:
            self._file.seek(start)
            head = self._file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return b""
            length, crc = _HEAD.unpack(head)
            if not 0 < length <= BODY_MAX:
                return b""
            body = self._file.read(length)
        except OSError as error:
            raise SourceUnreadable(f"{self.path} can't be read: {error.strerror or error}") from error
        return body if len(body) == length and zlib.crc32(body) == crc else b""

    def _arrivals(self, body: bytes) -> Arrivals:
        (count,) = _COUNT.unpack_from(body, 1)
        at = _TIMES_AT
        times = np.frombuffer(body, "<i8", count, at)
        senders = np.frombuffer(body, "<u2", count, at + 8 * count)
        lengths = np.frombuffer(body, "<u2", count, at + 10 * count)
        at += 12 * count
        ends = (at + np.cumsum(lengths, dtype=np.int64)).tolist()
        if ends and ends[-1] != len(body):
            raise ValueError("lengths do not add up")
        datagrams = [body[first:end] for first, end in zip([at, *ends], ends, strict=False)]
        return Arrivals([self.senders[number] for number in senders.tolist()], times.tolist(), datagrams)

    def index(self) -> LogIndex:
        """Where the datagrams are, without reading them."""
        starts: list[int] = []
        first_ns: list[int] = []
        last_ns: list[int] = []
        counts: list[int] = []
        size = os.fstat(self._file.fileno()).st_size
        at = len(MAGIC)
        while at + _HEAD.size + 1 <= size:
            self._file.seek(at)
            head = self._file.read(_HEAD.size + _TIMES_AT + 8)
            length, _ = _HEAD.unpack_from(head)
            end = at + _HEAD.size + length
            if end > size or not length:
                break
            if head[_HEAD.size : _HEAD.size + 1] == _DATAGRAMS:
                (count,) = _COUNT.unpack_from(head, _HEAD.size + 1)
                self._file.seek(at + _HEAD.size + _TIMES_AT + 8 * (count - 1))
                starts.append(at)
                counts.append(count)
                first_ns.append(int.from_bytes(head[-8:], "little", signed=True))
                last_ns.append(int.from_bytes(self._file.read(8), "little", signed=True))
            else:
                self.read(at)
            at = end
        return LogIndex(*(np.array(column, dtype=np.int64) for column in (starts, first_ns, last_ns, counts)))


@dataclass(frozen=True, slots=True)
class LogIndex:
    """Records of datagrams: where each begins, its first and last time, how many it holds."""

    starts: np.ndarray[Any, np.dtype[np.int64]]
    first_ns: np.ndarray[Any, np.dtype[np.int64]]
    last_ns: np.ndarray[Any, np.dtype[np.int64]]
    counts: np.ndarray[Any, np.dtype[np.int64]]
