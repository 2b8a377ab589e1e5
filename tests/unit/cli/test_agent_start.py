"""What an agent has imported by the time it begins to send: after `kill -9` every import delays the first byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOT_YET = (
    "pydantic rich fastapi uvicorn zeroconf requests urllib3 boto3 zstandard pathspec pyfastcdc mcap argon2 asyncio "
    "http.client email transfer_core.sync transfer_core.ingest transfer_core.telemetry transfer_core.server "
    "transfer_core.engine.direct transfer_core.engine.watches.desk transfer_core.engine.sync_desk "
    "transfer_core.engine.qlog transfer_core.engine.uploads.run transfer_core.upload.chunked transfer_core.upload.s3 "
    "transfer_core.protocol.receiver transfer_core.cli.send transfer_core.cli.sync transfer_core.service.transfer"
)
SCRIPT = """
import sys
from transfer_core.cli.__main__ import run
from transfer_core.engine.clerk import Clerk

begin = Clerk.start

def start(clerk):
    print("EARLY", sorted(set(sys.argv[2].split()) & set(sys.modules)))
    print("HERE", sorted({"numpy", "transfer_core.protocol.sender"} & set(sys.modules)))
    begin(clerk)

Clerk.start = start
code = run(["agent", "--once", "--links", "none", "--state", sys.argv[1]])
print("LATER", {"transfer_core.sync", "transfer_core.engine.watches.desk"} <= set(sys.modules))
sys.exit(code)
"""


def test_an_agent_begins_to_send_before_it_imports_what_that_does_not_need(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), NOT_YET], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "EARLY []" in lines, done.stdout
    assert "HERE ['numpy', 'transfer_core.protocol.sender']" in lines  # it does look at what is imported
    assert "LATER True" in lines
