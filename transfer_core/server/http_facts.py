"""Where the relay's HTTP side is to be found, kept for `relay pair` in another process."""

from __future__ import annotations

import json
from pathlib import Path

from transfer_core.protocol.security.tokens import HttpSideFacts, HttpTrust

FILE_NAME = "relay.http"


def keep_http(state_dir: Path, facts: HttpSideFacts | None) -> None:
    """Remember it; None: the relay has no HTTP side. OSError."""
    path = state_dir / FILE_NAME
    if facts is None:
        path.unlink(missing_ok=True)
        return
    path.write_text(json.dumps({"port": facts.port, "trust": int(facts.trust), "pin": facts.pin.hex()}), "utf-8")


def kept_http(state_dir: Path) -> HttpSideFacts | None:
    """Where it is, or was when the relay ran last; None if nothing that can be used is known."""
    try:
        kept = json.loads((state_dir / FILE_NAME).read_text("utf-8"))
        return HttpSideFacts(int(kept["port"]), HttpTrust(kept["trust"]), bytes.fromhex(kept["pin"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
