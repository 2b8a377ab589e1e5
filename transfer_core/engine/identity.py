"""This installation's key, kept in its state directory."""

from __future__ import annotations

import os
from pathlib import Path

from transfer_core.errors import SecurityError, StateError
from transfer_core.protocol.security.noise import KEY_BYTES, KeyPair

FILE_NAME = "identity.key"


def load_identity(state_dir: Path) -> KeyPair:
    """Load the key, or make one. SecurityError if others may read it, StateError if it is damaged."""
    path = state_dir / FILE_NAME
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SecurityError(f"others may read {path}", hint=f"Run `chmod 600 {path}` if you trust it still.")
        private = path.read_bytes()
    except FileNotFoundError:
        return _create(path)
    except OSError as error:
        raise StateError(f"{path} can't be read: {error.strerror}", hint="Check its permissions.") from error
    if len(private) != KEY_BYTES:
        raise StateError(f"{path} is damaged", hint="Restore it from a copy, or delete it and pair again.")
    return KeyPair.from_private(private)


def _create(path: Path) -> KeyPair:
    path.parent.mkdir(parents=True, exist_ok=True)
    pair = KeyPair.generate()
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(pair.private)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # unlike a rename, this loses to whoever was first
    except FileExistsError:
        return KeyPair.from_private(path.read_bytes())
    finally:
        draft.unlink()
    return pair
