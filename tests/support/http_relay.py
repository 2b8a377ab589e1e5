"""A relay's HTTP side on a scratch state, without its UDP side."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from transfer_core.config import RelayConfig, RelayHttpConfig
from transfer_core.engine.identity import load_identity
from transfer_core.engine.system import SystemClock
from transfer_core.server.companion import RelayGround
from transfer_core.server.uploads.http_side import HttpSide
from transfer_core.storage.free_space import Room
from transfer_core.storage.relay_store import RelayStore


def random_bytes(size: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def until(holds: Callable[[], bool], what: str, within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.01)


@dataclass
class HttpRelay:
    """Served from `start` to `stop`; may be started again on the same state."""

    folder: Path
    config: RelayConfig = field(default_factory=lambda: RelayConfig(keep_free_bytes=0))
    side_options: dict[str, Any] = field(default_factory=dict)
    listen: tuple[str, int] = ("127.0.0.1", 0)
    events: list[dict[str, object]] = field(default_factory=list)

    def start(self) -> HttpRelay:
        state = self.folder / "state"
        state.mkdir(parents=True, exist_ok=True)
        self.directory = self.folder / "in"
        self.directory.mkdir(exist_ok=True)
        self.clock = SystemClock()
        self.identity = load_identity(state)
        self.store = RelayStore(state, self.clock)
        ground = RelayGround(
            state_dir=state,
            directory=self.directory,
            store=self.store,
            identity=self.identity,
            config=self.config,
            clock=self.clock,
            room=Room(self.directory, self.config.keep_free_bytes),
            tell=self._tell,
        )
        self.side = HttpSide(self.listen, **self.side_options)
        try:
            self.facts = self.side.start(ground)
        except BaseException:
            self.stop()
            raise
        self.url = str(self.facts["http"])
        return self

    def stop(self) -> None:
        self.side.stop()
        self.store.close()

    def __enter__(self) -> HttpRelay:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _tell(self, event: str, /, **facts: object) -> None:
        self.events.append({"event": event, **facts})

    def files(self) -> list[Path]:
        return sorted(path for path in self.directory.rglob("*") if path.is_file())


def http_config(**values: Any) -> RelayConfig:
    return RelayConfig(keep_free_bytes=0, http=RelayHttpConfig(**values))


class ReferenceClient:
    """A client of the reference's protocol as its text describes it, with its names and nothing else."""

    def __init__(self, url: str, data: bytes, name: str = "recording_20251025_120000", chunk: int = 5_000_000) -> None:
        self.http = httpx.Client(base_url=url, timeout=60)
        self.data, self.name, self.chunk = data, name, chunk
        self.md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.total = -(-len(data) // chunk)
        self.upload_id = ""

    def init(self, **more: Any) -> httpx.Response:
        body = {
            "filename": self.name,
            "filesize": len(self.data),
            "chunks": self.total,
            "metadata": {"type": "ros2_bag", "component": "robot_arm", "priority": 3},
            "checksum": self.md5,
            **more,
        }
        answer = self.http.post("/upload/init", json=body)
        self.upload_id = str(answer.json().get("upload_id", ""))
        return answer

    def piece(self, index: int) -> bytes:
        return self.data[index * self.chunk : (index + 1) * self.chunk]

    def send(self, index: int, piece: bytes | None = None, **more: Any) -> httpx.Response:
        form = {"upload_id": self.upload_id, "chunk_index": index, "chunk_total": self.total, **more}
        data = self.piece(index) if piece is None else piece
        return self.http.post("/upload/chunk", data=form, files={"chunk": ("chunk", data)})

    def finalize(self, **more: Any) -> httpx.Response:
        return self.http.post("/upload/finalize", json={"upload_id": self.upload_id, "checksum": self.md5, **more})

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.http.get(f"/upload/status/{self.upload_id}").json()
        return found

    def upload(self) -> httpx.Response:
        assert self.init().status_code == 200
        for index in range(self.total):
            answer = self.send(index)
            assert answer.status_code == 200, answer.text
        return self.finalize()

    def close(self) -> None:
        self.http.close()
