from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.jobs.support import SPEC, START_NS
from transfer_core.jobs.store import JobStore
from transfer_core.sim.manual_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall_ns=START_NS)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[JobStore]:
    opened = JobStore(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def watched(store: JobStore) -> JobStore:
    store.add_watches([SPEC])
    return store
