"""A tus 1.0.0 server in memory: creation, checksum and termination."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field

from tests.support.small_server import Handler, Reply, SmallServer

HEADERS = {"Tus-Resumable": "1.0.0"}


@dataclass
class TusFile:
    length: int
    metadata: dict[str, str]
    data: bytearray = field(default_factory=bytearray)


class TusHandler(Handler):
    server_of: TusServer

    def is_piece(self) -> bool:
        return self.command == "PATCH"

    def broken_off(self, found: bytes) -> None:
        upload = self.server_of.files.get(self.path)
        if self.command == "PATCH" and upload is not None and self.headers["Upload-Offset"] == str(len(upload.data)):
            upload.data += found

    def answer(self) -> Reply:
        if self.command == "OPTIONS":
            more = {"Tus-Version": "1.0.0", "Tus-Extension": "creation,checksum,termination"}
            return 204, {**HEADERS, **more}, b""
        if self.headers.get("Tus-Resumable") != "1.0.0":
            return 412, {"Tus-Version": "1.0.0"}, b""
        if self.command == "POST":
            return self._create()
        upload = self.server_of.files.get(self.path)
        if upload is None:
            return 404, HEADERS, b""
        if self.command == "HEAD":
            more = {"Upload-Offset": str(len(upload.data)), "Upload-Length": str(upload.length)}
            return 200, {**HEADERS, **more}, b""
        if self.command == "DELETE":
            del self.server_of.files[self.path]
            return 204, HEADERS, b""
        return self._append(upload)

    def _create(self) -> Reply:
        pairs = (pair.split(" ") for pair in self.headers["Upload-Metadata"].split(","))
        metadata = {key: base64.b64decode(value).decode() for key, value in pairs}
        path = f"/files/{len(self.server_of.requests)}"
        self.server_of.files[path] = TusFile(int(self.headers["Upload-Length"]), metadata)
        return 201, {**HEADERS, "Location": path}, b""

    def _append(self, upload: TusFile) -> Reply:
        if int(self.headers["Upload-Offset"]) != len(upload.data):
            return 409, {**HEADERS, "Upload-Offset": str(len(upload.data))}, b""
        algorithm, _, wanted = self.headers.get("Upload-Checksum", "").partition(" ")
        if algorithm and base64.b64encode(hashlib.new(algorithm, self.content).digest()).decode() != wanted:
            return 460, HEADERS, b""
        self.server_of.piece_bytes_received += len(self.content)
        upload.data += self.content
        return 204, {**HEADERS, "Upload-Offset": str(len(upload.data))}, b""


class TusServer(SmallServer):
    handler = TusHandler

    def __init__(self) -> None:
        self.files: dict[str, TusFile] = {}
        super().__init__()

    def completed(self) -> dict[str, bytes]:
        whole = (each for each in self.files.values() if len(each.data) == each.length)
        return {each.metadata["filename"]: bytes(each.data) for each in whole}

    def wipe(self) -> None:
        self.files.clear()

    def __repr__(self) -> str:
        return json.dumps({path: len(each.data) for path, each in self.files.items()})
