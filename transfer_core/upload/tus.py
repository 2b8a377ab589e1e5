"""tus 1.0.0, the open protocol for resumable uploads (tus.io/protocols/resumable-upload).

Theory of operation. `POST` makes an upload of a known length and names its address, which is kept before the first
byte goes there; `PATCH` appends a slice at the offset that the server has; `HEAD` says what that offset is, and is
asked after a restart, a broken connection or a conflict. A slice that broke off counts as far as the server kept it.
Each slice carries its SHA-1 as the checksum extension has it; a server without that extension does not look at it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import ClassVar
from urllib.parse import urljoin, urlsplit, urlunsplit

from transfer_core.errors import BadAnswer, ServerBusy
from transfer_core.upload.door import DISCARD, Answer, Finished, Item, NeedDigest, SliceDigest, Step
from transfer_core.upload.judge import error_of, raise_for

VERSION = "1.0.0"
RESTARTS_MAX = 3
_GONE = frozenset({403, 404, 410})  # section "HEAD": a server may not tell which
_CHECKSUM_MISMATCH = 460
_NUMBER = re.compile(r"[0-9]{1,18}")
_URL_MAX = 4096


class _Stage(Enum):
    CREATE = "create"
    ASK = "ask"
    SEND = "send"
    DONE = "done"


class TusUploader:
    """See `door.Uploader`. `base` is the address at which uploads are made."""

    kind: ClassVar[str] = "tus"

    def __init__(self, base: str) -> None:
        self._base = base

    def begin(self, item: Item, resume: str = "") -> TusUpload:
        """See `door.Uploader`."""
        return TusUpload(self._base, item, resume)

    def discard(self, resume: str) -> Step | None:
        """See `door.Uploader`. The termination extension; a server without it refuses."""
        url = _read(resume, self._base)
        return Step(DISCARD, "DELETE", url, {"Tus-Resumable": VERSION}) if url else None

    def probe(self) -> Step:
        """See `door.Uploader`."""
        return Step("the question what it can do", "OPTIONS", self._base, patience_s=10)

    def judge_probe(self, answer: Answer) -> None:
        """See `door.Uploader`."""
        if not 200 <= answer.status < 300:
            raise_for(answer, "the question what it can do")
        versions = [each.strip() for each in answer.headers.get("tus-version", "").split(",")]
        if VERSION not in versions and answer.headers.get("tus-resumable") != VERSION:
            raise BadAnswer("what answers there is no tus server of version 1.0.0")


class TusUpload:
    """See `door.Upload`."""

    def __init__(self, base: str, item: Item, resume: str) -> None:
        self._base, self._item = base, item
        self._url = _read(resume, base)
        self._stage = _Stage.ASK if self._url else _Stage.CREATE
        self._offset = 0
        self._restarts = 0
        self._slice_bytes = max(1, item.chunk_bytes)

    @property
    def bytes_done(self) -> int:
        """See `door.Upload`."""
        return self._offset

    # --- what to send

    def next(self) -> Step | NeedDigest | Finished:
        """See `door.Upload`."""
        if self._stage is _Stage.DONE:
            return Finished(self._url)
        if self._stage is _Stage.CREATE:
            return self._create()
        if self._stage is _Stage.ASK:
            return self._step("the question how far it came", "HEAD", {"Cache-Control": "no-store"})
        return self._slice()

    def _step(self, what: str, method: str, headers: Mapping[str, str] | None = None) -> Step:
        return Step(what, method, self._url or self._base, {"Tus-Resumable": VERSION, **(headers or {})})

    def _create(self) -> Step:
        about = {"filename": self._item.name, "name": self._item.name, "file_id": self._item.file_id}
        pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in about.items())
        headers = {"Upload-Length": str(self._item.size), "Upload-Metadata": ",".join(pairs)}
        return self._step("the start of the upload", "POST", headers)

    def _slice(self) -> Step:
        length = min(self._slice_bytes, self._item.size - self._offset)
        headers = {
            "Tus-Resumable": VERSION,
            "Upload-Offset": str(self._offset),
            "Content-Type": "application/offset+octet-stream",
        }
        digest = SliceDigest("sha1", "Upload-Checksum", "sha1 ")
        what = f"the bytes from {self._offset}"
        return Step(what, "PATCH", self._url, headers, offset=self._offset, length=length, digest=digest)

    # --- what came of it

    def prefer(self, chunk_bytes: int) -> None:
        """See `door.Upload`."""
        self._slice_bytes = max(1, chunk_bytes)

    def ahead(self, step: Step) -> Step | None:
        """See `door.Upload`. Slices follow each other; the server would refuse one that came too early."""
        return None

    def sending(self, step: Step, digest: str) -> None:
        """See `door.Upload`."""

    def take(self, answer: Answer, step: Step | None = None) -> None:
        """See `door.Upload`."""
        if self._stage is _Stage.CREATE:
            self._take_create(answer)
        elif self._stage is _Stage.ASK:
            self._take_offset_of_head(answer)
        else:
            self._take_slice(answer, step)

    def _take_create(self, answer: Answer) -> None:
        if answer.status != 201:
            raise_for(answer, "the start of the upload")
        self._url = self._own_address(answer.headers.get("location", ""))
        self._offset = 0
        self._stage = _Stage.SEND if self._item.size else _Stage.DONE

    def _own_address(self, location: str) -> str:
        """The upload's address, on the machine that a person named; a proxy may have its own idea of the scheme."""
        base, found = urlsplit(self._base), urlsplit(urljoin(self._base, location))
        if not location or not found.path or len(location) > _URL_MAX:
            raise BadAnswer("the server does not say where the upload is")
        if found.hostname != base.hostname:
            hint = "Give the address that it names, if it is yours."
            raise BadAnswer(f"the server sends the upload on to {found.hostname}", hint=hint)
        return urlunsplit((base.scheme, base.netloc, found.path, found.query, ""))

    def _take_offset_of_head(self, answer: Answer) -> None:
        if answer.status in _GONE:
            self._restart(answer)
            return
        if not 200 <= answer.status < 300:
            raise_for(answer, "the question how far it came")
        length = answer.headers.get("upload-length", str(self._item.size))
        if length != str(self._item.size):
            self._restart(answer)
            return
        self._go_on(self._offset_in(answer, 0, self._item.size))

    def _take_slice(self, answer: Answer, step: Step | None) -> None:
        if answer.status in (404, 410):
            self._restart(answer)
        elif answer.status in (409, _CHECKSUM_MISMATCH):
            self._stage = _Stage.ASK
            if answer.status == _CHECKSUM_MISMATCH:
                raise ServerBusy("a slice did not arrive whole: its checksum does not fit")
        elif answer.status not in (200, 204):
            self._stage = _Stage.ASK
            raise_for(answer, "a slice")
        else:
            end = self._item.size if step is None else step.offset + step.length
            self._go_on(self._offset_in(answer, self._offset, end))

    def _offset_in(self, answer: Answer, least: int, most: int) -> int:
        text = answer.headers.get("upload-offset", "").strip()
        if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
            self._stage = _Stage.ASK
            raise BadAnswer(f"the server names {text[:20]!r} as what it has, from {least} to {most} makes sense")
        return int(text)

    def _go_on(self, offset: int) -> None:
        self._offset = offset
        self._stage = _Stage.DONE if offset == self._item.size else _Stage.SEND

    def _restart(self, answer: Answer) -> None:
        """The server knows nothing of the upload: from the start, but not for ever."""
        self._url, self._offset, self._stage = "", 0, _Stage.CREATE
        self._restarts += 1
        if self._restarts > RESTARTS_MAX:
            raise error_of(answer, "an upload that it has lost several times")

    def lost(self) -> None:
        """See `door.Upload`."""
        if self._stage is _Stage.SEND:
            self._stage = _Stage.ASK

    def take_digest(self, digest: str) -> None:
        """See `door.Upload`. The protocol has no hash of the whole file."""

    # --- going on later

    def resume_text(self) -> str:
        """See `door.Upload`."""
        return json.dumps({"url": self._url}) if self._url else ""


def _read(resume: str, base: str) -> str:
    """The upload's address out of a kept text; empty if it makes no sense, or leads elsewhere."""
    try:
        url = json.loads(resume)["url"] if resume else ""
    except (ValueError, KeyError, TypeError):
        return ""
    return url if isinstance(url, str) and urlsplit(url).netloc == urlsplit(base).netloc else ""
