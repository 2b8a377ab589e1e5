"""How a file is opened whose name others chose: flags for `os.open`, beside what it is opened for."""

from __future__ import annotations

import os

PLAIN = (
    getattr(os, "O_BINARY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
)
"""As it is written, no link, for this program alone, and without waiting for whoever has the other end of a pipe."""
