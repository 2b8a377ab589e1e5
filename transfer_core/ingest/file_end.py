"""Whether a file has the end that its own format asks for: what speaks for it where nobody can say who writes it.

The end of a JPEG or PNG is a mark that a half written file does not have; a RIFF or BMP says in front how long it is,
so that a shorter one is not whole, while one of that length may be preallocated. Nothing is said of other formats.
"""

from __future__ import annotations

import os

from transfer_core.ingest.completion import Ending
from transfer_core.storage.plain_open import PLAIN

HEAD_BYTES = 16
TAIL_BYTES = 4096  # some cameras fill their frames up with zeros to whole blocks
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def ending(head: bytes, tail: bytes, size: int) -> Ending:
    """What the first and the last bytes of a file of that size say."""
    if head.startswith(_JPEG):
        return Ending.WHOLE if tail.rstrip(b"\0").endswith(_JPEG_END) else Ending.MISSING
    if head.startswith(_PNG):
        return Ending.WHOLE if tail.rstrip(b"\0").endswith(_PNG_END) else Ending.MISSING
    if head.startswith(b"RIFF"):
        return Ending.MISSING if size < 8 + int.from_bytes(head[4:8], "little") else Ending.UNKNOWN
    if head.startswith(b"BM"):
        return Ending.MISSING if size < int.from_bytes(head[2:6], "little") else Ending.UNKNOWN
    return Ending.UNKNOWN


def ending_of(path: str) -> Ending:
    """Look at a file's ends; UNKNOWN if it can't be read.

    That it is opened for this has a use of its own: a network share's client then asks the server what the file is
    like, where it otherwise answers for seconds from what it remembers.
    """
    try:
        fd = os.open(path, os.O_RDONLY | PLAIN)
    except OSError:
        return Ending.UNKNOWN
    try:
        size = os.fstat(fd).st_size
        head = os.read(fd, HEAD_BYTES)
        os.lseek(fd, max(0, size - TAIL_BYTES), os.SEEK_SET)
        return ending(head, os.read(fd, TAIL_BYTES), size)
    except OSError:
        return Ending.UNKNOWN
    finally:
        os.close(fd)
