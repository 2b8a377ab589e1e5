"""This installation's key, kept in its state directory: whoever has it is this agent or this relay."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from transfer_core.engine.system import SystemEntropy
from transfer_core.errors import SecurityError, StateError
from transfer_core.protocol.security.noise import KEY_BYTES, KeyPair
from transfer_core.storage.durable import sync_file, sync_folder

FILE_NAME = "identity.key"


def load_identity(state_dir: Path) -> KeyPair:
    """Load the key, or make one. SecurityError if others may read it, StateError if it can't be used or made."""
    path = state_dir / FILE_NAME
    try:
        return _load(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StateError(f"{path} can't be read: {error.strerror}", hint="Check its permissions.") from error
    try:
        _create(path)
        return _load(path)
    except OSError as error:
        hint = "Check that there is room, and that the directory may be written to."
        raise StateError(f"{path} can't be made: {error.strerror}", hint=hint) from error


def _load(path: Path) -> KeyPair:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        private = file.read(KEY_BYTES + 1)
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        hint = f"If it was never copied, run `chmod 600 {path}`; else delete it and pair again."
        raise SecurityError(f"others on this machine may read {path}", hint=hint)
    if len(private) != KEY_BYTES:
        raise StateError(f"{path} is damaged", hint="Restore it from a copy, or delete it and pair again.")
    return KeyPair.from_private(private)


def _create(path: Path) -> None:
    """Put a new key there, whole and durable, unless another process was faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.urandom(8).hex()}.new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(KeyPair.generate(SystemEntropy()).private)
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
