"""What an agent has imported by the time it sends a file: after `kill -9` every import delays the first byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from transfer_core.engine.local_service import LocalService

NOT_YET = (
    "pydantic rich fastapi uvicorn zeroconf requests urllib3 boto3 zstandard pathspec pyfastcdc mcap argon2 asyncio "
    "http.client email numpy.random cryptography.hazmat.primitives.serialization transfer_core.sync "
    "transfer_core.ingest transfer_core.telemetry transfer_core.server transfer_core.engine.direct "
    "transfer_core.engine.watches.desk transfer_core.engine.sync_desk transfer_core.engine.qlog "
    "transfer_core.engine.uploads.run transfer_core.upload.chunked transfer_core.upload.s3 "
    "transfer_core.protocol.receiver transfer_core.cli.send transfer_core.cli.sync transfer_core.service.transfer"
)
SCRIPT = """
import sys
from transfer_core.cli.__main__ import run
from transfer_core.engine import local_service
from transfer_core.engine.reports import Reports

local_service.HEAD_START_S = 60.0  # side rooms come then, or once a relay takes a file

def looking_first(report):
    def look_and_report(*words):
        print("EARLY", sorted(set(sys.argv[2].split()) & set(sys.modules)))
        print("HERE", sorted({"numpy", "transfer_core.protocol.sender"} & set(sys.modules)))
        report(*words)

    return look_and_report

Reports.on_accepted = looking_first(Reports.on_accepted)
Reports.on_arrived = looking_first(Reports.on_arrived)  # of a short file that may be told alone
code = run(["agent", "--once", "--state", sys.argv[1]])
print("LATER", {"transfer_core.sync", "transfer_core.engine.watches.desk"} <= set(sys.modules))
sys.exit(code)
"""


def test_an_agent_sends_before_it_imports_what_that_does_not_need(tmp_path: Path) -> None:
    state, lap = tmp_path / "state", tmp_path / "lap.bin"
    lap.write_bytes(bytes(300_000))
    host = LocalService(tmp_path / "host")
    try:
        host.start_relay(str(tmp_path / "in"), "127.0.0.1:0")
        agent = LocalService(state)
        agent.pair(host.relay_token().text)
        agent.add_paths([str(lap)])
        agent.stop()
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(state), NOT_YET], capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        host.stop()
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "EARLY []", done.stdout
    assert lines[1] == "HERE ['numpy', 'transfer_core.protocol.sender']"  # it does look at what is imported
    assert lines[-1] == "LATER True"
