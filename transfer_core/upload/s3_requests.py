"""The requests of an upload to an S3 bucket, for one object at a time.

(docs.aws.amazon.com/AmazonS3/latest/API: HeadObject, PutObject, CreateMultipartUpload, ListParts, UploadPart,
CompleteMultipartUpload, AbortMultipartUpload)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from transfer_core.upload.door import DISCARD, SliceDigest, Step

_LIST_MAX_BYTES = 1024 * 1024
_MD5 = SliceDigest("md5", "Content-MD5")
_BYTES = {"Content-Type": "application/octet-stream"}
_NOT_OVER_ANOTHER = {"If-None-Match": "*"}


@dataclass(frozen=True, slots=True)
class ObjectRequests:
    """Requests for the object `key` of the bucket at `bucket_url`."""

    bucket_url: str
    key: str

    def look(self) -> Step:
        """What has that name?"""
        return self._step("the question what has that name", "HEAD")

    def put(self, length: int, *, is_guarded: bool) -> Step:
        """The whole file at once; `is_guarded` forbids to overwrite another object, where the server knows how."""
        headers = _BYTES | (_NOT_OVER_ANOTHER if is_guarded else {})
        step = self._step("the file", "PUT", headers=headers)
        return Step(step.what, step.method, step.url, step.headers, length=length, digest=_MD5)

    def create(self) -> Step:
        """The start of a multipart upload."""
        return self._step("the start of the upload", "POST", {"uploads": ""}, _BYTES)

    def list_parts(self, upload_id: str, marker: int | None) -> Step:
        """A page of the parts that are there, from `marker` on."""
        query = {"max-parts": "1000", "uploadId": upload_id}
        if marker is not None:
            query["part-number-marker"] = str(marker)
        return self._step("the question which parts it has", "GET", query)

    def part(self, upload_id: str, number: int, parts: int, offset: int, length: int) -> Step:
        """Part `number` of `parts`, which counts from 1: `length` bytes of the file from `offset`."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        step = self._step(f"part {number} of {parts}", "PUT", query)
        return Step(step.what, step.method, step.url, offset=offset, length=length, digest=_MD5)

    def complete(self, upload_id: str, etags: Sequence[str], *, is_guarded: bool) -> Step:
        """Put the parts together; their tags in order. `is_guarded` as with `put`."""
        listed = "".join(
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{etag}"</ETag></Part>'
            for number, etag in enumerate(etags, start=1)
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        headers = {"Content-Type": "application/xml"} | (_NOT_OVER_ANOTHER if is_guarded else {})
        return self._step("the end of the upload", "POST", {"uploadId": upload_id}, headers, body, patience_s=600)

    def abort(self, upload_id: str) -> Step:
        """Give a multipart upload up."""
        return self._step(DISCARD, "DELETE", {"uploadId": upload_id})

    def _step(
        self,
        what: str,
        method: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        patience_s: float = 60,
    ) -> Step:
        url = f"{self.bucket_url}/{quote(self.key, safe='/~-._')}"
        if query:
            url += "?" + urlencode(sorted(query.items()), quote_via=quote)
        return Step(
            what, method, url, headers or {}, head=body, answer_max_bytes=_LIST_MAX_BYTES, patience_s=patience_s
        )
