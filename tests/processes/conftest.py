from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.field import Field


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """A folder to run commands in; whatever still runs at the end is ended."""
    field = Field(tmp_path)
    yield field
    field.close()
