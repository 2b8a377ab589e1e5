"""Turns a path from the wire into one that is safe below a root folder. Names from the wire are untrusted.

Kept as they are: letters of all scripts, spaces inside, emoji. Written as %XX (UTF-8, reversible): control characters,
`<>:"|?*\\%`, trailing dots and spaces, and the first letter of names that Windows reserves. Too long names are cut and
get a hash, so that two of them stay two. Refused: absolute paths, `..`, empty parts, too many parts.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from transfer_core.errors import NameRefused

NAME_BYTES_MAX = 240  # leaves room for `.part` and ` (99)` within 255
DEPTH_MAX = 64
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\%]|[. ]+$')
_SURROGATES = re.compile("[\ud800-\udfff]")


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))


def safe_name(name: str) -> str:
    """One part of a path, made safe for every system."""
    try:
        safe = _SURROGATES.sub(lambda match: _percent(match[0]), name)
    except UnicodeEncodeError as error:
        raise NameRefused(f"the name {name!a} can't be written down") from error
    safe = _UNSAFE.sub(lambda match: _percent(match[0]), safe)
    if _RESERVED.fullmatch(safe):
        safe = _percent(safe[0]) + safe[1:]
    raw = safe.encode()
    if len(raw) > NAME_BYTES_MAX:
        stem, dot, suffix = safe.rpartition(".")
        ending = (dot + suffix) if dot and len(suffix) <= 16 else ""
        mark = "~" + hashlib.blake2s(raw, digest_size=6).hexdigest() + ending
        room = NAME_BYTES_MAX - len(mark.encode())
        safe = (stem if ending else safe).encode()[:room].decode(errors="ignore") + mark
    return safe


def safe_parts(wire_path: str) -> list[str]:
    """The safe parts of a '/'-separated path from the wire. NameRefused if it is not acceptable at all."""
    parts = wire_path.split("/")
    if not wire_path or wire_path.startswith("/") or "\0" in wire_path:
        raise NameRefused(f"{wire_path!a} is no relative path")
    if any(part in ("", ".", "..") for part in parts) or len(parts) > DEPTH_MAX:
        raise NameRefused(f"{wire_path!a} has parts that are not allowed")
    return [safe_name(part) for part in parts]


def resolve_under(root: Path, wire_path: str) -> Path:
    """The place for a path from the wire; its folders are made. NameRefused if a symlink leads out of `root`."""
    parts = safe_parts(wire_path)
    folder = root
    for part in parts[:-1]:
        folder = folder / part
        try:
            os.mkdir(folder, 0o755)
        except FileExistsError:
            facts = os.lstat(folder)
            if not stat.S_ISDIR(facts.st_mode):
                raise NameRefused(f"{folder.name!a} is in the way: it is no folder") from None
    return folder / parts[-1]


def free_name(target: Path) -> Path:
    """The path itself, or `name (2).ext` and so on if something is there."""
    candidate, number = target, 2
    while os.path.lexists(candidate):
        candidate = target.with_name(f"{target.stem} ({number}){target.suffix}")
        number += 1
    return candidate
