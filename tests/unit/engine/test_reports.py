from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from transfer_core.engine.reports import Reports


def test_data_flows_too_when_a_files_arrival_is_the_first_that_is_heard_of_it() -> None:
    clerk: Any = SimpleNamespace(runner=None, do_with_others=lambda call: None)
    reports = Reports(clerk)
    assert not reports.data_flows.is_set()
    reports.on_arrived([])
    assert reports.data_flows.is_set()
