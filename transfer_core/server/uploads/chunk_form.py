"""The multipart form of `POST /upload/chunk`, parsed as it comes: small fields are kept, the chunk is passed on.

RFC 7578. The fields have to come before the chunk, as every HTTP library sends them: where the chunk's bytes belong
has to be known before they are written.
"""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from transfer_core.errors import MediaTypeRefused, UsageError

CHUNK = b"chunk"
_FIELD_BYTES_MAX = 4096
_FIELDS_MAX = 16
_BOUNDARY_BYTES_MAX = 256


class ChunkForm:
    """Feed it the body; it gives what of the chunk was in it."""

    def __init__(self, content_type: str) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= _BOUNDARY_BYTES_MAX:
            raise MediaTypeRefused("a chunk comes as multipart/form-data")
        self.closing_bytes = len(boundary) + 8  # CRLF, two dashes before and after, CRLF
        self.fields: dict[str, str] = {}
        self.is_whole = False
        self._in_chunk = False
        self._seen_chunk = False
        self._name: bytes | None = None
        self._header = b""
        self._value = b""
        self._text = bytearray()
        self._chunk: list[bytes] = []
        self._before_chunk = 0
        self._fed = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    @property
    def has_chunk(self) -> bool:
        """Whether the chunk has begun, or is over already: `fields` are all there."""
        return self._seen_chunk

    @property
    def bytes_before_chunk(self) -> int:
        """How much of the body lies before the chunk, once it has begun."""
        return self._before_chunk

    def feed(self, data: bytes) -> list[bytes]:
        """Parse on; the pieces of the chunk in it. UsageError if it is no such form."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise UsageError(f"the form can't be read: {error}") from error
        self._fed += len(data)
        chunk, self._chunk = self._chunk, []
        return chunk

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

    # --- the parser's calls

    def _on_part_begin(self) -> None:
        self._name = None
        self._text.clear()
        self._header = self._value = b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._name = parse_options_header(self._value)[1].get(b"name")
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        if self._name is None:
            raise UsageError("a part of the form has no name")
        if self._seen_chunk:
            raise UsageError("the chunk has to be the last part of the form")
        if self._name == CHUNK:
            self._seen_chunk = self._in_chunk = True
            self._before_chunk = -1
        elif len(self.fields) >= _FIELDS_MAX:
            raise UsageError("the form has too many fields")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_chunk:
            if self._before_chunk < 0:
                self._before_chunk = self._fed + start
            self._chunk.append(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > _FIELD_BYTES_MAX:
            raise UsageError("a field of the form is too long")

    def _on_part_end(self) -> None:
        if self._in_chunk:
            self._in_chunk = False
        elif self._name is not None:
            self.fields[self._name.decode("utf-8", "replace")] = self._text.decode("utf-8", "replace")

    def _on_end(self) -> None:
        self.is_whole = True
