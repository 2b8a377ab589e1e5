from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.upload_world import UploadWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[UploadWorld]:
    made = UploadWorld(tmp_path, max_attempts=3)
    yield made
    made.stop()
