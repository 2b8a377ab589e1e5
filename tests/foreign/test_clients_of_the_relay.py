"""Programs that others wrote, unchanged, against the relay's HTTP side."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
from hypothesis import strategies as st

from tests.support.http_relay import HttpRelay, http_config, random_bytes
from tests.support.npm import install_packages

tusclient = pytest.importorskip("tusclient.client", reason="tuspy is not installed (pip install tuspy)")
schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed (pip install schemathesis)")

DATA = random_bytes(5_000_000, seed=21)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[HttpRelay]:
    with HttpRelay(tmp_path, http_config()) as relay:
        yield relay


# --- tuspy


@pytest.mark.parametrize("chunk", [300_000, 1_000_000, 10_000_000])
@pytest.mark.parametrize("checksums", [False, True])
def test_tuspy_uploads_a_file(relay: HttpRelay, chunk: int, checksums: bool) -> None:
    client = tusclient.TusClient(f"{relay.url}/files/")
    uploader = client.uploader(
        file_stream=io.BytesIO(DATA), chunk_size=chunk, metadata={"filename": "länge.bin"}, upload_checksum=checksums
    )
    uploader.upload()
    (path,) = relay.files()
    assert (path.name, path.read_bytes()) == ("länge.bin", DATA)


def test_tuspy_goes_on_where_it_was_after_a_restart_of_the_relay(relay: HttpRelay) -> None:
    client = tusclient.TusClient(f"{relay.url}/files/")
    first = client.uploader(file_stream=io.BytesIO(DATA), chunk_size=1_000_000, metadata={"filename": "lap.bin"})
    first.upload_chunk()
    first.upload_chunk()
    relay.stop()
    relay.start()
    where = f"{relay.url}/files/{first.url.rpartition('/')[2]}"
    second = tusclient.TusClient(f"{relay.url}/files/").uploader(
        file_stream=io.BytesIO(DATA), chunk_size=1_000_000, url=where
    )
    assert second.offset == 2_000_000
    second.upload()
    assert relay.files()[0].read_bytes() == DATA


# --- tus-js-client

TUS_JS = """
const fs = require('fs'), tus = require('tus-js-client');
const [url, path, options] = process.argv.slice(2);
const more = JSON.parse(options);
const source = more.parallelUploads ? fs.readFileSync(path) : fs.createReadStream(path);
let resumed = false;
const upload = new tus.Upload(source, {
  endpoint: url, ...(more.parallelUploads ? {} : {uploadSize: fs.statSync(path).size}), retryDelays: [0, 200, 500],
  metadata: {filename: 'js.bin'}, ...more,
  onError: error => { console.error(String(error)); process.exit(1); },
  onChunkComplete: (size, accepted) => {
    if (more.abortAt && accepted >= more.abortAt && !resumed) {
      resumed = true;
      upload.abort().then(() => upload.start());
    }
  },
  onSuccess: () => { console.log(upload.url); process.exit(0); },
});
upload.start();
"""


@pytest.fixture(scope="session")
def tus_js(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = install_packages(tmp_path_factory, "tus-js-client@4.3.1")
    (folder / "upload.js").write_text(TUS_JS)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunkSize": 700_000},
        {"chunkSize": 700_000, "uploadDataDuringCreation": True},
        {"chunkSize": 700_000, "abortAt": 2_000_000},
        {"parallelUploads": 4},
        {"chunkSize": 700_000, "overridePatchMethod": True},
    ],
    ids=["whole", "chunks", "with-creation", "aborted", "parallel", "post"],
)
def test_tus_js_client_uploads_a_file(
    relay: HttpRelay, tus_js: Path, tmp_path: Path, options: dict[str, object]
) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(DATA)
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, str(tus_js / "upload.js"), f"{relay.url}/files/", str(source), json.dumps(options)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tus_js,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    (path,) = relay.files()
    assert (path.name, path.read_bytes()) == ("js.bin", DATA)


# --- schemathesis


class Asker:
    """Calls one operation of the document with what it may be called with, and with what it may not."""

    def __init__(self, known_ids: list[str]) -> None:
        self.statuses: set[int] = set()
        self.without_input: set[str] = set()
        self._known_ids = known_ids

    def ask(self, operation: Any, mode: Any) -> None:
        @hypothesis.settings(max_examples=20, deadline=None, derandomize=True, database=None)
        @hypothesis.given(data=st.data())
        def ask(data: st.DataObject) -> None:
            case = data.draw(operation.as_strategy(generation_mode=mode))
            if case.path_parameters and data.draw(st.booleans()):
                case.path_parameters["upload_id"] = data.draw(st.sampled_from(self._known_ids))
            answer = case.call(timeout=60)
            self.statuses.add(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        try:
            ask()
        except (hypothesis.errors.Unsatisfiable, hypothesis.errors.FailedHealthCheck):
            self.without_input.add(operation.label)  # there is nothing that could be wrong about it


@pytest.mark.slow
def test_schemathesis_finds_no_request_that_breaks_the_relay(tmp_path: Path) -> None:
    with HttpRelay(tmp_path, http_config(body_timeout_s=2.0, upload_bytes_max=10_000_000)) as relay:
        schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
        schema = schemathesis.openapi.from_url(f"{relay.url}/openapi.json")
        begun = httpx.post(
            f"{relay.url}/upload/init", json={"filename": "x", "filesize": 9, "chunks": 3}, timeout=60
        ).json()
        where = httpx.post(f"{relay.url}/files/", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "9"}, timeout=60)
        asker = Asker([begun["upload_id"], where.headers["Location"].rpartition("/")[2]])
        operations = [result.ok() for result in schema.get_all_operations()]
        assert len(operations) == 14, [operation.label for operation in operations]
        for operation in operations:
            for mode in schemathesis.GenerationMode:
                asker.ask(operation, mode)
        assert asker.without_input <= {"GET /health", "GET /uploads", "OPTIONS /files/", "POST /pair"}
        assert {200, 400, 404} <= asker.statuses
        assert httpx.get(f"{relay.url}/health", timeout=60).json()["status"] == "healthy"
