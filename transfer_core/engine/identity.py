"""This installation's key, kept in its state directory: whoever has it is this agent or this relay."""

from __future__ import annotations

from pathlib import Path

from transfer_core.engine.system import SystemEntropy
from transfer_core.errors import StateError
from transfer_core.protocol.security.noise import KEY_BYTES, KeyPair
from transfer_core.storage.secret_file import read_or_make_secret

FILE_NAME = "identity.key"


def load_identity(state_dir: Path) -> KeyPair:
    """Load the key, or make one. SecurityError if others may read it, StateError if it can't be used or made."""
    path = state_dir / FILE_NAME
    try:
        private = read_or_make_secret(path, lambda: KeyPair.generate(SystemEntropy()).private)
    except OSError as error:
        hint = "Check its permissions, that there is room, and that the directory may be written to."
        raise StateError(f"{path} can't be read or made: {error.strerror}", hint=hint) from error
    if len(private) != KEY_BYTES:
        raise StateError(f"{path} is damaged", hint="Restore it from a copy, or delete it and pair again.")
    return KeyPair.from_private(private)
