"""What an S3 server's answers in XML say, and how its errors are to be taken.

Read with patterns for the few elements that count: answers come from a network, and a parser of all of XML can be made
to do more work than the answer is long.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import NoReturn

from transfer_core.errors import BadAnswer, ServerBusy, ServerRefused
from transfer_core.upload.door import Answer
from transfer_core.upload.judge import raise_for, retry_after_s, words_of

_PASSING = frozenset(
    {"SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable", "OperationAborted", "BadDigest"}
    | {"ConditionalRequestConflict", "Throttling", "RequestLimitExceeded"}
)
_HINTS = {
    "RequestTimeTooSkewed": "Set this machine's clock; the server refuses requests whose time is wrong.",
    "NoSuchBucket": "Make the bucket, or correct its name.",
    "InvalidAccessKeyId": "Check the key's id and which server it belongs to.",
    "SignatureDoesNotMatch": "Check the secret key, the region and the endpoint.",
    "PermanentRedirect": "Give the bucket's own region with --region.",
    "AuthorizationHeaderMalformed": "Give the bucket's own region with --region.",
}
_PARTS = re.compile(r"<ListParts(Result|Response)\b")  # the second is what some servers of other makes say
_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_ETAG_MAX = 200
_ENCRYPTED = ("x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm")


@dataclass(frozen=True, slots=True)
class Part:
    """A part that the server has."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class PartList:
    """One page of parts; `marker` is where the next begins, None if there is none."""

    parts: tuple[Part, ...]
    marker: int | None


def text_of(answer: Answer) -> str:
    """The answer's body as text."""
    return answer.body.decode("utf-8", "replace")


def element(text: str, name: str) -> str:
    """What stands in the first element of that name; empty if there is none."""
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return unescape(found[1]).strip() if found else ""


def error_code(answer: Answer) -> str:
    """The code of an error, also of one that came as 200; empty if it is none."""
    text = text_of(answer)
    return element(text, "Code") if "<Error" in text else ""


def raise_s3(answer: Answer, what: str) -> NoReturn:
    """The error that an answer which is not the wanted one means."""
    code = error_code(answer)
    if code in _PASSING:
        after = retry_after_s(answer.headers.get("retry-after"), answer.headers.get("date"))
        raise ServerBusy(f"the server answered {code} to {what}: {words_of(answer)}", retry_after_s=after)
    if code in _HINTS:
        raise ServerRefused(f"the server answered {code} to {what}", hint=_HINTS[code])
    if 200 <= answer.status < 300:
        raise BadAnswer(f"the answer to {what} is not what S3 answers: {code or words_of(answer) or 'no XML'}")
    raise_for(answer, what)


def upload_id_of(answer: Answer) -> str:
    """What a new multipart upload is called. BadAnswer if it isn't said."""
    upload_id = element(text_of(answer), "UploadId")
    if not upload_id or len(upload_id) > 1024 or not upload_id.isprintable():
        raise_s3(answer, "the start of the upload")
    return upload_id


def etag_of(answer: Answer) -> str:
    """The tag of what was stored, without quotation marks; empty if it isn't said."""
    etag = answer.headers.get("etag", "").strip().strip('"')
    return etag if etag.isascii() and etag.isprintable() and len(etag) <= _ETAG_MAX and "<" not in etag else ""


def check_stored(answer: Answer) -> str:
    """The tag of what was stored. BadAnswer if there is none; ServerBusy if it is the MD5 of something else.

    A tag is no MD5 where the server encrypts with keys of its own, which it says.
    """
    etag = etag_of(answer)
    if not etag:
        raise BadAnswer("the server does not say what it stored")
    is_md5 = not any(name in answer.headers for name in _ENCRYPTED) and re.fullmatch("[0-9a-f]{32}", etag)
    if is_md5 and answer.sent_digest and etag != b64decode(answer.sent_digest).hex():
        raise ServerBusy("what arrived at the server is not what was sent: its MD5 does not fit")
    return etag


def parts_of(answer: Answer) -> PartList:
    """A page of ListParts. BadAnswer if it is none."""
    text = text_of(answer)
    if not _PARTS.search(text):
        raise_s3(answer, "the question which parts it has")
    found = []
    for body in _PART.findall(text):
        number, size = element(body, "PartNumber"), element(body, "Size")
        etag = element(body, "ETag").strip('"')
        if number.isdecimal() and size.isdecimal() and len(number) < 6 and len(size) < 16 and etag:
            found.append(Part(int(number), etag, int(size)))
    marker = element(text, "NextPartNumberMarker")
    is_more = element(text, "IsTruncated") == "true" and marker.isdecimal()
    return PartList(tuple(found), int(marker) if is_more else None)


def etag_of_parts(etags: Sequence[str]) -> str:
    """The tag that an object of these parts gets: MD5 of their MD5s, and how many; empty if they are no MD5s."""
    try:
        whole = hashlib.md5(b"".join(bytes.fromhex(etag) for etag in etags), usedforsecurity=False)
    except ValueError:
        return ""
    return f"{whole.hexdigest()}-{len(etags)}"
