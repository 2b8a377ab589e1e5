"""A PostgreSQL server of a test's own: in a folder that it makes, on a Unix socket, ended with the test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
_DEADLINE_S = 60.0


def find_server() -> Path | None:
    """Where `initdb` and `postgres` are; None if no server is installed, or the system is no Unix."""
    found = [folder for folder in FOLDERS if (folder / "initdb").exists() and (folder / "postgres").exists()]
    on_path = shutil.which("initdb")
    if found or on_path is None or not hasattr(os, "geteuid"):
        return found[0] if found else None
    return Path(on_path).resolve().parent


class PostgresServer:
    """Runs between `start` and `stop`, and may be started again. PostgreSQL refuses root, so `nobody` runs it then."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = "nobody" if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="drs-pg-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self.folder.chmod(0o700)
        self._data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self._data), "-U", "tester", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")

    @property
    def url(self) -> str:
        """Its address for psycopg."""
        return f"postgresql://tester@/postgres?host={self.folder}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd=self.folder, timeout=60)

    def start(self) -> None:
        """Return when it takes connections."""
        import psycopg

        options = ["-c", "listen_addresses=", "-k", str(self.folder), "-c", "shared_buffers=64MB"]
        log = (self.folder / "log").open("ab")
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        self._process = subprocess.Popen(command, stdout=log, stderr=log, user=self._user, cwd=self.folder)
        log.close()
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, with whatever it does; what was committed stays. May be called twice."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_DEADLINE_S)
            self._process = None

    def remove(self) -> None:
        """Stop, and take the folder away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
