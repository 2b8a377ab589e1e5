"""A parcel: what one replica of a folder tells another, or sends it, in one transfer. Pure.

    b"DSP1"  u32 length of the letter, the letter (JSON, zstd)
    then for each chunk: id 16, u32 length, u8 codec (0 as it is, 1 zstd, 2 a patch in zstd), u32 stored length, data

Parcels may come twice and in any order: entries are joined, chunks are named by their content. What comes in is
untrusted: sizes are bounded, every field is checked, and a chunk counts only if its hash fits.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import zstandard

from transfer_core.errors import RemoteProtocolError
from transfer_core.sync.entry import Entry, Kind
from transfer_core.sync.members import Member
from transfer_core.sync.patch import FINE_ID_BYTES, PIECES_MAX
from transfer_core.sync.recipe import CHUNK_BYTES_MAX, CHUNK_ID_BYTES, CONTENT_ID_BYTES, Recipe, encode_recipe
from transfer_core.sync.version import Version

PARCEL_BYTES_MAX = 8 << 20
LETTER_BYTES_MAX = 64 << 20
PATH_BYTES_MAX = 3000
REPLICAS_MAX = 1000
MEMBER_KEY_BYTES = 32
_MAGIC = b"DSP1"
_LENGTH = struct.Struct(">I")
_CHUNK = struct.Struct(f">{CHUNK_ID_BYTES}sIBI")
_PLAIN, _ZSTD, _PATCH = 0, 1, 2
PATCH_BYTES_MAX = 2 * CHUNK_BYTES_MAX
_LEVEL = 3
_WORTH = 0.97  # a chunk that zstd leaves larger than this goes as it is
_COUNTER_MAX = 1 << 62


@dataclass(frozen=True, slots=True)
class Parcel:
    """See the module. `entries` are those of the sender's index after `after` up to `up_to`."""

    folder: str
    sender: str  # the sender's replica
    name: str  # for people: the sender's machine
    after: int = 0
    up_to: int = 0
    entries: tuple[Entry, ...] = ()
    recipes: Mapping[bytes, bytes] = field(default_factory=dict)  # by content, encoded; none for a single chunk
    wanted: tuple[bytes, ...] = ()  # chunks
    missing: tuple[bytes, ...] = ()  # chunks that were asked for and are not here any more
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    heard: int | None = None  # "I have your index up to here: go on from there"
    say: str = ""  # share, accept, leave; from the relay: what keeps this agent out
    hints: Mapping[bytes, bytes] = field(default_factory=dict)  # by wanted chunk: fine ids of what may be in it
    patches: tuple[tuple[bytes, bytes], ...] = ()  # chunks told by those: see `patch`
    members: tuple[Member, ...] | None = None  # from the relay: who else takes part
    stored: Mapping[bytes, int] = field(default_factory=dict, compare=False)  # what its chunks took on the wire


def encode_entry(entry: Entry) -> list[Any]:
    """An entry as JSON has it."""
    return [
        entry.path,
        int(entry.kind),
        [list(pair) for pair in entry.version],
        list(entry.dot),
        entry.size,
        entry.content.hex(),
        entry.mtime_ns,
        int(entry.executable),
        entry.by,
        entry.at_ns,
    ]


def encode_parcel(parcel: Parcel) -> bytes:
    """The parcel as bytes."""
    letter = {
        "folder": parcel.folder,
        "sender": parcel.sender,
        "name": parcel.name,
        "after": parcel.after,
        "up_to": parcel.up_to,
        "entries": [encode_entry(entry) for entry in parcel.entries],
        "recipes": {content.hex(): base64.b64encode(data).decode() for content, data in parcel.recipes.items()},
        "wanted": [chunk.hex() for chunk in parcel.wanted],
        "missing": [chunk.hex() for chunk in parcel.missing],
        "heard": parcel.heard,
        "say": parcel.say,
        "hints": {chunk.hex(): base64.b64encode(ids).decode() for chunk, ids in parcel.hints.items()},
    }
    if parcel.members is not None:
        letter["members"] = [[each.key.hex(), each.name, each.online] for each in parcel.members]
    compress = zstandard.ZstdCompressor(level=_LEVEL, write_content_size=True).compress
    packed = compress(json.dumps(letter, separators=(",", ":")).encode())
    parts = [_MAGIC, _LENGTH.pack(len(packed)), packed]
    for chunk, data in parcel.chunks:
        small = compress(data)
        if len(small) < len(data) * _WORTH:
            parts += (_CHUNK.pack(chunk, len(data), _ZSTD, len(small)), small)
        else:
            parts += (_CHUNK.pack(chunk, len(data), _PLAIN, len(data)), data)
    for chunk, patch in parcel.patches:
        small = compress(patch)
        parts += (_CHUNK.pack(chunk, len(patch), _PATCH, len(small)), small)
    return b"".join(parts)


def decode_parcel(data: bytes) -> Parcel:
    """The parcel in these bytes. RemoteProtocolError if they are none."""
    try:
        return _decode(data)
    except (
        struct.error,
        zstandard.ZstdError,
        ValueError,
        KeyError,
        TypeError,
        IndexError,
        RecursionError,
        binascii.Error,
    ) as error:
        raise RemoteProtocolError(f"a parcel is malformed: {type(error).__name__}") from error


def _decode(data: bytes) -> Parcel:
    _need(data[:4] == _MAGIC and len(data) <= PARCEL_BYTES_MAX)
    (length,) = _LENGTH.unpack_from(data, 4)
    letter = json.loads(_unpack(data[8 : 8 + length], LETTER_BYTES_MAX))
    entries = tuple(_entry(item) for item in letter["entries"])
    recipes = {_hex(name, CONTENT_ID_BYTES): base64.b64decode(text) for name, text in letter["recipes"].items()}
    heard = letter["heard"]
    chunks, patches, stored = _chunks(data, 8 + length)
    hints = {_hex(name, CHUNK_ID_BYTES): base64.b64decode(text) for name, text in letter["hints"].items()}
    _need(all(len(ids) <= FINE_ID_BYTES * PIECES_MAX for ids in hints.values()))
    return Parcel(
        folder=_text(letter["folder"], 64),
        sender=_text(letter["sender"], 64),
        name=_text(letter["name"], 200),
        after=_count(letter["after"]),
        up_to=_count(letter["up_to"]),
        entries=entries,
        recipes=recipes,
        wanted=tuple(_hex(text, CHUNK_ID_BYTES) for text in letter["wanted"]),
        missing=tuple(_hex(text, CHUNK_ID_BYTES) for text in letter["missing"]),
        chunks=tuple(chunks),
        heard=None if heard is None else _count(heard),
        say=_text(letter["say"], 400),
        hints=hints,
        patches=tuple(patches),
        members=_members(letter.get("members")),
        stored=stored,
    )


_Named = list[tuple[bytes, bytes]]


def _chunks(data: bytes, at: int) -> tuple[_Named, _Named, dict[bytes, int]]:
    """Chunks, patches, and what each took."""
    found: _Named = []
    patches: _Named = []
    sizes: dict[bytes, int] = {}
    while at < len(data):
        chunk, length, codec, stored = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        limit = PATCH_BYTES_MAX if codec == _PATCH else CHUNK_BYTES_MAX
        _need(length <= limit and at + stored <= len(data) and codec in (_PLAIN, _ZSTD, _PATCH))
        body = data[at : at + stored]
        at += stored
        raw = body if codec == _PLAIN else _unpack(body, limit)
        _need(len(raw) == length)
        (patches if codec == _PATCH else found).append((chunk, raw))
        sizes[chunk] = stored
    return found, patches, sizes


def _entry(item: Any) -> Entry:
    path, kind, version, dot, size, content, mtime_ns, executable, by, at_ns = item
    entry = Entry(
        path=_path(path),
        kind=Kind(kind),
        version=_version(version),
        dot=(_text(dot[0], 64), _count(dot[1])),
        size=_count(size),
        content=bytes.fromhex(content),
        mtime_ns=_count(mtime_ns),
        executable=bool(executable),
        by=_text(by, 200),
        at_ns=_count(at_ns),
    )
    _need(len(entry.content) == (CONTENT_ID_BYTES if entry.kind is Kind.FILE else 0))
    return entry


def _members(items: Any) -> tuple[Member, ...] | None:
    if items is None:
        return None
    _need(isinstance(items, list) and len(items) <= REPLICAS_MAX)
    return tuple(Member(_hex(key, MEMBER_KEY_BYTES), _text(name, 200), bool(online)) for key, name, online in items)


def _version(pairs: Any) -> Version:
    _need(isinstance(pairs, list) and len(pairs) <= REPLICAS_MAX)
    version = tuple((_text(replica, 64), _count(counter)) for replica, counter in pairs)
    _need(list(version) == sorted(set(version)) and len({name for name, _ in version}) == len(version))
    return version


def _path(path: Any) -> str:
    _need(isinstance(path, str) and len(path.encode()) <= PATH_BYTES_MAX and "\0" not in path)
    _need(all(part not in ("", ".", "..") for part in path.split("/")))
    return str(path)


def _text(value: Any, length: int) -> str:
    _need(isinstance(value, str) and len(value) <= length)
    return str(value)


def _count(value: Any) -> int:
    _need(isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _COUNTER_MAX)
    return int(value)


def _hex(text: Any, length: int) -> bytes:
    raw = bytes.fromhex(text)
    _need(len(raw) == length)
    return raw


def _unpack(data: bytes, limit: int) -> bytes:
    size = zstandard.get_frame_parameters(data).content_size
    _need(0 <= size <= limit)
    return zstandard.ZstdDecompressor().decompress(data)


def _need(condition: bool) -> None:
    if not condition:
        raise ValueError


def recipes_of(contents: Mapping[bytes, Recipe]) -> dict[bytes, bytes]:
    """Recipes as a parcel has them: a content that is one chunk needs none."""
    return {content: encode_recipe(recipe) for content, recipe in contents.items() if len(recipe) > 1}
