"""The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload): what they say, read strictly."""

from __future__ import annotations

import base64
import binascii
from email.utils import formatdate

from transfer_core.errors import TooLarge, UsageError

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination,expiration,concatenation"
CHECKSUMS = "sha1,sha256,sha512,md5,blake3"
OFFSET_TYPE = "application/offset+octet-stream"
PIECES_MAX = 1000
_NUMBER_DIGITS = 19
_METADATA_BYTES_MAX = 16 * 1024


def parse_number(name: str, text: str | None) -> int:
    """A size or an offset. UsageError if it is not there, or is no number from 0."""
    if text is None:
        raise UsageError(f"{name} is missing", hint="See https://tus.io/protocols/resumable-upload.")
    stripped = text.strip()
    if not (stripped.isascii() and stripped.isdecimal() and len(stripped) <= _NUMBER_DIGITS):
        raise UsageError(f"{name} is {text[:40]!a}, which is no number from 0")
    return int(stripped)


def parse_metadata(text: str) -> dict[str, str]:
    """`Upload-Metadata`: pairs of a key and a value in base64, which may be missing. UsageError, TooLarge."""
    if len(text) > _METADATA_BYTES_MAX:
        raise TooLarge("Upload-Metadata is too long")
    found: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        key, _, encoded = pair.partition(" ")
        try:
            value = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
        except (binascii.Error, ValueError) as error:
            raise UsageError(f"Upload-Metadata: the value of {key[:40]!a} is no text in base64") from error
        if key in found or not key.isascii():
            raise UsageError(f"Upload-Metadata: {key[:40]!a} is no key, or is there twice")
        found[key] = value
    return found


def parse_pieces(concat: str) -> list[str]:
    """The ids of the partial uploads that `Upload-Concat: final;URL URL` names, in their order. UsageError."""
    kind, _, urls = concat.partition(";")
    ids = [url.partition("?")[0].rstrip("/").rpartition("/")[2] for url in urls.split()]
    if kind.strip() != "final" or not ids or not all(ids):
        raise UsageError("Upload-Concat is neither partial nor final;URL URL", hint="Name the partial uploads.")
    if len(ids) > PIECES_MAX:
        raise TooLarge(f"a final upload is made of up to {PIECES_MAX} partial ones")
    if len(set(ids)) != len(ids):
        raise UsageError("Upload-Concat names a partial upload twice")
    return ids


def http_date(at_ns: int) -> str:
    """A time as HTTP writes it (RFC 9110 section 5.6.7)."""
    return formatdate(at_ns / 1e9, usegmt=True)
