"""A server of the chunk protocol as its reference describes it. Also a program of its own.

Everything it knows lies in its folder, so that it can be killed and started again: `meta.json` and one file for each
chunk of an upload. `python -m tests.support.chunk_server DIR PORT [BYTES/S]` prints its port when it listens.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import threading
import uuid
from pathlib import Path

from tests.support.small_server import Handler, Reply, SmallServer, json_reply

_FORM = re.compile(rb'name="(upload_id|chunk_index|chunk_total)"\r\n\r\n([^\r]*)\r\n')


class ChunkHandler(Handler):
    server_of: ChunkServer

    def is_piece(self) -> bool:
        return self.path == "/upload/chunk"

    def answer(self) -> Reply:
        owner = self.server_of
        if self.path == "/health":
            return json_reply(status="healthy")
        if self.path == "/upload/init":
            asked = json.loads(self.content)
            upload_id = str(uuid.uuid4())
            (owner.folder / upload_id).mkdir()
            (owner.folder / upload_id / "meta.json").write_text(json.dumps(asked))
            return json_reply(upload_id=upload_id, success=True)
        if self.path.startswith("/upload/status/"):
            return self._status(self.path.rpartition("/")[2])
        if self.path == "/upload/chunk":
            return self._chunk()
        if self.path == "/upload/finalize":
            return self._finalize(**json.loads(self.content))
        return json_reply(404, error="no such address")

    def _folder(self, upload_id: str) -> Path | None:
        folder = self.server_of.folder / upload_id
        return folder if (folder / "meta.json").exists() else None

    def _status(self, upload_id: str) -> Reply:
        folder = self._folder(upload_id)
        if folder is None:
            return json_reply(404, error="Upload not found")
        asked = json.loads((folder / "meta.json").read_text())
        if asked.get("done"):
            return json_reply(status="completed", file_path=asked["done"], total_chunks=asked["chunks"])
        here = sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())
        return json_reply(status="uploading", received_chunks=here, total_chunks=asked["chunks"])

    def _chunk(self) -> Reply:
        fields = {key.decode(): value.decode() for key, value in _FORM.findall(self.content[:2000])}
        folder = self._folder(fields["upload_id"])
        if folder is None:
            return json_reply(404, error="Upload not found")
        boundary = self.headers["Content-Type"].rpartition("boundary=")[2].encode()
        start = self.content.index(b"\r\n\r\n", self.content.index(b'name="chunk"')) + 4
        data = self.content[start : self.content.rindex(b"\r\n--" + boundary + b"--")]
        self.server_of.piece_bytes_received += len(data)
        part = folder / f"{fields['chunk_index']}.part"
        part.write_bytes(data)
        part.rename(folder / fields["chunk_index"])
        total = int(fields["chunk_total"])
        done = sum(path.name.isdigit() for path in folder.iterdir())
        return json_reply(received_chunks=done, total_chunks=total, progress=done * 100 / total)

    def _finalize(self, upload_id: str, checksum: str) -> Reply:
        folder = self._folder(upload_id)
        if folder is None:
            return json_reply(404, error="Upload not found")
        asked = json.loads((folder / "meta.json").read_text())
        if not asked.get("done"):
            try:
                whole = b"".join((folder / str(index)).read_bytes() for index in range(asked["chunks"]))
            except FileNotFoundError:
                return json_reply(400, error="Missing chunks")
            if hashlib.md5(whole).hexdigest() != checksum:
                shutil.rmtree(folder)
                return json_reply(400, error="Checksum mismatch")
            target = self.server_of.folder / "completed" / Path(asked["filename"]).name
            target.write_bytes(whole)
            asked["done"] = str(target)
            (folder / "meta.json").write_text(json.dumps(asked))
        return json_reply(success=True, file_path=asked["done"])


class ChunkServer(SmallServer):
    handler = ChunkHandler

    def __init__(self, folder: Path, port: int = 0, host: str = "127.0.0.1") -> None:
        self.folder = folder
        (folder / "completed").mkdir(parents=True, exist_ok=True)
        super().__init__(port, host)

    def wipe(self) -> None:
        """Forget all unfinished uploads."""
        for path in self.folder.iterdir():
            if path.name != "completed":
                shutil.rmtree(path)

    def completed(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "completed").iterdir()}


if __name__ == "__main__":
    server = ChunkServer(Path(sys.argv[1]), int(sys.argv[2]))
    if len(sys.argv) > 3:
        server.rate_bytes_per_s = float(sys.argv[3])
    server.start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    threading.Event().wait()
