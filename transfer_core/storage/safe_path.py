"""Turns a path from the wire into one that is safe below a root folder. Names from the wire are untrusted.

Kept as they are: letters of all scripts, spaces inside, emoji, dots in front. Written as %XX, byte by byte of UTF-8:
control characters, what turns the direction of text, `<>:"|?*\\`, dots and spaces at the end, bytes that are no UTF-8,
the first letter of names that Windows reserves, and the dot of `.part` at the end, which is ours. A `%` that would read
as such an escape is escaped itself, so that `wire_name` finds the name again. Names over 255 bytes are cut and get a
hash, so that two of them stay two. Refused: absolute paths, `.` and `..`, empty parts, NUL, too deep or too long paths,
and folders that are symbolic links, wherever they lead.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from transfer_core.errors import NameRefused, WriteFailed
from transfer_core.storage.durable import sync_folder

NAME_BYTES_MAX = 255  # of ext4, XFS, APFS; NTFS counts UTF-16 units, of which a name never has more than bytes
PATH_BYTES_MAX = 4000  # PATH_MAX less what the system may add
DEPTH_MAX = 64
PART_SUFFIX = ".part"
_SUFFIX_BYTES_MAX = 24  # more than this after the last dot is no file type that has to be kept
_HASH_BYTES = 6
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff<>:\"|?*\\]"
    r"|%(?=[0-9A-Fa-f]{2})"
    r"|[. ]+\Z"
    r"|\.(?=part\Z)",
    re.IGNORECASE,
)
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?: *\..*)?", re.IGNORECASE | re.DOTALL
)
_NO_NAMES = frozenset(("", ".", ".."))
_ESCAPES = re.compile(r"(?:%[0-9A-F]{2})+")


def safe_name(name: str) -> str:
    """One part of a path, made safe for every system. NameRefused if it can't be written down at all."""
    try:
        safe = _UNSAFE.sub(lambda match: _escape(match[0]), name)
    except UnicodeEncodeError as error:
        raise NameRefused(f"the name {name!a} can't be written down") from error
    if _RESERVED.fullmatch(safe):
        safe = _escape(safe[0]) + safe[1:]
    return fit_name(safe)


def wire_name(stored: str) -> str:
    """The name that `safe_name` made this of, unless it had to be cut."""
    return _ESCAPES.sub(
        lambda match: bytes.fromhex(match[0].replace("%", "")).decode("utf-8", "surrogateescape"), stored
    )


def fit_name(name: str, ending: str = "") -> str:
    """The name with that ending, cut to 255 bytes if need be: then with a hash of the whole, and with its file type."""
    raw = name.encode()
    if len(raw) + len(ending) <= NAME_BYTES_MAX:
        return name + ending
    stem, dot, suffix = name.rpartition(".")
    kind = dot + suffix if dot and stem and len(suffix.encode()) <= _SUFFIX_BYTES_MAX else ""
    tail = f"~{hashlib.blake2s(raw, digest_size=_HASH_BYTES).hexdigest()}{kind}{ending}"
    head = raw[: NAME_BYTES_MAX - len(tail.encode())].decode(errors="ignore")
    return re.sub(r"%[0-9A-F]?\Z", "", head) + tail


def safe_parts(wire_path: str) -> list[str]:
    """The safe parts of a '/'-separated path from the wire. NameRefused if it is not acceptable at all."""
    parts = wire_path.split("/")
    if not wire_path or wire_path.startswith("/") or "\0" in wire_path:
        raise NameRefused(f"{wire_path[:200]!a} is no relative path")
    if not _NO_NAMES.isdisjoint(parts):
        raise NameRefused(f"{wire_path[:200]!a} has parts that are not allowed")
    if len(parts) > DEPTH_MAX:
        raise NameRefused(f"{wire_path[:200]!a} is more than {DEPTH_MAX} folders deep")
    return [safe_name(part) for part in parts]


def resolve_under(root: Path, wire_path: str) -> Path:
    """The place for a path from the wire; its folders below `root`, which must be there, are made.

    NameRefused if the path can't be taken, or if something that is no folder, such as a symbolic link, is in its way.
    WriteFailed if a folder can't be made.
    """
    return Path(resolve_beside(root, wire_path, {}))


def resolve_beside(root: Path, wire_path: str, known: dict[str, str]) -> str:
    """`resolve_under` for many of the same root at the same time: `known` keeps the folders that were found good."""
    name = wire_path.rpartition("/")[2]
    above = wire_path.removesuffix(name)  # with the slash, so that "/a" is not taken for "a"
    folder = known.get(above)
    if folder is None:
        parts = safe_parts(wire_path)
        folder = known[above] = str(_make_folders(root, parts[:-1], wire_path))
        name = parts[-1]
    else:
        (name,) = safe_parts(name)
    target = os.path.join(folder, name)  # noqa: PTH118 - a path object each costs more than writing a small file
    if len(os.fsencode(target)) > PATH_BYTES_MAX:
        raise NameRefused(f"{wire_path[:200]!a} is too long a path")
    return target


def _make_folders(root: Path, parts: Sequence[str], wire_path: str) -> Path:
    """The folder of those parts below the root, made if it is not there."""
    if len(os.fsencode(root.joinpath(*parts))) > PATH_BYTES_MAX:
        raise NameRefused(f"{wire_path[:200]!a} is too long a path")
    folder = root
    for part in parts:
        parent, folder = folder, folder / part
        try:
            if not _is_folder(folder):
                folder.mkdir(0o755)
                sync_folder(parent)
        except FileExistsError:
            if not _is_folder(folder):
                raise NameRefused(f"{folder.name!a} is in the way: it is no folder") from None
        except OSError as error:
            raise WriteFailed(f"{folder} can't be made: {error.strerror or error}") from error
    return folder


def _is_folder(folder: Path) -> bool:
    """Whether there is a folder, and no link to one."""
    try:
        return stat.S_ISDIR(folder.lstat().st_mode)
    except FileNotFoundError:
        return False


def part_path(target: Path) -> Path:
    """Where a file lies while it arrives; no name from the wire ends like this."""
    return target.with_name(fit_name(target.name, PART_SUFFIX))


def part_name(target: str) -> str:
    """`part_path` as text."""
    folder, name = os.path.split(target)
    return os.path.join(folder, fit_name(name, PART_SUFFIX))  # noqa: PTH118 - as above


def free_names(target: Path) -> Iterator[Path]:
    """The path itself, then `name (2).ext`, `name (3).ext` and so on, whether or not they are free."""
    yield target
    number = 2
    while True:
        numbered = f"{target.stem} ({number}){target.suffix}"
        # `fit_name` hashes the whole, so that cut names with different numbers stay different.
        yield target.with_name(fit_name(numbered))
        number += 1


def free_name(target: Path) -> Path:
    """The first of `free_names` at which there is nothing."""
    return next(candidate for candidate in free_names(target) if not os.path.lexists(candidate))


def _escape(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogateescape"))
