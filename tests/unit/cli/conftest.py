from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted_service import ScriptedService
from transfer_core.cli import compose
from transfer_core.cli.__main__ import run


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> ScriptedService:
    """What every command of this test opens."""
    scripted = ScriptedService()

    @contextmanager
    def open_service(state: Path | None, **values: Any) -> Iterator[ScriptedService]:
        scripted.opened_with = {"state": state, **values}
        yield scripted
        scripted.stop()

    monkeypatch.setattr(compose, "open_service", open_service)
    return scripted


@pytest.fixture
def drs(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command line: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return call
