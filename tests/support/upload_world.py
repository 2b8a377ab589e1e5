"""An agent in this process with destinations over HTTP, and what a test waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from transfer_core.config import EngineConfig, RetryPolicyConfig
from transfer_core.engine.local_service import LocalService
from transfer_core.events import JobState, JobView
from transfer_core.service import NewDestination

LIMIT_S = 60.0


def wait_until(condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)


class UploadWorld:
    """`agent` works a queue in `folder`; `restart` stops it cleanly and starts it again."""

    def __init__(self, folder: Path, *, max_attempts: int = 8, given_up_kept_s: float = 0.1) -> None:
        self.folder = folder
        self._config = EngineConfig(retry=RetryPolicyConfig(0.05, 0.2, max_attempts), given_up_kept_s=given_up_kept_s)
        self.agent = self._start()

    def _start(self) -> LocalService:
        agent = LocalService(self.folder / "state", links=["lo"], config=self._config)
        agent.start()
        return agent

    def restart(self, meanwhile: Callable[[], None] | None = None) -> None:
        self.agent.stop()
        if meanwhile is not None:
            meanwhile()
        self.agent = self._start()

    def stop(self) -> None:
        self.agent.stop()

    def destination(self, url: str, *, name: str = "box", kind: str = "", token: str = "", **options: str) -> None:
        self.agent.uploads.add_destination(NewDestination(name, url, kind, token, options))

    def file(self, name: str, size: int) -> Path:
        path = self.folder / name
        path.write_bytes(np.random.default_rng(len(name) + size).bytes(size))
        return path

    def queue(self, path: Path, *, to: str = "box", priority: int = 5) -> str:
        (job,) = self.agent.add_paths([str(path)], destination=to, priority=priority).added
        return job.file_id

    def job(self, file_id: str) -> JobView:
        return self.agent.job(file_id)

    def wait_for(self, file_id: str, state: JobState, limit_s: float = LIMIT_S) -> JobView:
        try:
            wait_until(lambda: self.job(file_id).status is state, state.value, limit_s)
        except AssertionError as error:
            raise AssertionError(f"{state}: {self.job(file_id)}") from error
        return self.job(file_id)

    def arrive(self, file_id: str) -> JobView:
        return self.wait_for(file_id, JobState.COMPLETED)
