"""What goes over the pipes between a program and its engine's process: numbered frames with a pickle in each.

    kind (1 byte) | number (8) | length (8) | pickle

A CALL asks for a verb; exactly one RESULT or FAILURE with its number answers it, in any order. A LOG belongs to no
call. Pickles run code when they are opened: these pipes have no name, and only the two processes hold their ends.
"""

from __future__ import annotations

import pickle
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Any, BinaryIO

from transfer_core import errors
from transfer_core.errors import DrsError, EngineGone

_HEAD = struct.Struct("!BQQ")


class Kind(IntEnum):
    """What a frame is."""

    CALL = 1
    RESULT = 2
    FAILURE = 3
    LOG = 4


@dataclass(frozen=True, slots=True)
class Call:
    """A verb, by its dotted name."""

    verb: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of the tree: its code and those of the classes above it, nearest first, and its words."""

    codes: tuple[str, ...]
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """A record of the child's log, with its traceback in the text."""

    logger: str
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One of them, not opened yet: that is left to the thread that waits for it."""

    kind: Kind
    number: int
    body: bytes

    def open(self) -> Any:
        """What is in it."""
        return pickle.loads(self.body)


def pack(content: object) -> bytes:
    """A frame's body. DrsError for what can't be sent."""
    try:
        return pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise DrsError(f"this can't go from process to process: {error}") from error


class FrameWriter:
    """Writes whole frames, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def write(self, kind: Kind, number: int, body: bytes) -> None:
        """EngineGone if nobody reads any more."""
        with self._lock:
            try:
                self._stream.write(_HEAD.pack(kind, number, len(body)))
                self._stream.write(body)
                self._stream.flush()
            except (OSError, ValueError) as error:  # ValueError: closed here
                raise EngineGone("the other process has ended") from error

    def close(self, timeout_s: float = -1) -> bool:
        """The other side reads its end. False if a write was stuck for so long; -1 waits for it."""
        if not self._lock.acquire(timeout=timeout_s):
            return False
        try:
            self._stream.close()
        except OSError:
            return True  # what was left to be flushed had no reader
        finally:
            self._lock.release()
        return True


def read_frame(stream: BinaryIO) -> Frame | None:
    """The next frame; None at the end, also where it comes in the middle of one."""
    try:
        head = stream.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        kind, number, length = _HEAD.unpack(head)
        body = stream.read(length)
    except (OSError, ValueError):
        return None
    return Frame(Kind(kind), number, body) if len(body) == length else None


def failure_of(error: Exception) -> Failure:
    """An error as it crosses; what is not of the tree becomes a DrsError with its words."""
    if not isinstance(error, DrsError):
        return Failure((DrsError.code,), f"{type(error).__name__}: {error}", DrsError.default_hint)
    codes = tuple(dict.fromkeys(kind.code for kind in type(error).__mro__ if issubclass(kind, DrsError)))
    return Failure(codes, error.message, error.hint)


def error_of(failure: Failure) -> DrsError:
    """The error again. A class that only the child knows is stood for by the nearest above it, under its own code."""
    return _class_of(failure.codes)(failure.message, hint=failure.hint)


@cache
def _class_of(codes: tuple[str, ...]) -> type[DrsError]:
    known = {kind.code: kind for kind in errors.all_error_classes().values() if kind.__module__ == errors.__name__}
    nearest = next((known[code] for code in codes if code in known), DrsError)
    if nearest.code == codes[0]:
        return nearest
    return type(nearest.__name__, (nearest,), {"code": codes[0]})
