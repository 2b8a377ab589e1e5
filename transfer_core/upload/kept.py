"""What is kept of an upload between runs: JSON of a mark and the text that its protocol goes on with.

The mark is `KIND FINGERPRINT NAME`: another protocol, another state of the source or another name begins anew.
"""

from __future__ import annotations

import json


def mark_of(kind: str, fingerprint: int, name: str) -> str:
    """The mark of an upload of that state of a source, under that name."""
    return f"{kind} {fingerprint:016x} {name}"


def kept_of(mark: str, text: str) -> str:
    """What is to be kept; empty if there is nothing to go on with."""
    return json.dumps([mark, text]) if text else ""


def fitting(kept: str, mark: str) -> str:
    """The protocol's text out of what was kept, if it has that mark; empty otherwise."""
    found, text = _parts(kept)
    return text if found == mark else ""


def text_of(kept: str, kind: str) -> str:
    """The protocol's text out of what was kept, if it is of that kind; empty otherwise."""
    mark, text = _parts(kept)
    return text if mark.partition(" ")[0] == kind else ""


def _parts(kept: str) -> tuple[str, str]:
    try:
        mark, text = json.loads(kept)
    except (ValueError, TypeError):
        return "", ""
    return (mark, text) if isinstance(mark, str) and isinstance(text, str) else ("", "")
