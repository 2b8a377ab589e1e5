"""How this very program is started once more: by its interpreter, or, put into a package, by the program beside it."""

from __future__ import annotations

import sys
from pathlib import Path

COMMAND = "drs-sync"
ENGINE_WORD = "engine-process"
"""The command that is the engine of a console, where there is no interpreter to run its module."""


def is_packaged() -> bool:
    """Whether there is no interpreter, only programs that PyInstaller made."""
    return bool(getattr(sys, "frozen", False))


def own_command(*words: str) -> list[str]:
    """A command line of this very program."""
    if is_packaged():
        # not the present one: the console's has no terminal, and on Windows no stdin and stdout either
        here = Path(sys.executable)
        return [str(here.with_name(COMMAND).with_suffix(here.suffix)), *words]
    return [sys.executable, "-m", "transfer_core.cli", *words]


def module_command(module: str) -> list[str]:
    """What runs a module of ours with the same interpreter; the engine's is a word of the packaged program."""
    if is_packaged():
        return own_command(ENGINE_WORD)
    return [sys.executable, "-P", "-m", module]
