"""Which names are synced: ignore patterns in gitignore's syntax, and names that not every system can hold. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from transfer_core.sync.tree import PRIVATE

if TYPE_CHECKING:
    import pathspec

_ALWAYS = frozenset({PRIVATE, ".DS_Store", "Thumbs.db", "desktop.ini"})
_ALWAYS_ENDS = (".part",)
_LOCK = "~$"  # what office programs put beside an open document
_NOT_ON_WINDOWS = re.compile(r"[\x00-\x1f<>:\"|?*\\]|[. ]\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE | re.DOTALL)


class Ignored:
    """The patterns of a folder, and what is never synced: see `transfer_core.sync.tree.PRIVATE`."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._spec = _spec(lines) if any(line.strip() and not line.startswith("#") for line in lines) else None

    def match(self, path: str, *, is_folder: bool) -> bool:
        """Whether this path itself is ignored; what lies in an ignored folder is not asked for."""
        if _is_always_ignored(path):
            return True
        return self._spec is not None and self._spec.match_file(path + "/" if is_folder else path)

    def match_either(self, path: str) -> bool:
        """The same, whether it is a file or a folder."""
        if _is_always_ignored(path):
            return True
        return self._spec is not None and (self._spec.match_file(path) or self._spec.match_file(path + "/"))


def _is_always_ignored(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name in _ALWAYS or name.endswith(_ALWAYS_ENDS) or name.startswith(_LOCK)


def _spec(lines: Iterable[str]) -> pathspec.GitIgnoreSpec:
    import pathspec  # noqa: PLC0415 - only folders with patterns pay for it

    kept: list[str] = []
    for line in lines:
        try:
            pathspec.GitIgnoreSpec.from_lines([line])
        except ValueError:
            continue  # a line that is no pattern ignores nothing
        kept.append(line)
    return pathspec.GitIgnoreSpec.from_lines(kept)


def folded(name: str) -> str:
    """Names that fold to the same are one name on some systems."""
    return name if name.isascii() and name.islower() else unicodedata.normalize("NFC", name).casefold()


def why_not_synced(name: str) -> tuple[str, bool]:
    """What is wrong with a name, and whether it keeps it from being synced at all. Both empty for a good one."""
    try:
        raw = name.encode()
    except UnicodeEncodeError:
        return "its name is no valid Unicode, so it is not synced", True
    if len(raw) > 255:
        return "its name is longer than other systems can hold", False
    if _NOT_ON_WINDOWS.search(name) or _RESERVED.fullmatch(name):
        return "Windows can't hold its name", False
    return "", False
