"""Uploads to an S3 bucket: one PUT for what is small, multipart for the rest.

Theory of operation. A name that is taken by something else is left alone: the file gets the start of its job's id into
its name. `CreateMultipartUpload` gives an id, kept before the first part goes; parts go in order, each with its MD5;
after a restart `ListParts` says which are there, and all go again that have another size or tag than was kept.
`CompleteMultipartUpload` puts them together. If its answer is lost and the id unknown after that, the object's tag
tells whether it was done. Overwriting is forbidden by `If-None-Match: *` as well, where the server knows it.
(docs.aws.amazon.com/AmazonS3/latest/API)
"""

from __future__ import annotations

import json
from base64 import b64decode
from enum import Enum
from typing import ClassVar
from urllib.parse import urlencode

from transfer_core.errors import BadAnswer, FileHashMismatch, ServerRefused
from transfer_core.upload.door import Answer, Finished, Item, NeedDigest, Step
from transfer_core.upload.judge import error_of
from transfer_core.upload.s3_answers import (
    Part,
    check_stored,
    error_code,
    etag_of,
    etag_of_parts,
    parts_of,
    raise_s3,
    upload_id_of,
)
from transfer_core.upload.s3_requests import ObjectRequests

PART_MIN_BYTES = 5 * 1024 * 1024
PARTS_MAX = 10_000
RESTARTS_MAX = 3


class _Stage(Enum):
    LOOK = "look"  # is the name taken?
    PUT = "put"
    CREATE = "create"
    LIST = "list"
    PART = "part"
    COMPLETE = "complete"
    DROP = "drop"  # the parts under a name that somebody else has taken meanwhile
    CHECK = "check"  # was what had no answer done?
    DONE = "done"


class S3Uploader:
    """See `door.Uploader`. `bucket_url` is the bucket's address, `prefix` stands before each name."""

    kind: ClassVar[str] = "s3"

    def __init__(self, bucket_url: str, prefix: str = "") -> None:
        self._bucket_url, self._prefix = bucket_url.rstrip("/"), prefix.strip("/")

    def begin(self, item: Item, resume: str = "") -> S3Upload:
        """See `door.Uploader`."""
        key = f"{self._prefix}/{item.name}" if self._prefix else item.name
        return S3Upload(self._bucket_url, key, item, resume)

    def discard(self, resume: str) -> Step | None:
        """See `door.Uploader`. What is left of a multipart upload costs money."""
        key, upload_id, _, _ = _read(resume)
        return ObjectRequests(self._bucket_url, key).abort(upload_id) if key and upload_id else None

    def probe(self) -> Step:
        """See `door.Uploader`."""
        query = urlencode({"list-type": "2", "max-keys": "1", "prefix": self._prefix})
        return Step("the question whether the bucket is there", "GET", f"{self._bucket_url}/?{query}", patience_s=10)

    def judge_probe(self, answer: Answer) -> None:
        """See `door.Uploader`. A key that may upload but not list is told so, and is good all the same."""
        if answer.status == 403 and error_code(answer) == "AccessDenied":
            return
        if answer.status != 200 or b"ListBucketResult" not in answer.body:
            raise_s3(answer, "the question whether the bucket is there")


class S3Upload:
    """See `door.Upload`."""

    def __init__(self, bucket_url: str, key: str, item: Item, resume: str) -> None:
        self._bucket_url, self._item = bucket_url, item
        self._wanted_key = self._key = key
        self._part_bytes = max(PART_MIN_BYTES, item.chunk_bytes, -(-item.size // PARTS_MAX))
        self._id = ""
        self._stage = _Stage.LOOK
        self._etags: dict[int, str] = {}  # by part number, from 1
        self._kept: dict[int, str] = {}
        self._listed: list[Part] = []
        self._marker: int | None = None
        self._is_guarded = True  # the server knows If-None-Match
        self._digest = ""
        self._tag_there = ""  # of an object as large as the file, whose hash is to be compared
        self._restarts = 0
        self._go_on_with(resume)

    # --- how it is cut

    @property
    def parts(self) -> int:
        """How many parts there are."""
        return max(1, -(-self._item.size // self._part_bytes))

    def _length(self, number: int) -> int:
        return max(0, min(self._part_bytes, self._item.size - (number - 1) * self._part_bytes))

    @property
    def bytes_done(self) -> int:
        """See `door.Upload`."""
        if self._stage is _Stage.DONE:
            return self._item.size
        if self._stage in (_Stage.PART, _Stage.COMPLETE, _Stage.CHECK):
            return sum(self._length(number) for number in self._etags)
        return 0

    @property
    def _next_part(self) -> int:
        return next(number for number in range(1, self.parts + 1) if number not in self._etags)

    # --- what to send

    def next(self) -> Step | NeedDigest | Finished:
        """See `door.Upload`."""
        if self._tag_there and not self._digest:
            return NeedDigest("md5")
        match self._stage:
            case _Stage.DONE:
                return Finished(self._key)
            case _Stage.LOOK | _Stage.CHECK:
                return self._requests.look()
            case _Stage.PUT:
                return self._requests.put(self._item.size, is_guarded=self._is_guarded_now)
            case _Stage.CREATE:
                return self._requests.create()
            case _Stage.LIST:
                return self._requests.list_parts(self._id, self._marker)
            case _Stage.PART:
                return self._part(self._next_part)
            case _Stage.DROP:
                return self._requests.abort(self._id)
            case _Stage.COMPLETE:
                etags = [self._etags[number] for number in range(1, self.parts + 1)]
                return self._requests.complete(self._id, etags, is_guarded=self._is_guarded_now)

    @property
    def _requests(self) -> ObjectRequests:
        return ObjectRequests(self._bucket_url, self._key)

    @property
    def _is_guarded_now(self) -> bool:
        return self._is_guarded and self._key == self._wanted_key

    def _part(self, number: int) -> Step:
        offset = (number - 1) * self._part_bytes
        return self._requests.part(self._id, number, self.parts, offset, self._length(number))

    # --- what came of it

    def prefer(self, chunk_bytes: int) -> None:
        """See `door.Upload`. All have one size, which is settled when the upload begins."""

    def ahead(self, step: Step) -> Step | None:
        """See `door.Upload`."""
        if self._stage is not _Stage.PART:
            return None
        after = self._number_of(step) + 1
        following = next((each for each in range(after, self.parts + 1) if each not in self._etags), None)
        return None if following is None else self._part(following)

    def _number_of(self, step: Step) -> int:
        return step.offset // self._part_bytes + 1

    def sending(self, step: Step, digest: str) -> None:
        """See `door.Upload`. A part's MD5 is the tag that it will have, by which it is known if its answer is lost."""
        if self._stage is _Stage.PART and digest:
            self._kept[self._number_of(step)] = b64decode(digest).hex()

    def take(self, answer: Answer, step: Step | None = None) -> None:
        """See `door.Upload`."""
        match self._stage:
            case _Stage.LOOK:
                self._take_look(answer)
            case _Stage.CHECK:
                self._take_check(answer)
            case _Stage.PUT:
                self._take_put(answer)
            case _Stage.CREATE:
                if answer.status != 200:
                    raise_s3(answer, "the start of the upload")
                self._id, self._stage = upload_id_of(answer), _Stage.PART
            case _Stage.LIST:
                self._take_list(answer)
            case _Stage.DROP:  # what it does not drop stays there; the file goes its way all the same
                self._id = ""
                self._rename()
            case _Stage.PART:
                self._take_part(answer, self._next_part if step is None else self._number_of(step))
            case _:
                self._take_complete(answer)

    def _begin(self) -> None:
        self._stage = _Stage.PUT if self._item.size <= PART_MIN_BYTES else _Stage.CREATE

    def _take_look(self, answer: Answer) -> None:
        if answer.status == 200 and self._key == self._wanted_key:
            self._meet(answer)
        elif answer.status in (200, 403, 404):  # the job's own name; or nothing is there, or it isn't told
            self._begin()
        else:
            raise_s3(answer, "the question what has that name")

    def _meet(self, answer: Answer) -> None:
        """The name is taken: perhaps by this very file."""
        if answer.headers.get("content-length") == str(self._item.size) and "-" not in etag_of(answer):
            self._tag_there = etag_of(answer) or "unknown"
        else:
            self._rename()

    def _rename(self) -> None:
        if self._id:
            self._stage = _Stage.DROP
            return
        if self._key != self._wanted_key:
            raise ServerRefused(f"{self._key} is taken at the server too", hint="Choose another destination path.")
        folder, slash, name = self._wanted_key.rpartition("/")
        stem, dot, ending = name.partition(".")
        own = f"{stem}-{self._item.file_id[:8]}{dot}{ending}"
        self._key, self._etags, self._kept, self._tag_there = f"{folder}{slash}{own}", {}, {}, ""
        self._begin()

    def take_digest(self, digest: str) -> None:
        """See `door.Upload`. Asked for only to compare it with what has that name."""
        self._digest = digest
        if self._tag_there == digest:
            self._stage = _Stage.DONE
        else:
            self._rename()
        self._tag_there = ""

    def _take_put(self, answer: Answer) -> None:
        if self._has_no_guard(answer):
            return
        if answer.status == 412:
            self._stage = _Stage.CHECK
        elif answer.status != 200:
            raise_s3(answer, "the file")
        else:
            check_stored(answer)
            self._stage = _Stage.DONE

    def _has_no_guard(self, answer: Answer) -> bool:
        is_unknown = answer.status == 501 and self._is_guarded_now
        self._is_guarded = self._is_guarded and not is_unknown
        return is_unknown

    def _take_part(self, answer: Answer, number: int) -> None:
        if self._is_forgotten(answer):
            return
        if answer.status != 200:
            raise_s3(answer, "a part")
        self._etags[number] = check_stored(answer)
        self._finish_parts()

    def _finish_parts(self) -> None:
        self._stage = _Stage.COMPLETE if len(self._etags) == self.parts else _Stage.PART

    def _is_forgotten(self, answer: Answer) -> bool:
        if answer.status != 404 or error_code(answer) == "NoSuchBucket":
            return False
        self._restart(answer)
        return True

    def _take_list(self, answer: Answer) -> None:
        if answer.status == 404 and self._kept.keys() == set(range(1, self.parts + 1)):
            self._etags, self._stage = dict(self._kept), _Stage.CHECK  # perhaps it was put together already
            return
        if self._is_forgotten(answer):
            return
        if answer.status != 200:
            raise_s3(answer, "the question which parts it has")
        page = parts_of(answer)
        self._listed += page.parts
        self._marker = page.marker
        if page.marker is not None and len(self._listed) < PARTS_MAX:
            return
        good = (part for part in self._listed if part.number <= self.parts and part.size == self._length(part.number))
        self._etags = {part.number: part.etag for part in good if self._kept.get(part.number) == part.etag}
        self._listed, self._marker, self._kept = [], None, dict(self._etags)
        self._finish_parts()

    def _take_complete(self, answer: Answer) -> None:
        if self._has_no_guard(answer):
            return
        code = error_code(answer)
        if answer.status == 404 and code != "NoSuchBucket":
            self._stage = _Stage.CHECK  # done, and its answer lost; or forgotten
        elif answer.status == 412:
            self._stage = _Stage.CHECK
        elif answer.status == 400 and code in ("InvalidPart", "InvalidPartOrder", "EntityTooSmall"):
            self._kept = dict(self._etags)
            self._stage = _Stage.LIST
            self._count_restart(answer)
        elif answer.status != 200 or code:
            raise_s3(answer, "the end of the upload")
        elif b"CompleteMultipartUploadResult" not in answer.body:
            raise BadAnswer("the answer to the end of the upload is not what S3 answers")
        else:
            self._stage = _Stage.DONE

    def _take_check(self, answer: Answer) -> None:
        if answer.status not in (200, 404):
            raise_s3(answer, "the question what has that name")
        if answer.status == 404:
            self._restart(answer)
            return
        whole = etag_of_parts([self._etags[number] for number in sorted(self._etags)])
        if len(self._etags) == self.parts and self._id and etag_of(answer) == whole:
            self._stage = _Stage.DONE
        elif self._key == self._wanted_key:
            self._meet(answer)
        else:
            raise FileHashMismatch(f"the object {self._key} is another than was sent")

    def _restart(self, answer: Answer) -> None:
        self._id, self._etags, self._kept, self._stage = "", {}, {}, _Stage.LOOK
        self._count_restart(answer)

    def _count_restart(self, answer: Answer) -> None:
        self._restarts += 1
        if self._restarts > RESTARTS_MAX:
            raise error_of(answer, "an upload that it has lost several times")

    def lost(self) -> None:
        """See `door.Upload`."""
        if self._stage is _Stage.PART:
            self._kept |= self._etags
            self._stage = _Stage.LIST
        elif self._stage is _Stage.PUT:
            self._stage = _Stage.LOOK if self._key == self._wanted_key else _Stage.PUT

    # --- going on later

    def resume_text(self) -> str:
        """See `door.Upload`."""
        if self._key == self._wanted_key and not self._id:
            return ""
        return json.dumps(
            {"key": self._key, "id": self._id, "part_bytes": self._part_bytes, "etags": {**self._kept, **self._etags}}
        )

    def _go_on_with(self, resume: str) -> None:
        key, upload_id, part_bytes, etags = _read(resume)
        if not key:
            return
        self._key, self._id = key, upload_id
        if upload_id and part_bytes >= PART_MIN_BYTES and -(-self._item.size // part_bytes) <= PARTS_MAX:
            self._part_bytes, self._kept, self._stage = part_bytes, etags, _Stage.LIST
        elif key != self._wanted_key:
            self._id = ""
            self._begin()


def _read(resume: str) -> tuple[str, str, int, dict[int, str]]:
    """Key, upload id, size of parts and tags out of a kept text; an empty key if it makes no sense."""
    try:
        value = json.loads(resume) if resume else {}
        key, upload_id, part_bytes = value.get("key"), value.get("id"), value.get("part_bytes")
        etags = {int(number): str(etag) for number, etag in value.get("etags", {}).items()}
    except (ValueError, AttributeError, TypeError):
        return "", "", 0, {}
    if not isinstance(key, str) or not isinstance(upload_id, str) or not isinstance(part_bytes, int):
        return "", "", 0, {}
    return key, upload_id, part_bytes, etags
