"""The multipart form of `POST /upload/chunk`, parsed as it comes: small fields are kept, the chunk is passed on.

RFC 7578. The fields have to come before the chunk, as every HTTP library sends them: where the chunk's bytes belong
has to be known before they are written.

Theory of operation. What comes before the chunk is gathered and cut up at the boundary. From then on each piece of the
body is looked through once for the boundary and passed on as it is; only a few bytes at its end that may be the
boundary's beginning are held back.
"""

from __future__ import annotations

from python_multipart.multipart import parse_options_header

from transfer_core.errors import MediaTypeRefused, UsageError

CHUNK = b"chunk"
_FIELD_BYTES_MAX = 4096
_FIELDS_MAX = 16
_BOUNDARY_BYTES_MAX = 256
_HEAD_END = b"\r\n\r\n"


class ChunkForm:
    """Feed it the body; it gives what of the chunk was in it."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= _BOUNDARY_BYTES_MAX:
            raise MediaTypeRefused("a chunk comes as multipart/form-data")
        self._delimiter = b"\r\n--" + boundary
        self.closing_bytes = len(self._delimiter) + 4  # two dashes, CRLF
        self.fields: dict[str, str] = {}
        self.is_whole = False
        self.has_chunk = False  # the chunk has begun, or is over already: `fields` are all there
        self.bytes_before_chunk = 0  # how much of the body lies before the chunk, once it has begun
        self._gathered = bytearray(b"\r\n")  # as if a part came before, so that each begins with the delimiter
        self._fed = -2
        self._held = b""  # the end of the chunk so far, which may be the delimiter's beginning
        self._after = bytearray()  # what follows the delimiter after the chunk
        self._chunk_is_over = False

    def feed(self, data: bytes) -> list[bytes]:
        """Parse on; the pieces of the chunk in it. UsageError if it is no such form."""
        if self.has_chunk:
            return self._feed_chunk(data)
        self._gathered += data
        while (part := self._next_part()) is not None:
            name, value_at = part
            if name == CHUNK:
                self.has_chunk = True
                self.bytes_before_chunk = self._fed + value_at
                rest = bytes(self._gathered[value_at:])
                self._gathered.clear()
                return self._feed_chunk(rest)
            end = self._gathered.find(self._delimiter, value_at)
            if end < 0:
                if len(self._gathered) - value_at > _FIELD_BYTES_MAX + len(self._delimiter):
                    raise UsageError("a field of the form is too long")
                return []
            self._keep(name, bytes(self._gathered[value_at:end]))
            self._fed += end
            del self._gathered[:end]
        return []

    def field(self, name: str) -> str:
        """A field that has to be there. UsageError."""
        if name not in self.fields:
            raise UsageError(f"the form lacks {name}", hint="It needs upload_id, chunk_index, chunk_total, then chunk.")
        return self.fields[name]

    def number(self, name: str) -> int:
        """A field that is a number from 0. UsageError."""
        text = self.field(name).strip()
        if not (text.isascii() and text.isdecimal() and len(text) <= 15):
            raise UsageError(f"{name} is {text[:40]!a}, which is no number from 0")
        return int(text)

    # --- before the chunk

    def _next_part(self) -> tuple[bytes, int] | None:
        """The name of the part at the front and where its value begins; None if its head is not all there."""
        start = len(self._delimiter)
        if len(self._gathered) < start + 2:
            if not self._delimiter.startswith(self._gathered[:start]):
                raise UsageError("the form does not begin with its boundary")
            return None
        if self._gathered[:start] != self._delimiter:
            raise UsageError("the form does not begin with its boundary")
        if self._gathered[start : start + 2] != b"\r\n":
            raise UsageError("the form ends, or is broken, before its chunk")
        end = self._gathered.find(_HEAD_END, start)
        if end < 0:
            if len(self._gathered) > start + _FIELD_BYTES_MAX:
                raise UsageError("the head of a part of the form is too long")
            return None
        return _name_of(bytes(self._gathered[start + 2 : end])), end + len(_HEAD_END)

    def _keep(self, name: bytes, value: bytes) -> None:
        if len(value) > _FIELD_BYTES_MAX:
            raise UsageError("a field of the form is too long")
        if len(self.fields) >= _FIELDS_MAX:
            raise UsageError("the form has too many fields")
        self.fields[name.decode("utf-8", "replace")] = value.decode("utf-8", "replace")

    # --- the chunk and what follows it

    def _feed_chunk(self, data: bytes) -> list[bytes]:
        if self._chunk_is_over:
            self._end(data)
            return []
        if self._held:
            data, self._held = self._held + data, b""
        if data.rfind(self._delimiter) >= 0:  # from behind it takes half as long to see that there is none
            end = data.find(self._delimiter)
            self._chunk_is_over = True
            self._end(data[end + len(self._delimiter) :])
            return [data[:end]] if end else []
        keep = self._beginning_at_end(data)
        if keep:
            self._held, data = data[len(data) - keep :], data[: len(data) - keep]
        return [data] if data else []

    def _beginning_at_end(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of the delimiter."""
        at = data.find(b"\r", max(0, len(data) - len(self._delimiter) + 1))
        while at >= 0:
            if self._delimiter.startswith(data[at:]):
                return len(data) - at
            at = data.find(b"\r", at + 1)
        return 0

    def _end(self, data: bytes) -> None:
        if self.is_whole:
            return  # an epilogue says nothing (RFC 2046 section 5.1.1)
        self._after += data
        if self._after.startswith(b"--"):
            self.is_whole = True
        elif len(self._after) >= 2:
            raise UsageError("the chunk has to be the last part of the form")


def _name_of(head: bytes) -> bytes:
    """The name in a part's Content-Disposition. UsageError if there is none."""
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-disposition":
            name = parse_options_header(value.strip())[1].get(b"name")
            if name is not None:
                return name
    raise UsageError("a part of the form has no name")
