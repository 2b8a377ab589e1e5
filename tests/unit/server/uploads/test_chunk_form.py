"""The form of a chunk, whole and broken, however it is cut on its way."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transfer_core.errors import MediaTypeRefused, UsageError
from transfer_core.server.uploads.chunk_form import ChunkForm

TYPE = "multipart/form-data; boundary=edge"
FIELDS = {"upload_id": "u-1", "chunk_index": "3", "chunk_total": "9"}


def form_of(chunk: bytes, fields: dict[str, str] = FIELDS, end: bytes = b"\r\n--edge--\r\n") -> bytes:
    head = "".join(f'--edge\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    head += '--edge\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\nContent-Type: a/b\r\n\r\n'
    return head.encode() + chunk + end


def fed(form: ChunkForm, body: bytes, cuts: list[int]) -> bytes:
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return b"".join(piece for start, end in itertools.pairwise(places) for piece in form.feed(body[start:end]))


NEARLY = st.lists(st.sampled_from([b"\r", b"\r\n", b"\r\n--", b"\r\n--edg", b"-", b"edge", b"x"]), max_size=30)


@given(chunk=st.binary(max_size=300) | NEARLY.map(b"".join), cuts=st.lists(st.integers(0, 10_000), max_size=12))
def test_the_chunk_comes_out_as_it_went_in_however_it_is_cut(chunk: bytes, cuts: list[int]) -> None:
    if b"\r\n--edge" in chunk:
        return
    form = ChunkForm(TYPE)
    body = form_of(chunk)
    assert fed(form, body, cuts) == chunk
    assert form.is_whole
    assert form.fields == FIELDS
    assert form.bytes_before_chunk == body.index(b"a/b\r\n\r\n") + 7
    assert len(body) - form.bytes_before_chunk - form.closing_bytes == len(chunk)


@given(body=st.binary(max_size=200), cuts=st.lists(st.integers(0, 300), max_size=4))
def test_any_bytes_make_a_form_or_an_error_that_says_why(body: bytes, cuts: list[int]) -> None:
    for raw in (body, b"--edge\r\n" + body, form_of(b"", end=b"")[:60] + body, form_of(b"x", end=b"\r\n--edge" + body)):
        form = ChunkForm(TYPE)
        with contextlib.suppress(UsageError):
            fed(form, raw, cuts)


@pytest.mark.parametrize(
    "body",
    [
        b"no form",
        b"--other\r\n",
        b"--edge--\r\n",
        b"--edge\r\nX: y\r\n\r\nvalue\r\n--edge--",
        b"--edge\r\nContent-Disposition: form-data\r\n\r\n",
        b"--edge\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"x" * 10_000,
        b"--edge\r\n" + b"x" * 10_000,
        form_of(b"x", {f"f{number}": "y" for number in range(40)}),
        form_of(b"x", end=b"\r\n--edge\r\nContent-Disposition: form-data; name=late\r\n\r\ny\r\n--edge--"),
    ],
)
def test_what_is_no_such_form_is_refused(body: bytes) -> None:
    with pytest.raises(UsageError):
        ChunkForm(TYPE).feed(body)


def test_a_form_that_breaks_off_is_not_whole() -> None:
    form = ChunkForm(TYPE)
    assert b"".join(form.feed(form_of(b"chunk")[:-8])) == b"chunk"
    assert not form.is_whole


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "multipart/form-data", f"multipart/form-data; boundary={'b' * 300}"]
)
def test_only_forms_with_a_boundary_are_taken(kind: str) -> None:
    with pytest.raises(MediaTypeRefused):
        ChunkForm(kind)


def test_a_field_that_lacks_or_is_no_number_is_named() -> None:
    form = ChunkForm(TYPE)
    form.feed(form_of(b"", {"chunk_index": "x"}))
    with pytest.raises(UsageError, match="chunk_index"):
        form.number("chunk_index")
    with pytest.raises(UsageError, match="upload_id"):
        form.field("upload_id")
