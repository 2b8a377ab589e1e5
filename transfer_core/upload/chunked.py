"""The chunk protocol: `/upload/init`, `/upload/chunk`, `/upload/finalize`, `/upload/status/<id>`.

Theory of operation. `init` names the file, its size and the number of chunks, all of one size but the last; chunks go
one after another as forms; `finalize` hands over the hash of the whole file, which the server compares with what it
has put together. After a restart, a broken connection or an answer that never came, `status` says what the server has,
and the first chunk that it lacks is next: a chunk that was stored although its answer got lost is not sent again. A
server that knows nothing of the upload any more gets it from the start.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, ClassVar, TypeGuard

from transfer_core.errors import BadAnswer, FileHashMismatch, ServerRefused
from transfer_core.upload.door import DISCARD, Answer, Finished, Item, NeedDigest, Step
from transfer_core.upload.judge import error_of, json_of, raise_for, words_of

RESTARTS_MAX = 3
CHECK_BYTES_PER_S = 20e6  # how fast a slow server puts a file together and hashes it
_ID_MAX = 200
_COMPLETE = frozenset({"completed", "complete", "finished"})
_LISTS = ("received_chunks", "uploaded_chunks", "received")


def server_of(address: str) -> str:
    """The server's own address, from one with or without `/upload` at its end."""
    return address.rstrip("/").removesuffix("/upload")


class _Stage(Enum):
    INIT = "init"
    ASK = "ask"
    CHUNK = "chunk"
    FINALIZE = "finalize"
    DONE = "done"


class ChunkedUploader:
    """See `door.Uploader`. `base` is the server's address, with or without the `/upload` at its end.

    `digest` is the algorithm of the whole file's hash: md5, or blake3 for a relay of this program.
    """

    kind: ClassVar[str] = "chunked"

    def __init__(self, base: str, digest: str = "md5") -> None:
        self._base = server_of(base)
        self._digest = digest

    def begin(self, item: Item, resume: str = "") -> ChunkedUpload:
        """See `door.Uploader`."""
        return ChunkedUpload(self._base, item, self._digest, resume)

    def discard(self, resume: str) -> Step | None:
        """See `door.Uploader`. The reference has no such request: its servers answer 404 or 405, relays drop it."""
        upload_id, _ = _read(resume)
        return Step(DISCARD, "DELETE", f"{self._base}/upload/{upload_id}") if upload_id else None

    def probe(self) -> Step:
        """See `door.Uploader`."""
        return Step("the question whether it is well", "GET", f"{self._base}/health", patience_s=10)

    def judge_probe(self, answer: Answer) -> None:
        """See `door.Uploader`."""
        if answer.status != 200:
            raise_for(answer, "the question whether it is well")
        json_of(answer, "the question whether it is well")


class RelayUploader(ChunkedUploader):
    """The chunk protocol of a relay of this program, which is asked as this agent whether it takes uploads.

    One that does not know this agent yet, or not any more, is not there for it: the jobs wait and say why.
    """

    def __init__(self, base: str) -> None:
        super().__init__(base, "blake3")

    def probe(self) -> Step:
        """See `door.Uploader`. No upload is called so."""
        return Step("the question whether it takes uploads", "GET", f"{self._base}/upload/status/none", patience_s=10)

    def judge_probe(self, answer: Answer) -> None:
        """See `door.Uploader`."""
        if answer.status != 404:
            raise_for(answer, "the question whether it takes uploads")
        json_of(answer, "the question whether it takes uploads")


class ChunkedUpload:
    """See `door.Upload`."""

    def __init__(self, base: str, item: Item, algorithm: str, resume: str) -> None:
        self._base, self._item, self._algorithm = base, item, algorithm
        self._chunk_bytes = max(1, item.chunk_bytes)
        self._id = ""
        self._stage = _Stage.INIT
        self._early_digest = False  # the server wants the hash before the first chunk
        self._digest = ""
        self._stored_as = self._receipt = ""
        self._restarts = 0
        upload_id, chunk_bytes = _read(resume)
        if upload_id:
            self._id, self._chunk_bytes, self._stage = upload_id, chunk_bytes, _Stage.ASK
        self._missing = list(range(self.chunks))

    @property
    def chunks(self) -> int:
        """How many chunks there are; an empty file is one empty chunk."""
        return max(1, -(-self._item.size // self._chunk_bytes))

    @property
    def bytes_done(self) -> int:
        """See `door.Upload`."""
        if self._stage in (_Stage.INIT, _Stage.ASK):
            return 0
        return self._item.size - sum(self._length(chunk) for chunk in self._missing)

    def _length(self, chunk: int) -> int:
        return max(0, min(self._chunk_bytes, self._item.size - chunk * self._chunk_bytes))

    # --- what to send

    def next(self) -> Step | NeedDigest | Finished:
        """See `door.Upload`."""
        if self._stage is _Stage.DONE:
            return Finished(self._stored_as, self._receipt)
        if not self._digest and (self._stage is _Stage.FINALIZE or self._early_digest):
            return NeedDigest(self._algorithm)
        if self._stage is _Stage.INIT:
            return self._init()
        if self._stage is _Stage.ASK:
            return Step("the question what has arrived", "GET", f"{self._base}/upload/status/{self._id}")
        return self._chunk(self._missing[0]) if self._stage is _Stage.CHUNK else self._finalize()

    def _init(self) -> Step:
        item = self._item
        metadata = {"type": "file", "priority": item.priority, "source": item.source, "file_id": item.file_id}
        fields: dict[str, Any] = {
            "filename": item.name,
            "filesize": item.size,
            "chunks": self.chunks,
            "chunk_size": self._chunk_bytes,
            "metadata": metadata,
        }
        if self._digest:
            fields["checksum"] = self._named_digest
        return self._json_step("the start of the upload", "init", fields)

    def _chunk(self, chunk: int) -> Step:
        fields = {"upload_id": self._id, "chunk_index": chunk, "chunk_total": self.chunks}
        boundary = hashlib.blake2s(f"{self._item.file_id} {self._id}".encode(), digest_size=16).hexdigest()
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        head += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="chunk"; filename="chunk_{chunk}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        return Step(
            f"chunk {chunk + 1} of {self.chunks}",
            "POST",
            f"{self._base}/upload/chunk",
            {"Content-Type": f"multipart/form-data; boundary={boundary}"},
            head=head.encode(),
            offset=chunk * self._chunk_bytes,
            length=self._length(chunk),
            tail=f"\r\n--{boundary}--\r\n".encode(),
        )

    def _finalize(self) -> Step:
        patience_s = 60 + self._item.size / CHECK_BYTES_PER_S
        fields = {"upload_id": self._id, "checksum": self._named_digest}
        return self._json_step("the end of the upload", "finalize", fields, patience_s)

    @property
    def _named_digest(self) -> str:
        """MD5 goes without its name, as the protocol's reference has it."""
        return self._digest if self._algorithm == "md5" else f"{self._algorithm}:{self._digest}"

    def _json_step(self, what: str, verb: str, fields: Mapping[str, Any], patience_s: float = 60) -> Step:
        body = json.dumps(fields).encode()
        url = f"{self._base}/upload/{verb}"
        return Step(what, "POST", url, {"Content-Type": "application/json"}, head=body, patience_s=patience_s)

    # --- what came of it

    def prefer(self, chunk_bytes: int) -> None:
        """See `door.Upload`. All have one size, which is settled when the upload begins."""

    def ahead(self, step: Step) -> Step | None:
        """See `door.Upload`."""
        chunk = step.offset // self._chunk_bytes
        following = next((each for each in self._missing if each > chunk), None)
        return None if following is None or self._stage is not _Stage.CHUNK else self._chunk(following)

    def sending(self, step: Step, digest: str) -> None:
        """See `door.Upload`."""

    def take(self, answer: Answer, step: Step | None = None) -> None:
        """See `door.Upload`."""
        if self._stage is _Stage.INIT:
            self._take_init(answer)
        elif answer.status in (404, 410):
            self._restart(answer)
        elif self._stage is _Stage.ASK:
            self._take_status(answer)
        elif self._stage is _Stage.CHUNK:
            self._take_chunk(answer, self._missing[0] if step is None else step.offset // self._chunk_bytes)
        elif self._stage is _Stage.FINALIZE:
            self._take_finalize(answer)

    def _take_init(self, answer: Answer) -> None:
        if answer.status in (400, 422) and not self._digest and "checksum" in words_of(answer).lower():
            self._early_digest = True
            return
        value = self._good(answer, "the start of the upload")
        upload_id = value.get("upload_id")
        if not _is_plain(upload_id):
            raise BadAnswer("the server gave the upload no name that can be used")
        self._id = upload_id
        self._stage = _Stage.CHUNK
        self._missing = list(range(self.chunks))

    def _take_chunk(self, answer: Answer, chunk: int) -> None:
        if answer.status == 409:  # somebody else, or this agent before it was killed, has sent it meanwhile
            self._stage = _Stage.ASK
            return
        if answer.status in (422, 460):
            raise error_of(Answer(503, answer.headers, answer.body), "a chunk that did not arrive whole")
        value = self._good(answer, "a chunk")
        total = value.get("total_chunks", self.chunks)
        if total != self.chunks:
            raise BadAnswer(f"the server counts {total!r} chunks, the file has {self.chunks}")
        if chunk in self._missing:
            self._missing.remove(chunk)
        if not self._missing:
            self._stage = _Stage.FINALIZE

    def _take_status(self, answer: Answer) -> None:
        value = self._good(answer, "the question what has arrived")
        if str(value.get("status", "")).lower() in _COMPLETE:
            if self._algorithm == "md5":
                self._finish(value)
            else:  # a relay says its hash and gives its receipt again
                self._missing, self._stage = [], _Stage.FINALIZE
            return
        if value.get("total_chunks", self.chunks) != self.chunks:
            self._restart(answer)
            return
        self._missing = self._lacking(value)
        self._stage = _Stage.CHUNK if self._missing else _Stage.FINALIZE

    def _lacking(self, value: Mapping[str, Any]) -> list[int]:
        """The chunks that the server lacks: named, or all but those it names or counts."""
        if isinstance(value.get("missing_chunks"), list):
            return sorted(self._indices(value["missing_chunks"]))
        for key in _LISTS:
            if isinstance(value.get(key), list):
                return sorted(set(range(self.chunks)) - self._indices(value[key]))
        count = value.get("received_chunks")
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= self.chunks:
            raise BadAnswer("the server does not say which chunks it has")
        return list(range(count, self.chunks))

    def _indices(self, values: Iterable[Any]) -> set[int]:
        found = {value for value in values if isinstance(value, int) and 0 <= value < self.chunks}
        if len(found) != len(set(map(str, values))):
            raise BadAnswer("the server names chunks that there are not")
        return found

    def _take_finalize(self, answer: Answer) -> None:
        words = words_of(answer).lower()
        if answer.status in (400, 409, 422, 460) and ("checksum" in words or "hash" in words):
            self._forget()
            raise FileHashMismatch(f"the server put together another file than was sent: {words}")
        if answer.status in (400, 409) and ("missing" in words or "incomplete" in words):
            self._count_restart(answer)
            self._stage = _Stage.ASK
            return
        self._finish(self._good(answer, "the end of the upload"))

    def _finish(self, value: Mapping[str, Any]) -> None:
        said = value.get("file_hash")
        if self._algorithm == "blake3" and said is not None and self._digest and said != self._named_digest:
            self._forget()
            raise FileHashMismatch("the relay has another file than was sent", hint="It is sent again from the start.")
        where = value.get("stored_as") or value.get("file_path") or ""
        self._stored_as = str(where)[:4096]
        receipt = value.get("receipt")
        self._receipt = json.dumps(receipt) if isinstance(receipt, dict) else ""
        self._missing = []
        self._stage = _Stage.DONE

    def _good(self, answer: Answer, what: str) -> Mapping[str, Any]:
        if not 200 <= answer.status < 300:
            raise_for(answer, what)
        value = json_of(answer, what)
        if value.get("success") is False:
            raise ServerRefused(f"the server refused {what}: {words_of(answer) or 'it gives no reason'}")
        return value

    def _restart(self, answer: Answer) -> None:
        """The server knows nothing of the upload: from the start, but not for ever."""
        self._count_restart(answer)
        self._forget()

    def _count_restart(self, answer: Answer) -> None:
        self._restarts += 1
        if self._restarts > RESTARTS_MAX:
            raise error_of(answer, "an upload that it has lost several times")

    def _forget(self) -> None:
        self._id, self._stage = "", _Stage.INIT
        self._chunk_bytes = max(1, self._item.chunk_bytes)
        self._missing = list(range(self.chunks))

    def lost(self) -> None:
        """See `door.Upload`."""
        if self._stage in (_Stage.CHUNK, _Stage.FINALIZE):
            self._stage = _Stage.ASK

    def take_digest(self, digest: str) -> None:
        """See `door.Upload`."""
        self._digest = digest

    # --- going on later

    def resume_text(self) -> str:
        """See `door.Upload`."""
        return json.dumps({"id": self._id, "chunk_bytes": self._chunk_bytes}) if self._id else ""


def _read(resume: str) -> tuple[str, int]:
    """The upload's name and its chunks' size out of a kept text; an empty name if it makes no sense."""
    try:
        value = json.loads(resume) if resume else {}
        upload_id, chunk_bytes = value.get("id", ""), value.get("chunk_bytes")
    except (ValueError, AttributeError):
        return "", 0
    if _is_plain(upload_id) and isinstance(chunk_bytes, int) and chunk_bytes > 0:
        return upload_id, chunk_bytes
    return "", 0


def _is_plain(upload_id: object) -> TypeGuard[str]:
    """Whether it can stand in an address and in a form as it is."""
    if not isinstance(upload_id, str) or not 0 < len(upload_id) <= _ID_MAX or not upload_id.isascii():
        return False
    return upload_id.strip(".") != "" and all(sign.isalnum() or sign in "-_." for sign in upload_id)
