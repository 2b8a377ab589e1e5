"""A small file with a secret in it: made whole and durable, readable by its owner alone, never made twice."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

from transfer_core.errors import SecurityError
from transfer_core.storage.durable import sync_file, sync_folder

_BYTES_MAX = 1 << 20


def read_or_make_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """What is in the file; what `make` gives if it is not there, unless another process was faster.

    SecurityError if others may read it. OSError.
    """
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    _create(path, make())
    return _read(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        secret = file.read(_BYTES_MAX)
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        hint = f"If it was never copied, run `chmod 600 {path}`; else delete it and pair again."
        raise SecurityError(f"others on this machine may read {path}", hint=hint)
    return secret


def _create(path: Path, secret: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.urandom(8).hex()}.new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(secret)
            file.flush()
            sync_file(file.fileno())
        _place(draft, path)
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _place(draft: Path, path: Path) -> None:
    try:
        with contextlib.suppress(FileExistsError):  # a link, unlike a rename, replaces nothing
            path.hardlink_to(draft)
    except OSError:  # a file system without links, such as exFAT
        if not path.exists():
            draft.rename(path)
